"""What was measured of tensors: facts over all elements, for outcomes and verdicts to be derived from. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TensorFacts:
    """Shape and dtype of one tensor of the inputs."""

    path: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, kw_only=True)
class SourceLine:
    """A line of the user's own source."""

    file: str
    line: int
    code: str


@dataclass(frozen=True, kw_only=True)
class InputFacts:
    """One tensor of the inputs of a case, measured in float64 over its finite elements."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    mean: float = 0.0
    low: float = 0.0
    high: float = 0.0
    rms: float = 0.0
    finite: int = 0  # elements that the four above speak for
    elements: tuple[float, ...] = ()  # all of them in C order, where the inputs of the case have few


@dataclass(frozen=True, kw_only=True)
class Element:
    """One element of an output, eager's value and the export's."""

    index: tuple[int, ...]
    expected: float
    actual: float
    delta: float


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Counts of |Δ| in five bins a decade, their edges rounded by up to 0.4 %. `low` is the decade exponent of the first
    edge, 10**low; |Δ| below it is in `below`, at or above the last edge in `above`, Δ = 0 in `zero`, elements that disagree
    in NaN or Inf in `nonfinite`."""

    low: int
    counts: tuple[int, ...]
    zero: int = 0
    below: int = 0
    above: int = 0
    nonfinite: int = 0


@dataclass(frozen=True, kw_only=True)
class Oracle:
    """Both sides against a float64 run of eager. Errors are over the elements that are finite in all three."""

    expected_rms: float
    actual_rms: float
    expected_max: float
    actual_max: float
    scale_rms: float  # rms of the float64 output itself
    scale_max: float


@dataclass(frozen=True, kw_only=True)
class OutputFacts:
    """All elements of one output tensor compared: `actual` is the export's, `expected` eager's, Δ = actual − expected."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    elements: int
    identical: bool  # in dtype and bits, any NaN being like any other; −0.0 is not 0.0
    only_nan: bool = False  # every element is NaN on both sides
    max_abs: float = 0.0  # this and the next four over the elements that do not disagree in NaN or Inf
    mean_abs: float = 0.0
    l2: float = 0.0
    max_rel: float = 0.0  # |Δ| / |expected| where expected is not 0
    one_minus_cosine: float = 0.0
    max_ulp: float | None = None  # None: the dtype has no ULP
    over_plain: int = 0  # elements with |Δ| > 1e-5 or that disagree in NaN or Inf
    nan_disagree: int = 0
    inf_disagree: int = 0
    argmax_rows: int | None = None  # rows along the last axis; None: not a table of scores
    argmax_flips: int | None = None  # rows whose first largest element is another one, ties among them
    argmax_ties: int = 0  # flips whose two candidates are equal to within noise on eager's side
    flip_gap: float = 0.0  # the largest difference, on eager's side, between the two candidates of a flip
    flipped_rows: tuple[int, ...] = ()  # the first few, flat row numbers
    worst: tuple[Element, ...] = ()  # NaN, then Inf that disagree, then the largest |Δ|; moduli of complex numbers
    histogram: Histogram | None = None
    oracle: Oracle | None = None


@dataclass(frozen=True, kw_only=True)
class StructureDifference:
    """Outputs that cannot be compared element by element: what differs at `path`."""

    path: str
    what: str  # "type", "keys", "length", "shape", "dtype", "device", "value"
    expected: str
    actual: str


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How far one output of eager moves when something changes that should not matter: the noise floor, measured."""

    kind: str  # "threads", "row" or "jitter"
    words: str  # what was changed, to follow "eager itself …": "given inputs moved by 1 ULP"
    path: str
    elements: int
    max_abs: float
    histogram: Histogram | None = None


@dataclass(frozen=True, kw_only=True)
class ContractChange:
    """Something that a caller sees beside values and structure, nearly always a difference from eager. Whether it counts is for
    `contract`."""

    what: str  # "input", "memory", "strides", "alike": an input that both write to; of an export: "state", "saved"
    path: str  # of the output, the input or the attribute
    expected: str
    actual: str
