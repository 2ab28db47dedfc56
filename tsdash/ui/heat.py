"""Modules coloured by their error or by their time, as far as a run has measured them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tsdash import formats
from tsdash.spec import Divergence
from tsdash.tokens import DARK, LIGHT, OUTCOMES, Pair, delta_colour
from tsdash.ui.style import pair

ERROR, TIME = "error", "time"
WHOLE = "the model"
SAID = {
    ERROR: "a module's largest |Δ| against eager, as the export runs",
    TIME: "a module's share of eager's time, what it calls included",
}


@dataclass(frozen=True, kw_only=True)
class Heat:
    """What is known of each module, by its path: in words, and as a colour (light, dark)."""

    words: Mapping[str, str]
    colours: Mapping[str, Pair]

    @property
    def css(self) -> dict[str, str]:
        """The colours for a page."""
        return {path: pair(colour) for path, colour in self.colours.items()}


def heats(divergence: Sequence[Divergence]) -> dict[str, Heat]:
    """By what modules can be coloured; empty where nothing was measured."""
    errors: dict[str, float] = {}
    seconds: dict[str, float] = {}
    for module in divergence:
        if module.accumulated is not None:
            errors[module.path] = max(errors.get(module.path, 0.0), module.accumulated)
        if module.eager_s is not None:
            seconds[module.path] = seconds.get(module.path, 0.0) + module.eager_s
    found = {}
    if errors:
        found[ERROR] = Heat(
            words={path: formats.delta(error) for path, error in errors.items()},
            colours={path: _error_colour(error) for path, error in errors.items()},
        )
    if seconds:
        whole = seconds.get(WHOLE) or max(seconds.values())
        found[TIME] = Heat(
            words={path: formats.duration(time) for path, time in seconds.items()},
            colours={path: _share_colour(time / whole) for path, time in seconds.items() if whole > 0},
        )
    return found


def ink_on(colour: str) -> str:
    """The text colour that can be read on a colour: the lighter or the darker of ours, whichever contrasts more."""
    luminance = _luminance(colour)
    light, dark = ((_luminance(text) + 0.05) for text in (LIGHT.page, LIGHT.text))
    return LIGHT.page if light / (luminance + 0.05) > (luminance + 0.05) / dark else LIGHT.text


def _error_colour(error: float) -> Pair:
    if error == 0:
        return OUTCOMES["identical"].fill
    exponent = math.log10(error) if error != math.inf else 0.0
    return delta_colour(exponent, False), delta_colour(exponent, True)


def _share_colour(share: float) -> Pair:
    """Grey, as all that is counted: from the border's to the text's."""
    first, second = (_between(look.border, look.text, min(1.0, max(0.0, share))) for look in (LIGHT, DARK))
    return first, second


def _between(start: str, end: str, share: float) -> str:
    parts = (round(a + (b - a) * share) for a, b in zip(_rgb(start), _rgb(end), strict=True))
    return "#" + "".join(f"{part:02X}" for part in parts)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in _rgb(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
