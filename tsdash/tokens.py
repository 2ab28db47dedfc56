"""The visual language of tsdash as constants: colours, glyphs, type and space. Standard library only.

Every colour exists twice, as a pair (light, dark). Outcome colours fill cells, bar segments and badges, mode colours draw
lines, dots and bars: the two vocabularies never share a shape. `.streamlit/config.toml` repeats what Streamlit needs, and
a test keeps both equal.
"""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[str, str]  # (light, dark)

FONT = "Source Sans, sans-serif"  # ships inside Streamlit, so nothing is fetched
FONT_MONO = "Source Code Pro, monospace"
FONT_SIZE_PX = 13  # inside figures; the page itself is 15
TICK_SIZE_PX = 12
LEAST_SIZE_PX = 10  # nothing is ever smaller
SPACE_PX = (4, 8, 12, 16, 24, 40)
RADIUS_PX = 6


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """Surfaces and text of one appearance."""

    page: str
    panel: str
    border: str
    grid: str
    text: str
    muted: str  # secondary text, 4.5 : 1 on page and panel
    accent: str  # interactive elements only, never data


LIGHT = Appearance(
    page="#FFFFFF", panel="#F5F6F8", border="#DDE1E7", grid="#E9ECF0", text="#10161E", muted="#5B6472", accent="#3F4FC9"
)
DARK = Appearance(
    page="#0E1217", panel="#171D25", border="#2B3440", grid="#222A34", text="#E6EAF0", muted="#98A4B3", accent="#7C8BF4"
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one outcome looks. `fill` is a cell, `on_fill` its glyph, `ink` is text on the page."""

    glyph: str
    label: str
    fill: Pair
    on_fill: Pair
    ink: Pair
    badge: str  # colour name of the Streamlit palette, as in :green-badge[…]


# Mildest first. Glyphs are typographic characters that no platform replaces by an emoji.
OUTCOMES = {
    "identical": Outcome(
        glyph="=",
        label="identical",
        fill=("#B9E2D4", "#164A40"),
        on_fill=("#07513F", "#8FE0CB"),
        ink=("#0A6350", "#86DAC4"),
        badge="green",
    ),
    "within_noise": Outcome(
        glyph="≈",
        label="within noise",
        fill=("#8FB9E6", "#2B5A8F"),
        on_fill=("#0B2F5E", "#D3E6FB"),
        ink=("#17498A", "#A9CFF7"),
        badge="blue",
    ),
    "mismatch": Outcome(
        glyph="≠",
        label="mismatch",
        fill=("#C8340F", "#F2653C"),
        on_fill=("#FFFFFF", "#1B0A04"),
        ink=("#B02C0B", "#FF8A66"),
        badge="red",
    ),
    "runtime_error": Outcome(
        glyph="!",
        label="runtime error",
        fill=("#F0A830", "#F6C25B"),
        on_fill=("#2A1800", "#241700"),
        ink=("#855200", "#F6C25B"),
        badge="orange",
    ),
    "export_error": Outcome(
        glyph="∅",
        label="export error",
        fill=("#7C4DBB", "#B18CF0"),
        on_fill=("#FFFFFF", "#140A24"),
        ink=("#6A3BAA", "#BD9DF5"),
        badge="violet",
    ),
    "timeout": Outcome(
        glyph="∞",
        label="timeout",
        fill=("#545D6A", "#77828F"),
        on_fill=("#FFFFFF", "#07090C"),
        ink=("#4B5462", "#A4AFBD"),
        badge="gray",
    ),
    "crash": Outcome(
        glyph="†",
        label="crash",
        fill=("#15181E", "#F3F5F8"),  # the inverse of the page
        on_fill=("#FFFFFF", "#11151B"),
        ink=("#15181E", "#F3F5F8"),
        badge="gray",
    ),
    "not_run": Outcome(
        glyph="·",
        label="not run",
        fill=("#F3F4F6", "#1B212A"),
        on_fill=("#5F6875", "#8592A3"),
        ink=("#5F6875", "#98A4B3"),
        badge="gray",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How one verdict looks."""

    glyph: str
    label: str
    ink: Pair
    badge: str


VERDICTS = {
    "ship": Verdict(glyph="✓", label="ship", ink=OUTCOMES["identical"].ink, badge="green"),
    "inconclusive": Verdict(glyph="?", label="inconclusive", ink=("#6B5600", "#EAD96E"), badge="yellow"),
    "do_not_ship": Verdict(glyph="✗", label="do not ship", ink=OUTCOMES["mismatch"].ink, badge="red"),
}


ANSI = {
    "green": 32,
    "blue": 34,
    "red": 31,
    "orange": 33,
    "yellow": 33,
    "violet": 35,
    "gray": 90,
}  # a badge in a terminal


@dataclass(frozen=True, kw_only=True)
class Mode:
    """How the marks of one export mode look. A family shares a hue; freezing lightens it and dashes the line."""

    colour: Pair
    dash: str
    marker: str


MODES = {
    "eager": Mode(colour=("#262B38", "#EEF1F5"), dash="solid", marker="circle"),
    "trace": Mode(colour=("#3464D9", "#7FA3FA"), dash="solid", marker="square"),
    "script": Mode(colour=("#9648A1", "#A577FB"), dash="solid", marker="diamond"),
    "trace+freeze": Mode(colour=("#1697DB", "#67DAFE"), dash="dash", marker="square-open"),
    "script+freeze": Mode(colour=("#CE61B1", "#F5A0C2"), dash="dash", marker="diamond-open"),
    "script+optimize": Mode(colour=("#8F0172", "#E448C1"), dash="dot", marker="diamond-tall"),
    "export": Mode(colour=("#427037", "#8FD694"), dash="solid", marker="triangle-up"),
    "onnx": Mode(colour=("#A58E36", "#F2CB3D"), dash="solid", marker="pentagon"),
    "compile": Mode(colour=("#6A391B", "#B6812E"), dash="dashdot", marker="hexagon"),
    "other": Mode(colour=("#797979", "#7F8894"), dash="dot", marker="circle-open"),
}

# |Δ|: one step a decade, the same in every figure; step 0 is [1e-9, 1e-8), the last is [1, ∞).
# Grey below 1e-5, warm from there, so that noise stays quiet and the usual tolerance is visible as a change of hue.
DELTA_DECADES = (-9, 1)
DELTA_LIGHT: tuple[str, ...] = (
    "#F6F7F9", "#EEF1F4", "#E3E8ED", "#D6DDE4", "#F4D58C", "#F0AF55", "#DF7B38", "#C24A35", "#932139", "#550C3C",
)  # fmt: skip
DELTA_DARK = (
    "#1A2028", "#222A33", "#2B343F", "#37424E", "#7A3A22", "#A84A22", "#D06326", "#EC8A35", "#F8B95C", "#FFEDB8",
)  # fmt: skip
# Signed quantities; the middle means "no change". Blue is less or faster, brown is more or slower.
DIVERGING_LIGHT = (
    "#123F78", "#2A66A8", "#5C92C8", "#9CBFE0", "#DCE8F3", "#F5E8D8", "#E3BC8D", "#C58A4B", "#9A5D1F", "#67390B",
)  # fmt: skip
DIVERGING_DARK = (
    "#9CCBFF", "#6EA8EA", "#467FC0", "#2B5788", "#1E3348", "#3D2F22", "#7B552C", "#B57E3A", "#E2A659", "#FFD08F",
)  # fmt: skip

MARK_TINTS: dict[str, Pair] = {  # behind a line of code that is to blame, added or removed
    "guilty": ("#FCE6DF", "#43201A"),
    "warned": ("#FDEFD6", "#3A2C12"),
    "added": ("#DDF2EA", "#12352E"),
    "removed": ("#FCE6DF", "#43201A"),
}

# The syntax colours of a code view: (light, dark). Quieter than any mark on the line.
SYNTAX: dict[str, Pair] = {
    "keyword": ("#6D3BA8", "#C0A2F2"),
    "string": ("#0A6350", "#86DAC4"),
    "number": ("#17498A", "#A9CFF7"),
    "comment": ("#5B6472", "#98A4B3"),
}
# Backgrounds that tie a source line to the lines made from it. Text on them stays at 7 : 1.
LINE_TINTS: tuple[Pair, ...] = (
    ("#DCE8FB", "#1D2F4D"),
    ("#FBE9C8", "#43341A"),
    ("#DDF1E4", "#183A2B"),
    ("#F6DFEE", "#44253A"),
    ("#E5E1F7", "#2C2850"),
    ("#E2EDF0", "#213840"),
)


def appearance(dark: bool) -> Appearance:
    """Surfaces and text of the dark or the light appearance."""
    return DARK if dark else LIGHT


def mode_look(mode: str) -> Mode:
    """The fixed look of a mode; unknown modes are `other`."""
    return MODES.get(mode, MODES["other"])


def mode_colour(mode: str, dark: bool) -> str:
    """The fixed colour of a mode in one appearance."""
    return mode_look(mode).colour[int(dark)]


def delta_colours(dark: bool) -> tuple[str, ...]:
    """The ten colours of |Δ|, one a decade from DELTA_DECADES[0] on."""
    return DELTA_DARK if dark else DELTA_LIGHT


def delta_colour(exponent: float, dark: bool) -> str:
    """The colour of |Δ| = 10**exponent."""
    steps = DELTA_DECADES[1] - DELTA_DECADES[0]
    return delta_colours(dark)[min(max(int(exponent // 1) - DELTA_DECADES[0], 0), steps - 1)]
