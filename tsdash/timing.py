"""Latency of several callables, taken in turn so that what the machine does meanwhile meets all of them alike.

A measurement is a series of rounds. In each round every arm (eager, eager again as the A/A control, every mode) is
sampled once, in an order that is drawn anew. The first rounds are the warm-up and are kept apart; in those after them
sample i of every arm belongs to round i. The garbage collector is off, one thread computes unless told otherwise, and
calls too short for the clock are sampled in batches. `tsdash.stats` turns the samples into numbers. Runs in the worker.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import math
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from tsdash import stats
from tsdash.spec import Alternation, Arm, Case, Latency

try:
    import resource
except ImportError:  # Windows keeps no count of involuntary switches
    resource = None  # type: ignore[assignment]

Call = Callable[[], object]

SHORTEST_SAMPLE_S = 10e-6  # shorter calls are batched: reading the clock costs up to 0.2 µs, with a spread
PRIMING = ((10e-3, 2), (100e-3, 1))  # calls below so many seconds follow so many untimed ones, see `rounds`
CLOCK_READINGS = 1001
CLOCK_TICK_S = 1e-9
DECIMALS = 10  # of a second: what is finer is noise, and a record stays small
WARMUP_FEWEST = 3  # rounds, whatever they cost: TorchScript specialises in calls 1–3
WARMUP_LOOK = 12  # rounds before the first look for a steady phase; the next looks are at 24, 48, …
WARMUP_MOST = 192
WARMUP_SHARE = 1 / 3  # of the budget
PROGRESS_S = 0.2  # between two reports


class Sample(NamedTuple):
    """The seconds of one call, the mean of its batch."""

    wall_s: float
    device_s: float | None = None


Clock = Callable[[Call, int], Sample]  # the seconds of a whole batch
Round = Callable[..., list[Sample]]


def measure(
    arms: Sequence[tuple[str, Call]],
    *,
    case: Case,
    budget_s: float,
    min_samples: int = stats.MEDIAN_SAMPLES,
    max_samples: int = 2000,
    seed: int = 0,
    threads: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Latency:
    """The times of all arms on one set of inputs, within about `budget_s`, warm-up included.

    An arm is a name and a call without arguments; `spec.EAGER` and `spec.CONTROL` name eager and its twin, see
    `twin_of`. There are never fewer rounds than `min_samples` or than a median with an interval needs; where those do
    not fit the budget it is overrun, and a note says so. `progress` hears the share that is done, between rounds.
    """
    names = [name for name, _ in arms]
    fewest = max(min_samples, stats.MEDIAN_SAMPLES)
    pace = Pace(begun_s=time.monotonic(), budget_s=budget_s, progress=progress)
    with _undisturbed(threads):
        clock_s = clock_cost_s()
        play = rounds([call for _, call in arms], clock=clock_of(case.device), clock_s=clock_s, seed=seed)
        warmup, notes = _warm_up(play, names, pace)
        typical_s = [stats.median([taken[i].wall_s for taken in warmup[len(warmup) // 2 :]]) for i in range(len(names))]
        calls = calls_per_sample(min(typical_s)) if is_host(case.device) else 1
        before = Machine.now()
        samples, preempted = _sample(
            lambda: play(calls, prime=priming_calls(max(typical_s))),
            pace,
            fewest=fewest,
            most=max(fewest, max_samples),
        )
        after = Machine.now()
    if before.cpus is not None and threads > before.cpus:
        notes.append(f"{threads} threads on {before.cpus} processors.")
    if len(samples) == fewest and pace.spent_s() > budget_s:
        notes.append(f"The budget of {budget_s:g} s is too small: {fewest} rounds took {pace.spent_s():.1f} s.")
    return Latency(
        case=case,
        arms=tuple(_arm(name, [r[i] for r in warmup], [r[i] for r in samples]) for i, name in enumerate(names)),
        threads=threads,
        calls_per_sample=calls,
        clock_s=clock_s,
        load_average=before.load_average,
        involuntary_switches=after.switches - before.switches,
        preempted=tuple(preempted),
        stolen_share=after.stolen_share_since(before),
        frequency_mhz=after.frequency_since(before),
        cpus=before.cpus,
        notes=tuple(notes),
    )


def twin_of(model: torch.nn.Module, build: Callable[[], torch.nn.Module]) -> tuple[torch.nn.Module, str | None]:
    """Eager once more, for the A/A control: built anew with the same state; or the model itself, and a note why.

    `build` makes the model as it was made: in its dtype, on its device, from ordinary tensors. Nothing else is a fair
    control. A second call of the same object finds its weights where the first left them, which an export never does. A
    deep copy lays out its Python attributes otherwise, and a call of a small layer takes 0.7 % longer. Weights that an
    artefact in memory shares, or that were made in inference mode, speed eager up by 5 % and 12 %.
    """
    try:
        with torch.inference_mode(False), torch.random.fork_rng(devices=[]):
            twin = build()
            twin.load_state_dict(model.state_dict())
        for own, other in zip(twin.state_dict().values(), model.state_dict().values(), strict=True):
            if (own.dtype, own.device) != (other.dtype, other.device):
                raise ValueError(f"it was built as {own.dtype} on {own.device}, not {other.dtype} on {other.device}")
        for module, like in zip(twin.modules(), model.modules(), strict=True):
            module.training = like.training
    except Exception as error:  # the user's code and state: anything may go wrong, and nothing is lost by it
        why = f"{type(error).__name__}: {error}"
        return model, f"The control is eager itself, not a second build of it ({why})."
    return twin, None


def alternate(mode: str, calls: Sequence[Call], *, cases: Sequence[Case], visits: int = 6) -> Alternation:
    """The times of `calls`, one for each of `cases`, when shapes alternate: all once, then all again, `visits` times.

    A shape that was seen before should be fast at once; an export that specialises anew pays again at every visit.
    """
    clock, taken = clock_of(cases[0].device), []
    with _undisturbed(threads=torch.get_num_threads()):
        clock_s = clock_cost_s()
        for _ in range(visits):
            taken.append([max(clock(call, 1).wall_s - clock_s, CLOCK_TICK_S) for call in calls])
    return Alternation(mode=mode, cases=tuple(cases), visits_s=tuple(zip(*taken, strict=True)))


def rounds(calls: Sequence[Call], *, clock: Clock, clock_s: float, seed: int) -> Round:
    """The function that plays one round: a sample of each of `calls`, in their order, however the round ran.

    Every second round runs the order of the one before it backwards, so that each arm comes before each other equally
    often: 4 % go to whoever comes first after the bookkeeping. A primed round makes untimed calls before each sample,
    so that a call finds its weights in the caches, as in production, and not those of the arm before it: without, a
    small MLP (1.6 MB) took 275 µs in place of 158 and up to a third more in one place of the order than in another;
    with one untimed call the places still differed by 13 %, with two by less than 1 %.
    """
    rng = random.Random(seed)
    order = list(range(len(calls)))
    mirrored = itertools.cycle((False, True))

    def play(batch: int = 1, *, prime: int = 0) -> list[Sample]:
        if next(mirrored):
            order.reverse()
        else:
            rng.shuffle(order)
        taken: dict[int, Sample] = {}
        for i in order:
            for _ in range(prime):
                calls[i]()
            taken[i] = clock(calls[i], batch)
        return [_per_call(taken[i], batch, clock_s) for i in range(len(calls))]

    return play


def is_host(device: str) -> bool:
    """Whether a call returns when it is done, rather than when it is queued."""
    return device.partition(":")[0] in ("cpu", "meta")


def clock_of(device: str) -> Clock:
    """The clock for calls on `device`; accelerators queue their work and are waited for."""
    if is_host(device):
        return host_clock
    return accelerator_clock(
        lambda: torch.accelerator.synchronize(torch.device(device)),
        lambda: torch.Event(torch.device(device), enable_timing=True),
    )


def host_clock(call: Call, batch: int) -> Sample:
    """The wall time of `batch` calls, freeing what they return included."""
    turns = itertools.repeat(None, batch)
    begun = time.perf_counter_ns()
    for _ in turns:
        call()
    ended = time.perf_counter_ns()
    return Sample((ended - begun) / 1e9)


def accelerator_clock(synchronize: Callable[[], object], event: Callable[[], torch.Event]) -> Clock:
    """A clock that waits for the device: wall time from the call to its result, device time between two events."""

    def clock(call: Call, batch: int) -> Sample:
        first, last = event(), event()
        turns = itertools.repeat(None, batch)
        synchronize()
        begun = time.perf_counter_ns()
        first.record()
        for _ in turns:
            call()
        last.record()
        synchronize()
        ended = time.perf_counter_ns()
        return Sample((ended - begun) / 1e9, first.elapsed_time(last) / 1e3)

    return clock


def clock_cost_s() -> float:
    """What the clock reads when nothing is called: the median of many readings."""
    return stats.median([host_clock(gc.isenabled, 0).wall_s for _ in range(CLOCK_READINGS)])


def calls_per_sample(fastest_s: float) -> int:
    """How many calls of the fastest arm make a sample of 10 µs; all arms are batched alike and stay comparable."""
    return max(1, math.ceil(round(SHORTEST_SAMPLE_S / fastest_s, 9)))  # 10 µs / 2 µs is 5, not the float above it


def priming_calls(slowest_s: float) -> int:
    """How many untimed calls go before a sample; a long call brings its weights into the caches by itself."""
    return next((calls for below_s, calls in PRIMING if slowest_s < below_s), 0)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How much of the budget is spent."""

    begun_s: float
    budget_s: float
    progress: Callable[[float], None] | None

    def spent_s(self) -> float:
        return time.monotonic() - self.begun_s


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What the operating system tells about the machine at one moment; None where it does not."""

    cpus: int | None  # that this process may use
    load_average: float | None
    switches: int
    ticks: tuple[int, ...]  # of all processors: user, nice, system, idle, iowait, irq, softirq, steal, …
    frequency_mhz: float | None

    @classmethod
    def now(cls) -> Machine:
        stat = Path("/proc/stat")
        ticks = stat.read_text().splitlines()[0].split()[1:9] if stat.exists() else []
        clocks = [
            int(path.read_text()) for path in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq")
        ]
        return cls(
            cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            load_average=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            switches=involuntary_switches(),
            ticks=tuple(map(int, ticks)),
            frequency_mhz=sum(clocks) / len(clocks) / 1000 if clocks else None,
        )

    def stolen_share_since(self, before: Machine) -> float | None:
        """The share of the processors' time that the hypervisor gave to other machines. Source: proc(5), /proc/stat."""
        passed = [now - then for now, then in zip(self.ticks, before.ticks, strict=True)]
        return passed[7] / sum(passed) if len(passed) > 7 and sum(passed) > 0 else None

    def frequency_since(self, before: Machine) -> tuple[float, float] | None:
        """The mean clock rate of the processors before and now."""
        if before.frequency_mhz is None or self.frequency_mhz is None:
            return None
        return before.frequency_mhz, self.frequency_mhz


