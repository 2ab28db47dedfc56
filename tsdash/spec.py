"""Every stage of a run as a frozen dataclass that survives JSON: choices, cases, results, causes, verdicts.

Standard library only: the server, the workers and other programs share these. Dtypes and devices are strings, collections
are tuples, times are seconds, sizes are bytes. `to_json` and `from_json` are the only way in and out.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass

from tsdash.facts import ContractChange as ContractChange
from tsdash.facts import Element as Element
from tsdash.facts import Histogram as Histogram
from tsdash.facts import InputFacts as InputFacts
from tsdash.facts import Noise as Noise
from tsdash.facts import Oracle as Oracle
from tsdash.facts import OutputFacts as OutputFacts
from tsdash.facts import SourceLine as SourceLine
from tsdash.facts import StructureDifference as StructureDifference
from tsdash.facts import TensorFacts as TensorFacts
from tsdash.wire import from_json as from_json
from tsdash.wire import to_json as to_json

GIVEN = "given"  # "as the model file made it": values, dtype and layout of the base case

OUTCOMES = (
    "identical",
    "within_noise",
    "mismatch",
    "runtime_error",
    "export_error",
    "timeout",
    "crash",
)  # mildest first
VERDICTS = ("ship", "inconclusive", "do_not_ship")  # mildest first
MOST_THREADS = 256  # that latency may be measured with
EFFORTS = ("quick", "standard", "thorough")
SEARCH = "search"  # what a case varies that was made to narrow a failure down
EAGER = "eager"  # the arms of a latency measurement that are not a mode
CONTROL = "eager again"  # a separate copy of eager: what differs between the two is not the export
BINS_A_DECADE = 5  # of a histogram of |Δ|
MOST_CLASSES = 5000  # rows of an output whose predicted class is kept
PLAIN_TOLERANCE = 1e-5  # the rule every learner meets first: max |Δ| < 1e-5 and the same predicted class


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """A model as the text of a model file (see CONTRACT: `make_model`, `make_inputs`), whatever it was named by."""

    name: str  # as the user wrote it: "early_exit", "torchvision:resnet18", "decoder.py", "package.module:factory"
    kind: str  # "gallery", "torchvision", "file", "entry_point" or "given": from a Python program
    filename: str  # what messages call the file, e.g. "early_exit.py"
    text: str
    given: str | None = None  # SHA-256 of the kept file with the module and inputs of a Python program

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What to vary. An empty axis stays at the base; `product` crosses all axes instead of one change at a time."""

    dims: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    values: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()  # "float16": module and inputs; "inputs:float16": inputs alone
    devices: tuple[str, ...] = ()  # "cpu", "cuda", "mps", "xpu", "meta"
    layouts: tuple[str, ...] = ()
    training: tuple[bool, ...] = ()
    grad: tuple[bool, ...] = ()
    calls: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()
    product: bool = False


@dataclass(frozen=True, kw_only=True)
class Case:
    """One set of inputs and circumstances under which eager and the export are compared."""

    id: str
    dims: dict[str, int]
    values: str = GIVEN
    dtype: str = GIVEN
    device: str = "cpu"
    layout: str = GIVEN
    training: bool | None = None  # None: as the model file left it
    grad: bool = False
    call: int = 1  # compare the outputs of this call, the calls before it on the same module
    seed: int = 0
    varied: str = (
        "base"  # the axis in which it differs from the base case: a dim's name, "values", "dtype", … or SEARCH
    )
    toward: str = ""  # the transform whose values `values` are moved towards …
    share: float = 0.0  # … by this much: 0 not at all, 1 all the way
    elements: dict[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)  # see `inputs.with_elements`
    origin: str = ""  # of a case that a search made: the id of the case it set out from
    inputs: str = ""  # the file whose tensors take the place of make_inputs', see `models.uploads`


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a worker may use before it is killed. The parent's clock decides."""

    load_s: float = 120.0
    export_s: float = 300.0
    case_s: float = 30.0
    memory_mib: int = 8192
    output_kib: int = 64  # of stdout and stderr kept, head and tail


@dataclass(frozen=True, kw_only=True)
class ErrorFacts:
    """An exception as text. `file` and `line` are the deepest frame in the user's own source, where there is one."""

    type: str
    message: str
    file: str | None = None
    line: int | None = None
    traceback: str = ""


@dataclass(frozen=True, kw_only=True)
class ExportWarning:
    message: str
    file: str | None = None
    line: int | None = None
    category: str = "Warning"


@dataclass(frozen=True, kw_only=True)
class SizeRange:
    """The sizes of a dim that torch.export allows its program; `high` None: no end. Alike: fixed."""

    dim: str
    low: int
    high: int | None


@dataclass(frozen=True, kw_only=True)
class Export:
    """What exporting gave: an artefact or an error, never both."""

    mode: str
    seconds: float
    artefact_bytes: int | None = None
    warnings: tuple[ExportWarning, ...] = ()
    error: ErrorFacts | None = None
    ended: str = "returned"  # "returned", "raised", "timeout" or "crash"
    code: str | None = None  # TorchScript code, or torch.export's graph module code
    graph: str | None = None
    contract: tuple[ContractChange, ...] = ()  # state that exporting changed, answers that saving changed
    ranges: tuple[SizeRange, ...] = ()  # of torch.export alone


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What of the user's forward ran while eager ran the cases of a sweep."""

    lines: int
    lines_run: int
    branches: int  # ways out of the lines that have several
    branches_run: int
    not_run: tuple[SourceLine, ...] = ()
    one_sided: tuple[SourceLine, ...] = ()  # decisions on the inputs that always went one way
    cases: int = 0  # after which nothing new was looked for


