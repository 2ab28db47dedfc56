"""Own HTML: everything is escaped, marks explain their line, numbers have words."""

from __future__ import annotations

import html
import re

import pytest

from tsdash.ui.html import (
    Mark,
    VerdictRow,
    agreement_table,
    code_view,
    diff_view,
    highlighted,
    inline,
    outcome_bar,
    outcome_legend,
    tied_panes,
    verdict_table,
)

SOURCE = "def forward(self, x):\n    if x.sum() > 0:  # a <branch>\n        return x\n    return -x"


def words(markup: str) -> str:
    """What a reader sees."""
    return html.unescape(re.sub(r"<[^>]+>", "", markup))


def test_reasons_that_are_left_can_be_opened() -> None:
    """The table says how many there are and holds them; with none left there is nothing to open."""
    row = VerdictRow(mode="trace", verdict="ship", counts={"identical": 3}, reason="One.", more=("Two <i>.", "Three."))
    markup = verdict_table([row], cases=3)
    assert "<summary>And 2 more reasons</summary><ul><li>Two &lt;i&gt;.</li><li>Three.</li></ul>" in markup
    assert "<details>" not in verdict_table(
        [VerdictRow(mode="trace", verdict="ship", counts={}, reason="One.")], cases=3
    )


def test_code_has_line_numbers_and_all_its_text() -> None:
    """Every line of a short source is shown under its own number."""
    shown = words(code_view(SOURCE, title="m.py", first_line=7))
    assert "7def forward(self, x):" in shown
    assert "10    return -x" in shown


def test_several_lines_carry_their_own_notes() -> None:
    """Warnings and the guilty line are marked at once, each note directly below its line."""
    marks = {
        2: Mark(kind="guilty", notes=("decided while tracing",)),
        3: Mark(kind="warned", notes=("first warning", "second `warning`")),
    }
    markup = code_view(SOURCE, title="m.py", marks=marks)
    assert markup.count("ts-line ts-guilty") == 1
    assert markup.count("ts-note-warned") == 2
    order = [markup.index(text) for text in ("sum", "decided while", "ts-warned", "first warning", "second <code>")]
    assert order == sorted(order)


def test_code_is_escaped() -> None:
    """Source and title of a user cannot become markup."""
    markup = code_view("x = '<script>alert(1)</script>'", title='<b a="1">')
    assert "<script>" not in markup
    assert "<b" not in markup


def test_a_long_source_shows_the_surroundings_of_its_marks() -> None:
    """Two hundred lines with one mark show that line, its neighbours, and how much is left out."""
    source = "\n".join(f"x{i} = {i}" for i in range(1, 201))
    shown = words(code_view(source, title="m.py", marks={100: Mark(kind="guilty")}))
    assert "x100 = 100" in shown
    assert "x92 = 92" in shown
    assert "x91 = 91" not in shown
    assert "… 91 lines" in shown
    assert "… 92 lines" in shown


def test_a_mark_outside_the_source_is_harmless() -> None:
    """A line number of another version of the file marks nothing and raises nothing."""
    assert "ts-guilty" not in code_view(SOURCE, title="m.py", marks={99: Mark(kind="guilty")})


@pytest.mark.parametrize(
    "source", [SOURCE, 'x = """a\n<b>\nc"""\ny = 1', "x = f'{a:>3}' + 'é'", "def f(:\n  'open", "", "\t\tx"]
)
def test_highlighting_changes_no_text(source: str) -> None:
    """Colours are added around the text; the text stays, even where Python cannot read it."""
    assert [words(line) for line in highlighted(source)] == (source.splitlines() or [""])


def test_highlighting_finds_keywords_and_comments() -> None:
    """Keywords, numbers and comments have their classes, names have none."""
    line = highlighted(SOURCE)[1]
    assert '<span class="ts-k-keyword">if</span>' in line
    assert '<span class="ts-k-comment"># a &lt;branch&gt;</span>' in line
    assert "sum" in words(line)


def test_a_docstring_over_several_lines_is_coloured_on_each() -> None:
    """A string keeps its colour from its first line to its last."""
    assert all("ts-k-string" in line for line in highlighted('"""a\nb\nc"""'))


def test_a_diff_has_no_headers_and_true_minus_signs() -> None:
    """File and hunk headers are left out; removed lines are signed −."""
    markup = diff_view("--- a\n+++ b\n@@ -1 +1 @@\n same\n-old\n+new", title="Fix")
    assert words(markup).replace("\n", "") == "Fix same−old+new"
    assert "ts-del" in markup
    assert "ts-add" in markup


def test_tied_lines_share_a_tint() -> None:
    """Lines of one origin carry one tie; a missing line is set in italics without a number."""
    markup = tied_panes([("You wrote", [(1, "if x:", 2)]), ("trace kept", [(None, "never ran", 2)])])
    assert markup.count('data-tie="2"') == 2
    assert "ts-gone" in markup


def test_backticks_set_code_and_nothing_else_is_markup() -> None:
    """A sentence may hold code, and signs that HTML would take for its own."""
    assert inline("`x < y` & z") == "<code>x &lt; y</code> &amp; z"


def row(**changes: object) -> VerdictRow:
    facts = {"mode": "trace", "verdict": "ship", "counts": {"identical": 40}, "reason": "The same bits.", "worst": 0.0}
    return VerdictRow(**{**facts, **changes})  # type: ignore[arg-type]


def test_a_verdict_has_glyph_and_words() -> None:
    """The verdict is told without colour."""
    assert "✗ do not ship" in words(verdict_table([row(verdict="do_not_ship")], cases=40))


def test_what_is_absent_is_a_dash() -> None:
    """No speed-up, nothing comparable and no |Δ| are dashes, never 0."""
    shown = words(verdict_table([row(worst=None, plain=(0, 0))], cases=40))
    assert shown.endswith("The same bits.———")


def test_the_plain_rule_stands_beside_the_verdict() -> None:
    """How many cases the plain rule would pass is in the row of the verdict."""
    assert "38 of 40" in words(verdict_table([row(plain=(38, 40))], cases=40))


def test_a_verdict_that_is_not_there_yet_says_so() -> None:
    """While a mode still runs its verdict is open."""
    assert "not yet" in words(verdict_table([row(verdict=None)], cases=40))


def test_the_outcome_bar_can_be_read() -> None:
    """The bar's text alternative has its counts, mildest first; outcomes without cases are left out."""
    assert 'aria-label="3 identical, 1 crash"' in outcome_bar({"crash": 1, "identical": 3, "timeout": 0})


def test_the_legend_names_every_outcome_once() -> None:
    """Glyph and word of each."""
    shown = words(outcome_legend())
    for text in ("=identical", "≠mismatch", "†crash", "·not run"):
        assert shown.count(text) == 1


def test_agreement_counts_rows_and_accuracy() -> None:
    """Accuracy of each side, and in how many rows any two agree."""
    shown = words(agreement_table({"eager": (0, 1, 1, 2), "trace": (0, 1, 0, 0)}, (0, 1, 1, 1)))
    assert "eager3 of 4 75.0 %4 of 4 100 %2 of 4 50.0 %" in shown
    assert "trace2 of 4 50.0 %2 of 4 50.0 %4 of 4 100 %" in shown
