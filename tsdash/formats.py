"""How numbers are written: one rule each, used by every page, figure and report. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import PurePath

ABSENT = "—"
NARROW_SPACE = "\u202f"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_TIME_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def model(name: str) -> str:
    """A model as headings and lists call it: a file by its own name, without the folders that lead to it."""
    return PurePath(name).name if name.endswith(".py") else name


def digits(value: float, significant: int = 3) -> str:
    """`value` with a fixed number of significant digits and a true minus sign, never in exponent form."""
    if value == 0 or not isfinite(value):
        return {"0.0": "0", "-0.0": "0", "nan": "NaN", "inf": "∞", "-inf": "−∞"}[str(float(value))]
    exponent = int(f"{value:.{significant - 1}e}".split("e")[1])  # after rounding: 9.999 counts as 10.0
    places = max(0, significant - 1 - exponent)
    return f"{value:.{places}f}".replace("-", "−")


def power(exponent: int) -> str:
    """A power of ten as axes and sentences write it: 10⁻⁵, and 1."""
    return "1" if exponent == 0 else f"10{str(exponent).translate(_SUPERSCRIPT)}"


def delta(value: float | None) -> str:
    """A difference with two digits: plain from 0.01 to 1000, else times a power of ten."""
    if value is None:
        return ABSENT
    if value == 0 or not isfinite(value) or 0.01 <= abs(value) < 1000:
        return digits(value, 2)
    return _scientific(value, 1)


def _scientific(value: float, decimals: int) -> str:
    mantissa, exponent = f"{value:.{decimals}e}".split("e")
    return f"{mantissa.replace('-', '−')}×{power(int(exponent))}"


def element(value: float) -> str:
    """One element of a tensor: four digits, plain from 0.001 to 100 000, else times a power of ten."""
    if value == 0 or not isfinite(value) or 1e-3 <= abs(value) < 1e5:
        return digits(value, 4)
    return _scientific(value, 3)


def time_unit(seconds: float) -> tuple[str, float]:
    """The unit that leaves 1 to 999 before the point, and its length in seconds."""
    for unit, scale in _TIME_UNITS:
        if abs(float(f"{seconds:.2e}")) >= scale:  # rounded first, so that 999.9 µs is 1.00 ms
            return unit, scale
    return _TIME_UNITS[-1]


def duration(seconds: float | None) -> str:
    """A time in the unit that leaves 1 to 999 before the point."""
    if seconds is None:
        return ABSENT
    if seconds == 0:
        return "0 s"
    unit, scale = time_unit(seconds)
    return f"{digits(seconds / scale)} {unit}"


def waiting(seconds: float) -> str:
    """A time somebody waits for, coarse on purpose: 9 s, 3 min, 2 h."""
    if seconds < 1:
        return "less than 1 s"
    if seconds < 90:
        return f"{round(seconds)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{digits(seconds / 3600, 2)} h"


def size(n_bytes: int | None) -> str:
    """Bytes in binary units."""
    if n_bytes is None:
        return ABSENT
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if n_bytes >= scale:
            return f"{digits(n_bytes / scale)} {unit}"
    return f"{n_bytes} B"


def count(n: int) -> str:
    """An integer with narrow spaces between thousands."""
    return f"{n:,}".replace(",", NARROW_SPACE).replace("-", "−")


def plain(value: float) -> str:
    """A number on an axis: no digit more than it needs, narrow spaces between thousands."""
    return f"{value:,.4g}".replace(",", NARROW_SPACE).replace("-", "−") if abs(value) < 1e4 else count(round(value))


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: 1 case, 2 cases."""
    return f"{count(n)} {noun if n == 1 else plural or noun + 's'}"


def every(n: int, noun: str) -> str:
    """Things without exception: all 12 cases, the one case."""
    return f"all {count(n)} {noun}s" if n != 1 else f"the one {noun}"


def word(n: int) -> str:
    """A small number as a word, for the beginning of a sentence or a count of modes."""
    return _WORDS[n] if 0 <= n < len(_WORDS) else count(n)


def joined(items: Sequence[str]) -> str:
    """Items as a list in a sentence: a, b and c."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def ratio(value: float, low: float | None = None, high: float | None = None) -> str:
    """A speed-up, eager ÷ exported, with its 95 % interval where there is one. Two decimals, so that points line up."""
    interval = "" if low is None or high is None else f" [{low:.2f}, {high:.2f}]"
    return f"{value:.2f}×{interval}"


def share(part: int, whole: int) -> str:
    """A fraction as a percentage that says 0 or 100 only when it is exact."""
    if whole == 0:
        return ABSENT
    if part in (0, whole):
        return "0 %" if part == 0 else "100 %"
    percent = 100 * part / whole
    if percent < 0.1:
        return "< 0.1 %"
    return "> 99.9 %" if percent > 99.9 else f"{digits(percent, 2 if percent < 10 else 3)} %"
