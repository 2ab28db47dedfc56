"""What the tokens promise: readable text, colours apart under colour blindness, one source for config.toml."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

from tsdash import spec, tokens

SIGHT = {  # Machado, Oliveira, Fernandes 2009, severity 1, on linear RGB
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
LMS = ((0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566))
LMS = (*LMS, (0.0883024619, 0.2817188376, 0.6299787005))
OKLAB = ((0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099))
OKLAB = (*OKLAB, (0.0259040371, 0.7827717662, -0.8086757660))  # Ottosson 2020
TEXT, GRAPHIC = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11
LEAST_DISTANCE = 6  # OKLab × 100
DARKNESS = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
EYES = pytest.mark.parametrize("sight", SIGHT)
CONFIG = Path(__file__).parent.parent / ".streamlit" / "config.toml"


def linear(colour: str) -> list[float]:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def luminance(colour: str) -> float:
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def times(matrix: tuple[tuple[float, ...], ...], vector: list[float]) -> list[float]:
    return [sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix]


def seen(colour: str, sight: str) -> list[float]:
    """The colour in OKLab as an eye of this kind sees it."""
    rgb = [min(1.0, max(0.0, c)) for c in times(SIGHT[sight], linear(colour))]
    return times(OKLAB, [max(0.0, c) ** (1 / 3) for c in times(LMS, rgb)])


def apart(a: str, b: str, sight: str) -> float:
    return 100 * sum((x - y) ** 2 for x, y in zip(seen(a, sight), seen(b, sight), strict=True)) ** 0.5


def theme(name: str) -> dict[str, object]:
    """One [theme.NAME] section of config.toml: `key = "text"` and `key = ["text", …]` lines."""
    section = CONFIG.read_text("utf-8").split(f"[theme.{name}]")[1].split("\n[")[0]
    found: dict[str, object] = {}
    for key, value in re.findall(r"^(\w+) = (.+)$", section, re.MULTILINE):
        texts = re.findall(r'"([^"]+)"', value)
        found[key] = texts if value.startswith("[") else texts[0]
    return found


@DARKNESS
def test_text_is_readable_on_page_and_panel(dark: bool) -> None:
    """Every ink of the page reaches 4.5 : 1 on both surfaces."""
    look = tokens.appearance(dark)
    inks = [look.text, look.muted, look.accent]
    inks += [o.ink[dark] for o in (*tokens.OUTCOMES.values(), *tokens.VERDICTS.values())]
    inks += [colours[dark] for colours in tokens.SYNTAX.values()]
    assert min(contrast(ink, surface) for ink in inks for surface in (look.page, look.panel)) >= TEXT


@DARKNESS
def test_glyphs_are_readable_on_their_cells(dark: bool) -> None:
    """A glyph reaches 4.5 : 1 on the fill of its own outcome."""
    assert min(contrast(o.fill[dark], o.on_fill[dark]) for o in tokens.OUTCOMES.values()) >= TEXT


@DARKNESS
def test_tinted_lines_stay_readable(dark: bool) -> None:
    """Code on a tinted line keeps 7 : 1, its comments and syntax 4.5 : 1."""
    look = tokens.appearance(dark)
    tints = [*tokens.LINE_TINTS, *tokens.MARK_TINTS.values()]
    assert min(contrast(look.text, tint[dark]) for tint in tints) >= 7
    assert min(contrast(c[dark], tint[dark]) for tint in tints for c in tokens.SYNTAX.values()) >= TEXT
    assert min(contrast(look.muted, tint[dark]) for tint in tints) >= TEXT


@DARKNESS
def test_notes_are_readable_on_their_marks(dark: bool) -> None:
    """The explanation below a marked line reaches 4.5 : 1 on the mark's tint."""
    for kind, outcome in (("guilty", "mismatch"), ("warned", "runtime_error")):
        assert contrast(tokens.OUTCOMES[outcome].ink[dark], tokens.MARK_TINTS[kind][dark]) >= TEXT