def involuntary_switches() -> int:
    """How often the kernel took the processor from this process, or from this thread where it counts by thread."""
    if resource is None:
        return 0
    return resource.getrusage(getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)).ru_nivcsw


@contextlib.contextmanager
def _undisturbed(threads: int) -> Iterator[None]:
    """No garbage collection and `threads` computing threads; what was set before is restored."""
    collecting, threads_before = gc.isenabled(), torch.get_num_threads()
    gc.collect()
    gc.disable()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads_before)
        if collecting:
            gc.enable()


def _warm_up(play: Round, names: Sequence[str], pace: Pace) -> tuple[list[list[Sample]], list[str]]:
    """Rounds of single calls until the speed of every arm has settled (`stats.settled_after`)."""
    taken: list[list[Sample]] = []
    look = WARMUP_LOOK
    while True:
        taken.append(play())
        ends = len(taken) >= WARMUP_MOST or (
            len(taken) >= WARMUP_FEWEST and pace.spent_s() > pace.budget_s * WARMUP_SHARE
        )
        if len(taken) < look and not ends:
            continue
        look *= 2
        restless = [n for i, n in enumerate(names) if stats.settled_after([r[i].wall_s for r in taken]) is None]
        if not restless:
            return taken, []
        if ends:
            return taken, [f"Still changing speed after {len(taken)} warm-up calls: {', '.join(restless)}."]