@dataclass(frozen=True, kw_only=True)
class Description:
    """The loaded model as eager sees it."""

    parameters: int
    dims: dict[str, int]
    inputs: tuple[TensorFacts, ...]
    training: bool
    deterministic: bool = True  # two eager calls under one seed agree bit for bit
    stochastic: bool = False  # another seed, another output of eager
    draws: tuple[
        str, ...
    ] = ()  # whose random numbers eager's call of the base case draws: "torch", "random", "numpy.random"
    switchable: bool = False  # it is in training mode, and eager answers otherwise in evaluation mode
    reach: Reach | None = None  # None: not measured, or not the user's own code
    thresholds: tuple[int, ...] = ()  # whole numbers that the user's code compares with
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Side:
    """How one side of a case ended."""

    ended: str = "not_run"  # "returned", "raised", "timeout", "crash", "no_inputs", "export_error", "bug" or "not_run"
    error: ErrorFacts | None = None
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The predicted class of each row of an output, on inputs of the user's own, and the right ones where they are known."""

    path: str
    expected: tuple[int, ...]
    actual: tuple[int, ...]
    labels: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """The raw facts of one case in one mode. The outcome is derived from them by `judge`, never stored in place of them."""

    case: Case
    mode: str
    eager: Side
    exported: Side
    structure: tuple[StructureDifference, ...] = ()
    outputs: tuple[OutputFacts, ...] = ()
    notes: tuple[str, ...] = ()
    contract: tuple[ContractChange, ...] = ()
    noise: tuple[Noise, ...] = ()  # measured for a few cases only
    inputs: tuple[InputFacts, ...] = ()  # of a case that a search made
    classes: Classes | None = None  # of a case whose inputs came as a file, where its first output is a table of scores


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The outcome of one case with the sentence that says why."""

    outcome: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What all cases of one mode come to. `outcome` is the worst one; reasons come with the decisive fact first."""

    outcome: str
    verdict: str
    reasons: tuple[str, ...]
    raised: int = 0  # planned cases in which eager and the export raise alike, and nothing was compared


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """One module in a case that fails: the largest |Δ| of its output against eager's, and its time."""

    path: str
    type: str
    accumulated: float | None = None  # as the export runs; None: the export has no such call, or cannot show it
    local: float | None = None  # fed eager's inputs; None: it cannot be exported alone
    eager_s: float | None = None  # of eager's call, what it calls included


@dataclass(frozen=True, kw_only=True)
class Baked:
    """An expression of the user's source that is a constant in the export: its value while exporting, and eager's here."""

    code: str
    exporting: str
    eager: str


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why a mode fails, as far as the evidence goes. `file` and `line` are the user's own source."""

    cause: str
    file: str | None = None
    line: int | None = None
    code: str = ""  # the source line itself
    message: str = ""
    evidence: tuple[str, ...] = ()
    fix: str = ""
    proved: bool = False  # forcing the suspect back in eager gave the export's result
    baked: tuple[Baked, ...] = ()  # at `line`
    divergence: tuple[Divergence, ...] = ()  # of the leading cause: every module, in the order of their return


@dataclass(frozen=True, kw_only=True)
class Arm:
    """The calls of one contender at one case, in the order in which they were made."""

    name: str  # "eager", "eager again" (the control) or a mode
    warmup_s: tuple[float, ...]
    samples_s: tuple[float, ...]
    device_s: tuple[float, ...] = ()  # between events on an accelerator's stream; empty on the CPU
    same_as: str = ""  # the mode whose samples these are, where both exports are the same


@dataclass(frozen=True, kw_only=True)
class Alternation:
    """The times of one mode when its shapes alternate: `visits_s[i][v]` is visit v to the shape of `cases[i]`."""

    mode: str
    cases: tuple[Case, ...]
    visits_s: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """What an artefact takes in a process that has nothing else."""

    mode: str
    load_s: float
    first_call_s: float
    peak_bytes: int | None  # above what the process held before; None where the system does not tell


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Interleaved calls of all arms on one set of inputs: sample i of every arm was taken in round i."""

    case: Case
    arms: tuple[Arm, ...]
    threads: int = 1
    calls_per_sample: int = 1
    clock_s: float = 0.0  # what reading the clock costs, subtracted from every sample
    load_average: float | None = None  # of the last minute, when the measurement began
    involuntary_switches: int | None = None  # while samples were taken
    preempted: tuple[int, ...] = ()  # rounds in which the kernel took the processor away
    stolen_share: float | None = None  # of the processors' time, taken by the hypervisor
    frequency_mhz: tuple[float, float] | None = None  # before and after
    cpus: int | None = None  # that this process may use
    notes: tuple[str, ...] = ()
    alternations: tuple[Alternation, ...] = ()  # of the whole run, with its base case
    footprints: tuple[Footprint, ...] = ()  # likewise
    by_threads: tuple[Latency, ...] = ()  # likewise: the base case with other numbers of threads


@dataclass(frozen=True, kw_only=True)
class SavedArtefact:
    """An artefact that was exported elsewhere, and is held against the model as it is."""

    name: str  # as the user wrote it
    sha256: str  # of the kept file


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything a run needs, and all that crosses the seam to the engine."""

    model: ModelSource
    modes: tuple[str, ...]
    cases: tuple[Case, ...]  # the first is the base case: exports are made from its inputs
    limits: Limits = Limits()
    latency: bool = False
    latency_s: float | None = None  # for all timing together; None: 3 s for each contender
    threads: tuple[int, ...] = (
        1,
    )  # that compute while latency is measured; the first counts, the others are beside it
    search_s: float = 0.0  # for narrowing the failures of one mode down; 0: not at all
    seed: int = 0
    saved: SavedArtefact | None = None  # in place of an export, in the one mode of the run