@DARKNESS
def test_marks_of_every_mode_are_visible(dark: bool) -> None:
    """Lines, dots and bars of a mode reach 3 : 1 on the page."""
    page = tokens.appearance(dark).page
    assert min(contrast(mode.colour[dark], page) for mode in tokens.MODES.values()) >= GRAPHIC


@DARKNESS
@EYES
def test_outcomes_stay_apart_for_every_eye(dark: bool, sight: str) -> None:
    """No two outcome fills come closer than 6, whatever the eye."""
    fills = [o.fill[dark] for o in tokens.OUTCOMES.values()]
    assert min(apart(a, b, sight) for a, b in combinations(fills, 2)) >= LEAST_DISTANCE


@DARKNESS
@EYES
def test_modes_stay_apart_for_every_eye(dark: bool, sight: str) -> None:
    """No two mode colours come closer than 6, whatever the eye."""
    colours = [mode.colour[dark] for mode in tokens.MODES.values()]
    assert min(apart(a, b, sight) for a, b in combinations(colours, 2)) >= LEAST_DISTANCE


def test_every_outcome_has_its_own_glyph() -> None:
    """Outcomes are told apart without colour."""
    assert len({o.glyph for o in tokens.OUTCOMES.values()}) == len(tokens.OUTCOMES)


def test_every_outcome_and_verdict_of_a_run_has_a_look() -> None:
    """What the judge can say can be drawn, in the same order, with "not run" last."""
    assert tuple(tokens.OUTCOMES) == (*spec.OUTCOMES, "not_run")
    assert tuple(tokens.VERDICTS) == spec.VERDICTS


@DARKNESS
def test_delta_scale_is_monotone_and_changes_hue_at_1e_5(dark: bool) -> None:
    """Larger |Δ| is further from the page, grey below 10⁻⁵ and warm from there."""
    scale = [seen(colour, "normal") for colour in tokens.delta_colours(dark)]
    lightness = [colour[0] for colour in scale]
    assert lightness == sorted(lightness, reverse=not dark)
    chroma = [(a**2 + b**2) ** 0.5 for _, a, b in scale]
    assert max(chroma[:4]) < 0.03 < min(chroma[4:])


@pytest.mark.parametrize(
    ("exponent", "step"), [(-30, 0), (-9, 0), (-8.1, 0), (-8, 1), (-5.01, 3), (-5, 4), (0, 9), (7, 9)]
)
def test_delta_colour_takes_one_step_a_decade(exponent: float, step: int) -> None:
    """The colour of a magnitude is that of its decade, and the ends of the scale are open."""
    assert tokens.delta_colour(exponent, False) == tokens.DELTA_LIGHT[step]


def test_an_unknown_mode_is_drawn_as_other() -> None:
    """A mode that somebody adds has a look at once."""
    assert tokens.mode_look("my mode") == tokens.MODES["other"]


@pytest.mark.parametrize(("name", "dark"), [("light", False), ("dark", True)])
def test_config_repeats_the_tokens(name: str, dark: bool) -> None:
    """Streamlit's theme and the tokens say the same colours, and its badges are readable."""
    look, section = tokens.appearance(dark), theme(name)
    assert section["backgroundColor"] == look.page
    assert section["secondaryBackgroundColor"] == look.panel
    assert section["textColor"] == look.text
    assert (section["primaryColor"], section["borderColor"]) == (look.accent, look.border)
    assert section["chartCategoricalColors"] == [mode.colour[dark] for mode in tokens.MODES.values()]
    assert section["chartSequentialColors"] == list(tokens.delta_colours(dark))
    assert section["chartDivergingColors"] == list(tokens.DIVERGING_DARK if dark else tokens.DIVERGING_LIGHT)
    for badge in ("red", "orange", "yellow", "green", "blue", "violet", "gray"):
        assert contrast(str(section[f"{badge}TextColor"]), str(section[f"{badge}BackgroundColor"])) >= TEXT