def _sample(
    play: Callable[[], list[Sample]], pace: Pace, *, fewest: int, most: int
) -> tuple[list[list[Sample]], list[int]]:
    """Rounds until there are `most` or the budget is spent, and the numbers of those that the kernel interrupted."""
    taken: list[list[Sample]] = []
    preempted = []
    reported_s = pace.spent_s()
    while len(taken) < fewest or (len(taken) < most and pace.spent_s() < pace.budget_s):
        switches = involuntary_switches()
        taken.append(play())
        if involuntary_switches() > switches:
            preempted.append(len(taken) - 1)
        if pace.progress and pace.spent_s() > reported_s + PROGRESS_S:
            reported_s = pace.spent_s()
            pace.progress(min(1.0, max(len(taken) / most, reported_s / pace.budget_s)))
    return taken, preempted


def _per_call(sample: Sample, batch: int, clock_s: float) -> Sample:
    wall_s = max(sample.wall_s - clock_s, CLOCK_TICK_S) / batch
    device_s = None if sample.device_s is None else round(sample.device_s / batch, DECIMALS)
    return Sample(round(wall_s, DECIMALS), device_s)


def _arm(name: str, warmup: Sequence[Sample], samples: Sequence[Sample]) -> Arm:
    return Arm(
        name=name,
        warmup_s=tuple(sample.wall_s for sample in warmup),
        samples_s=tuple(sample.wall_s for sample in samples),
        device_s=tuple(sample.device_s for sample in samples if sample.device_s is not None),
    )
