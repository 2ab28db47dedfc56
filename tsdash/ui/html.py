"""Views that Streamlit has no element for, as HTML on our own `ts-` classes: code, diffs, verdicts, the legend.

All text is escaped here; only backticks have a meaning, they set code. Pass the result to `st.html`.
"""

from __future__ import annotations

import io
import itertools
import keyword
import token as tokens_of_python
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from tsdash import formats
from tsdash.findings import right
from tsdash.glossary import FIGURES
from tsdash.spec import Baked
from tsdash.tokens import OUTCOMES, VERDICTS, mode_look
from tsdash.ui.style import pair

WHOLE_LINES = 26  # marked sources up to this length are shown whole, as far as the frame is high
LEAST_HIDDEN_LINES = 3  # fewer are shown: hiding them would save nothing
AROUND_LINES = 8  # of longer ones, so many lines around each mark
SIGNS = {"guilty": "▸", "warned": "!", "unreached": "·"}


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What a source line is marked with: `kind` is "guilty", "warned" or "unreached", the notes stand below the line."""

    kind: str
    notes: tuple[str, ...] = ()
    values: tuple[Baked, ...] = ()  # stand beside the line


@dataclass(frozen=True, kw_only=True)
class VerdictRow:
    """One mode in the table of verdicts. `verdict` None: it is not known yet."""

    mode: str
    verdict: str | None
    counts: Mapping[str, int]  # cases by outcome
    reason: str
    more: tuple[str, ...] = ()  # reasons, to be opened
    worst: float | None = None  # largest |Δ| of all cases
    plain: tuple[int, int] | None = None  # cases that pass the plain rule, of those that could be compared
    speed_up: tuple[float, float, float] | None = None  # ratio, low, high


@dataclass(frozen=True, kw_only=True)
class _Row:
    text: str  # already HTML
    number: int | str = ""
    sign: str = ""
    css: str = ""
    notes: tuple[str, ...] = ()
    note_css: str = ""
    tie: int | None = None


def code_view(source: str, *, title: str, first_line: int = 1, marks: Mapping[int, Mark] | None = None) -> str:
    """Source with line numbers; marked lines are tinted, signed and explained below themselves.

    Of a long source only the surroundings of the marks are shown; where nothing is marked it is shown whole and scrolls.
    """
    marked = marks or {}
    lines = highlighted(source)
    rows = []
    shown = _shown(len(lines), [number - first_line for number in marked])
    for i, text in enumerate(lines):
        if i not in shown:
            if i == 0 or i - 1 in shown:
                hidden = next((j for j in range(i, len(lines)) if j in shown), len(lines)) - i
                rows.append(_Row(text=f"… {formats.counted(hidden, 'line')}", css="ts-gap"))
            continue
        mark = marked.get(i + first_line)
        if mark:
            css = f"ts-{mark.kind}"
            note_css = f"ts-note-{mark.kind}"
            rows.append(
                _Row(
                    text=text + "".join(map(_value, mark.values)),
                    number=i + first_line,
                    sign=SIGNS[mark.kind],
                    css=css,
                    notes=mark.notes,
                    note_css=note_css,
                )
            )
        else:
            rows.append(_Row(text=text, number=i + first_line))
    return _framed(rows, title)


def _value(baked: Baked) -> str:
    """What an expression of the line was while exporting, and is here."""
    both = f"<b>{escape(baked.exporting)}</b> while exporting, <b>{escape(baked.eager)}</b> here"
    return f'<span class="ts-baked" title="{escape(baked.code)}">{both}</span>'


def _shown(n_lines: int, marked: Sequence[int]) -> set[int]:
    """Which of the lines 0 … n − 1 are shown."""
    if n_lines <= WHOLE_LINES or not any(0 <= at < n_lines for at in marked):
        return set(range(n_lines))
    shown = {i for at in marked for i in range(at - AROUND_LINES, at + AROUND_LINES + 1) if 0 <= i < n_lines}
    ends = sorted({-1, *shown, n_lines})
    short = [range(a + 1, b) for a, b in itertools.pairwise(ends) if b - a - 1 <= LEAST_HIDDEN_LINES]
    return shown.union(*short)


def diff_view(diff: str, *, title: str) -> str:
    """A unified diff without its file and hunk headers."""
    css = {"+": "ts-add", "-": "ts-del"}
    kept = [line for line in diff.splitlines() if not line.startswith(("---", "+++", "@@"))]
    rows = [
        _Row(text=escape(line[1:]) or " ", sign={"-": "−"}.get(line[:1], line[:1]), css=css.get(line[:1], ""))
        for line in kept
    ]
    return _framed(rows, title)


def tied_panes(panes: Iterable[tuple[str, Sequence[tuple[int | None, str, int | None]]]]) -> str:
    """Panes of (title, [(number, text, tie)]) side by side; lines with one tie share a tint and light up together.

    A line without a number is missing there; its text says why, in italics.
    """
    html = []
    for title, lines in panes:
        rows = [
            _Row(text=highlighted(text)[0], number=number, tie=tie)
            if number is not None
            else _Row(text=escape(text), css="ts-gone", tie=tie)
            for number, text, tie in lines
        ]
        html.append(_framed(rows, title))
    return f'<div class="ts-panes">{"".join(html)}</div>'


def _framed(rows: Iterable[_Row], title: str) -> str:
    name = escape(title)
    body = "".join(_line(row) for row in rows)
    return f'<div class="ts-code" tabindex="0" role="region" aria-label="{name}"><header>{name}</header><div class="ts-lines">{body}</div></div>'


def _line(row: _Row) -> str:
    tied = "" if row.tie is None else f' data-tie="{row.tie}"'
    css = f"ts-line {row.css}{'' if row.tie is None else f' ts-t{row.tie}'}"
    cells = f'<span class="ts-no">{row.number}</span><span class="ts-sign">{escape(row.sign)}</span><span class="ts-text">{row.text or " "}</span>'
    notes = "".join(f'<div class="ts-note {row.note_css}">{inline(note)}</div>' for note in row.notes)
    return f'<div class="{css}"{tied}>{cells}</div>{notes}'


def highlighted(source: str) -> list[str]:
    """The lines of Python source as HTML with keywords, strings, numbers and comments coloured.

    Source that does not parse is coloured as far as it does.
    """
    lines = source.splitlines() or [""]
    spans: dict[int, list[tuple[int, int, str]]] = {}
    try:
        for item in tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline):
            kind = _kind(item)
            if kind:
                for row in range(item.start[0], item.end[0] + 1):
                    start = item.start[1] if row == item.start[0] else 0
                    stop = item.end[1] if row == item.end[0] else len(lines[row - 1])
                    spans.setdefault(row - 1, []).append((start, stop, kind))
    except (tokenize.TokenError, SyntaxError):
        pass  # the rest stays plain: what is being looked at may be the syntax error itself
    return [_coloured(text, spans.get(i, [])) for i, text in enumerate(lines)]


def _kind(item: tokenize.TokenInfo) -> str | None:
    if item.type == tokens_of_python.NAME and keyword.iskeyword(item.string):
        return "keyword"
    name = tokens_of_python.tok_name[item.type]
    if name.startswith("FSTRING") or name == "STRING":  # Python 3.12 takes f-strings apart
        return "string"
    return {"NUMBER": "number", "COMMENT": "comment"}.get(name)


def _coloured(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    parts, at = [], 0
    for start, stop, kind in spans:
        parts += [escape(text[at:start]), f'<span class="ts-k-{kind}">{escape(text[start:stop])}</span>']
        at = stop
    return "".join(parts) + escape(text[at:])


def inline(sentence: str) -> str:
    """A sentence as HTML; what stands between backticks is set as code."""
    parts = escape(sentence).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def verdict_table(rows: Sequence[VerdictRow], *, cases: int) -> str:
    """One row a mode: swatch and name, verdict, outcome bar, decisive fact, worst |Δ|, plain rule, speed-up."""
    titles = [
        ("mode", "", ""),
        ("verdict", "verdict", ""),
        (formats.counted(cases, "case"), "outcome", "ts-wide"),
        ("because", "", ""),
        ("worst |Δ|", "max_abs", ""),
        ("plain rule", "plain_rule", ""),
        ("speed-up [95 %]", "speed_up", ""),
    ]
    cells = "".join(
        f'<th class="{css}" title="{escape(FIGURES.get(hint, ""))}">{name}</th>' for name, hint, css in titles
    )
    head = f"<tr>{cells}</tr>"
    body = "".join(_verdict_row(row) for row in rows)
    table = f'<table class="ts-verdicts"><thead>{head}</thead><tbody>{body}</tbody></table>'
    return f'<div class="ts-scroll" tabindex="0" role="region" aria-label="Verdicts">{table}</div>'


def _verdict_row(row: VerdictRow) -> str:
    swatch = f'<span class="ts-swatch" style="background:{pair(mode_look(row.mode).colour)}"></span>'
    if row.verdict is None:
        verdict = '<td class="ts-verdict ts-sub">· not yet</td>'
    else:
        look = VERDICTS[row.verdict]
        verdict = f'<td class="ts-verdict" style="color:{pair(look.ink)}">{look.glyph} {look.label}</td>'
    speed = formats.ABSENT
    if row.speed_up:
        ratio, low, high = row.speed_up
        speed = f'{formats.ratio(ratio)} <span class="ts-sub">[{low:.2f}, {high:.2f}]</span>'
    plain = formats.ABSENT if row.plain is None or not row.plain[1] else f"{row.plain[0]} of {row.plain[1]}"
    return (
        f'<tr><td class="ts-mode">{swatch}{escape(row.mode)}</td>{verdict}<td class="ts-wide">{outcome_bar(row.counts)}</td>'
        f'<td class="ts-why">{inline(row.reason)}{_more(row.more)}</td><td class="ts-num">{formats.delta(row.worst)}</td>'
        f'<td class="ts-num">{plain}</td><td class="ts-num">{speed}</td></tr>'
    )


def _more(reasons: Sequence[str]) -> str:
    """What opens to show the reasons that are left."""
    items = "".join(f"<li>{inline(reason)}</li>" for reason in reasons)
    words = f"And {formats.counted(len(reasons), 'more reason')}"
    return f"<details><summary>{words}</summary><ul>{items}</ul></details>" if reasons else ""


def outcome_bar(counts: Mapping[str, int]) -> str:
    """Cases by outcome as one bar, mildest first; the text alternative has the numbers."""
    present = [(name, counts[name]) for name in OUTCOMES if counts.get(name)]
    segments = "".join(f'<i style="flex:{n};background:{pair(OUTCOMES[name].fill)}"></i>' for name, n in present)
    alt = ", ".join(f"{n} {OUTCOMES[name].label}" for name, n in present) or "no cases"
    return f'<span class="ts-bar" role="img" aria-label="{alt}">{segments}</span>'


def agreement_table(predictions: Mapping[str, Sequence[int]], labels: Sequence[int]) -> str:
    """Accuracy of each side, where the right classes are known, and in how many rows any two predict the same class."""
    names = list(predictions)
    truth = "<th>accuracy</th>" if labels else ""
    head = f"<tr><th></th>{truth}{''.join(f'<th>same as {escape(name)}</th>' for name in names)}</tr>"
    body = ""
    for name in names:
        classes = predictions[name]
        cells = ([right(classes, labels)] if labels else []) + [right(classes, predictions[other]) for other in names]
        swatch = f'<span class="ts-swatch" style="background:{pair(mode_look(name).colour)}"></span>'
        numbers = "".join(f'<td class="ts-num">{_of(count, len(classes))}</td>' for count in cells)
        body += f'<tr><td class="ts-mode">{swatch}{escape(name)}</td>{numbers}</tr>'
    table = f'<table class="ts-verdicts"><thead>{head}</thead><tbody>{body}</tbody></table>'
    return f'<div class="ts-scroll" tabindex="0" role="region" aria-label="Accuracy and agreement">{table}</div>'


def _of(part: int, whole: int) -> str:
    return f'{formats.count(part)} of {formats.count(whole)} <span class="ts-sub">{formats.share(part, whole)}</span>'


def facts_view(rows: Iterable[tuple[str, str, str]]) -> str:
    """Named numbers, each with what it means on hover."""
    items = "".join(
        f'<div title="{escape(hint)}"><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>'
        for name, value, hint in rows
    )
    return f'<dl class="ts-facts">{items}</dl>'


def outcome_legend(names: Iterable[str] = tuple(OUTCOMES)) -> str:
    """Glyph, colour and word of each outcome, mildest first."""
    wanted = set(names)
    items = "".join(
        f'<span><span class="ts-cell" style="background:{pair(look.fill)};color:{pair(look.on_fill)}">{look.glyph}</span>{look.label}</span>'
        for name, look in OUTCOMES.items()
        if name in wanted
    )
    return f'<div class="ts-legend">{items}</div>'
