"""The stylesheet of our own `ts-` classes. Nothing here names a class of Streamlit; a row of choices is as high as a box of
them, so that their labels stand on one line.

Colours are `light-dark(…)` pairs, so a view follows the switch of appearance without Python being asked.
"""

from __future__ import annotations

from tsdash.tokens import DARK, FONT, FONT_MONO, LIGHT, LINE_TINTS, MARK_TINTS, OUTCOMES, RADIUS_PX, SYNTAX, Pair


def pair(colours: Pair) -> str:
    """A (light, dark) pair as CSS."""
    return f"light-dark({colours[0]},{colours[1]})"


def _look(name: str) -> str:
    return pair((getattr(LIGHT, name), getattr(DARK, name)))


_BAD, _WARNED, _GOOD = OUTCOMES["mismatch"], OUTCOMES["runtime_error"], OUTCOMES["identical"]
_TIED = "".join(
    f'.ts-panes:has([data-tie="{i}"]:hover) [data-tie="{i}"] {{ border-left-color: {_look("accent")}; '
    f"box-shadow: inset 0 1px {_look('accent')}, inset 0 -1px {_look('accent')} }}"
    for i in range(len(LINE_TINTS))
)

STYLE = f"""<style>
.ts-code {{ font: 0.8667rem/1.55 {FONT_MONO}; border: 1px solid {_look("border")}; border-radius: {RADIUS_PX}px;
  overflow: auto; max-height: 36rem; container-type: inline-size; background: {_look("panel")}; color: {_look("text")} }}
.ts-code > header {{ font-size: 0.8rem; color: {_look("muted")}; padding: 6px 12px;
  border-bottom: 1px solid {_look("border")}; position: sticky; left: 0; top: 0; background: {_look("panel")}; z-index: 1 }}
.ts-lines {{ display: grid; grid-template-columns: max-content max-content 1fr; min-width: max-content; padding: 6px 0 }}
.ts-line {{ display: grid; grid-column: 1 / -1; grid-template-columns: subgrid; border-left: 3px solid transparent }}
.ts-line > * {{ white-space: pre }}
.ts-no {{ color: {_look("muted")}; text-align: right; padding: 0 8px 0 10px; user-select: none }}
.ts-sign {{ width: 2ch; text-align: center; user-select: none }}
.ts-text {{ padding-right: 16px }}
.ts-guilty {{ background: {pair(MARK_TINTS["guilty"])}; border-left-color: {pair(_BAD.fill)} }}
.ts-guilty .ts-sign {{ color: {pair(_BAD.ink)}; font-weight: 700 }}
.ts-warned {{ background: {pair(MARK_TINTS["warned"])}; border-left-color: {pair(_WARNED.fill)} }}
.ts-warned .ts-sign {{ color: {pair(_WARNED.ink)}; font-weight: 700 }}
.ts-unreached .ts-text, .ts-unreached .ts-sign {{ color: {_look("muted")} }}
.ts-unreached .ts-text {{ border-left: 3px dotted {_look("muted")}; padding-left: 4px }}
.ts-note-unreached {{ color: {_look("muted")} }}
.ts-baked {{ font-family: {FONT}; margin-left: 2ch; padding: 0 6px; border: 1px solid {pair(_BAD.ink)};
  border-radius: {RADIUS_PX}px; color: {pair(_BAD.ink)}; background: {_look("page")} }}
.ts-add {{ background: {pair(MARK_TINTS["added"])} }}
.ts-add .ts-sign {{ color: {pair(_GOOD.ink)}; font-weight: 700 }}
.ts-del {{ background: {pair(MARK_TINTS["removed"])} }}
.ts-del .ts-sign {{ color: {pair(_BAD.ink)}; font-weight: 700 }}
.ts-note {{ grid-column: 1 / -1; padding: 0 16px 4px calc(6ch + 18px); font-family: {FONT}; font-size: 0.9rem;
  white-space: normal; overflow-wrap: anywhere; width: 0; min-width: min(100%, 100cqw); box-sizing: border-box; position: sticky;
  left: 0 }}
.ts-note-guilty {{ background: {pair(MARK_TINTS["guilty"])}; border-left: 3px solid {pair(_BAD.fill)}; color: {pair(_BAD.ink)} }}
.ts-note-warned {{ background: {pair(MARK_TINTS["warned"])}; border-left: 3px solid {pair(_WARNED.fill)}; color: {pair(_WARNED.ink)} }}
.ts-gone {{ color: {_look("muted")}; font-style: italic }}
.ts-gap > * {{ color: {_look("muted")} }}
{"".join(f".ts-k-{kind} {{ color: {pair(colours)} }}" for kind, colours in SYNTAX.items())}
{"".join(f".ts-t{i} {{ background: {pair(colours)} }}" for i, colours in enumerate(LINE_TINTS))}
.ts-panes {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22.7rem), 1fr)); gap: 12px }}
{_TIED}
.ts-scroll {{ overflow-x: auto }}
.ts-verdicts {{ width: 100%; border-collapse: collapse; font-size: 1rem; line-height: 1.4 }}
.ts-verdicts th {{ text-align: left; font-weight: 400; font-size: 0.8667rem; color: {_look("muted")};
  padding: 2px 12px 4px 0; white-space: nowrap }}
.ts-verdicts td {{ border-top: 1px solid {_look("border")}; padding: 6px 12px 6px 0; vertical-align: baseline }}
.ts-verdicts .ts-num {{ white-space: nowrap; font-variant-numeric: tabular-nums }}
.ts-verdicts .ts-why {{ overflow-wrap: anywhere; min-width: 12rem }}
.ts-why summary {{ cursor: pointer; color: {_look("muted")}; font-size: 0.8667rem }}
.ts-why ul {{ margin: 0; padding-left: 1.2em; font-size: 0.9333rem }}
.ts-needs td:not(.ts-why) {{ white-space: nowrap }}
.ts-mode {{ white-space: nowrap; font-weight: 600 }}
.ts-swatch {{ display: inline-block; width: 0.65em; height: 0.65em; border-radius: 2px; margin-right: 0.5em }}
.ts-verdict {{ white-space: nowrap; font-weight: 600 }}
.ts-bar {{ display: flex; width: 150px; height: 0.95em; gap: 1px; vertical-align: -0.12em }}
.ts-bar i {{ display: block; border-radius: 1px }}
.ts-sub {{ color: {_look("muted")} }}
.ts-verdicts code, .ts-note code {{ font: 0.8667rem {FONT_MONO}; background: none; color: inherit; padding: 0 }}
.ts-short {{ width: 90px; flex: none }}
.ts-reach {{ display: flex; flex-wrap: wrap; align-items: center; gap: 4px 12px; font-size: 0.9333rem; color: {_look("muted")} }}
.ts-list {{ margin: 0; padding-left: 1.2em; font-size: 0.9333rem }}
.ts-list code, .ts-reach code {{ font: 0.8667rem {FONT_MONO}; background: none; color: inherit; padding: 0 }}
.ts-tall {{ max-height: 300px; overflow: auto }}
.ts-tree {{ width: 100%; border-collapse: collapse; font-size: 0.9333rem; line-height: 1.5 }}
.ts-tree th {{ text-align: left; font-weight: 400; font-size: 0.8667rem; color: {_look("muted")}; padding: 0 12px 4px 0;
  white-space: nowrap; position: sticky; top: 0; background: {_look("page")} }}
.ts-tree td {{ padding: 0 12px 0 0; white-space: nowrap }}
.ts-tree .ts-num {{ font-variant-numeric: tabular-nums }}
.ts-edged {{ outline: 1px solid {_look("border")} }}
.ts-facts.ts-facts {{ display: flex; flex-wrap: wrap; gap: 8px 24px; margin: 0; padding: 0; font-size: 0.9333rem }}
.ts-facts > div {{ cursor: help }}
.ts-facts dt {{ color: {_look("muted")}; font-size: 0.8667rem; font-weight: 400 }}
.ts-facts dd {{ margin: 0; font-variant-numeric: tabular-nums }}
.ts-prose {{ max-width: 54rem; margin: 0; font-size: 1.0667rem; line-height: 1.6 }}
.ts-prose code, .ts-terms code, .ts-answers code {{ font: 0.8667em {FONT_MONO} }}
.ts-prose a.ts-term {{ color: inherit; text-decoration: underline dotted; text-underline-offset: 3px }}
.ts-terms.ts-terms {{ display: grid; gap: 8px 24px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr));
  margin: 0; padding: 0; font-size: 0.9333rem }}
.ts-terms dt {{ font-weight: 600 }}
.ts-terms dd {{ margin: 0 }}
.ts-answers {{ border-collapse: collapse; line-height: 1.4 }}
.ts-answers thead th {{ text-align: left; font-weight: 400; font-size: 0.8667rem; color: {_look("muted")}; padding: 2px 24px 4px 0 }}
.ts-answers tbody th {{ text-align: left; font-weight: 400 }}
.ts-answers tbody :is(td, th) {{ border-top: 1px solid {_look("border")}; padding: 5px 24px 5px 0; vertical-align: top;
  font-variant-numeric: tabular-nums }}
.ts-tight td:nth-child(n + 3) {{ white-space: nowrap }}
.ts-tight.ts-tight :is(th, td) {{ padding-right: 14px }}
.ts-even {{ table-layout: fixed; width: 100%; min-width: 40rem }}
.ts-even td {{ overflow-wrap: anywhere }}
.ts-digits {{ display: flex; flex-wrap: wrap; gap: 12px 16px; font-size: 0.8667rem; line-height: 1.35 }}
.ts-digits figure {{ margin: 0 }}
.ts-pixels {{ display: grid; grid-template-columns: repeat(8, 9px); grid-auto-rows: 9px; width: 72px;
  border: 1px solid {_look("border")}; margin-bottom: 4px }}
.ts-pixels i {{ background: {_look("text")} }}
.ts-legend {{ display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 0.8667rem; color: {_look("muted")} }}
.ts-cell {{ display: inline-block; width: 1.5em; height: 1.35em; line-height: 1.35em; text-align: center;
  border-radius: 2px; margin-right: 0.4em; font-weight: 600 }}
.ts-grid {{ display: grid; gap: 2px; font-size: 0.8667rem; line-height: 1.2 }}
.ts-row {{ display: grid; grid-column: 1 / -1; grid-template-columns: subgrid; align-items: center }}
.ts-row > span:first-child {{ padding-right: 0.5em; text-align: right }}
.ts-row i {{ font-style: normal }}
.ts-row em {{ font-style: normal; font-size: 0.8rem; color: {_look("muted")}; white-space: nowrap; padding: 0 3px }}
.ts-row small {{ font-size: 0.6667rem; color: {_look("muted")}; writing-mode: vertical-rl; transform: rotate(180deg);
  place-self: start center; text-align: right; padding-bottom: 2px; white-space: nowrap }}
.ts-box {{ min-height: 25px; display: grid; place-content: center; text-align: center; overflow: hidden }}
.ts-many .ts-box {{ min-height: 38px }}
.ts-first {{ box-shadow: -1.5px 0 0 -0.5px {_look("muted")} }}
.ts-runs {{ outline: 2.5px dotted {_look("text")}; outline-offset: -1px }}
[role="radiogroup"] > [role="radio"], .st-key-play-modes [aria-pressed] {{ min-height: 2.5rem }}
@media (max-width: 900px) {{ .ts-wide {{ display: none }} }}
</style>"""
