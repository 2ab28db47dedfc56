"""What eager returns for each case, computed once and shared by all modes.

Owns the author worker that runs eager. A case on which it dies is remembered as that; a new worker takes the next case.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import stat
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tsdash.engine import folders
from tsdash.engine.answers import take, take_all
from tsdash.engine.nursery import Nursery
from tsdash.engine.workers import Worker, WorkerLost
from tsdash.errors import ModelError
from tsdash.models import given
from tsdash.models.beside import folder_of
from tsdash.models.entry_points import constants
from tsdash.spec import Case, CaseResult, Description, ErrorFacts, InputFacts, Noise, Reach, RunSpec, Side, to_json

KEPT_BYTES = (
    2 * 2**30
)  # of outputs in shared memory; the oldest beyond it are dropped, and computed again when asked for
NOISE_CALL_S = 1.0  # a case whose call takes longer is not run again to see how far it moves
MOST_NOISY = 3  # cases of a run whose noise is measured: the base case and the first that differ
_SPOILT = ("crash", "bug", "no_inputs")  # how a case may end for the fault of an earlier one
MOST_IN_VAIN = 3  # loading a model anew for nothing may take long
GAIN_SHARE = 0.25  # of its memory limit that a worker may gain from case to case


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Eager's side of a case. `inputs` and `expected` are tensor files, there only as far as eager got."""

    side: Side
    inputs: Path | None = None
    expected: Path | None = None
    size_bytes: int = 0
    labels: tuple[int, ...] = ()  # the right class of each row, of inputs that came as a file


class References:
    """Eager's side of every case of a run. `tensors` is the folder of all inputs and outputs.

    The author worker writes into another, from which each file is taken as soon as its case is over: what the model does in a
    later case cannot reach it by its name any more.
    """

    def __init__(self, nursery: Nursery, spec: RunSpec, folder: Path, parcel: Path | None = None) -> None:
        self._nursery = nursery
        self._spec = spec
        self._folder = folder
        self._parcel = parcel
        self.tensors = folder / "tensors"
        self._incoming = folder / "incoming"
        self._worker: Worker | None = None
        self._loaded_bytes = 0  # resident in the worker once the model was loaded
        self._served = 0  # requests that it has had since
        self._in_vain = 0  # cases that fared no better on a new worker
        self._known: OrderedDict[str, Reference] = OrderedDict()
        self._known_bytes = 0
        self._oracles: dict[str, dict[str, Any]] = {}
        self._noise: dict[str, tuple[Noise, ...]] = {}
        self._repeats, self._random = True, False  # see `Description`
        self._checked = asyncio.Event()  # `check` has told the two, or could not
        self._lock = asyncio.Lock()

    async def describe(self) -> Description:
        """Load the model. Raises ModelError when it cannot be loaded, also when loading it kills the process."""
        async with self._lock:
            if self._parcel is not None:
                await asyncio.to_thread(_unpack, self._parcel, self._folder / given.FOLDER)
            try:
                return take(Description, await self._load(), "description")
            except WorkerLost as lost:
                raise ModelError(f"{self._spec.model.filename} could not be described: {lost}.") from lost

    async def check(self, description: Description) -> Description:
        """`description` with what a few more calls of the base case tell, and its noise measured before others use the worker;
        unchanged where they do not end."""
        base = self._spec.cases[0]
        reference = await self.of(base)
        try:
            if reference.side.ended != "returned":
                return description
            async with self._lock:
                request = {"do": "check", "case": to_json(base), "description": to_json(description)}
                checked = take(Description, await self._call(request, 4 * self._spec.limits.case_s), "ok")
                self._repeats, self._random = checked.deterministic, checked.stochastic
                await self._measure_noise(base, reference)
                return checked
        except (WorkerLost, ModelError):
            return description
        finally:
            self._checked.set()

    async def reach(self, cases: Sequence[Case], budget_s: float) -> Reach | None:
        """What of the user's own forward these cases run; None where that cannot be told in `budget_s`."""
        async with self._lock:
            try:
                request = {"do": "reach", "cases": to_json(cases), "budget_s": budget_s}
                answer = (await self._call(request, budget_s + self._spec.limits.case_s))["ok"]
                return take(Reach, answer, "reach") if answer else None
            except (WorkerLost, ModelError):
                return None

    async def of(self, case: Case) -> Reference:
        """Eager's side of `case`."""
        if case.id in self._known:
            return self._known[case.id]
        async with self._lock:
            if case.id not in self._known:
                self._known[case.id] = reference = await self._compute(case)
                self._known_bytes += reference.size_bytes
                self._drop_old(case.id)
            return self._known[case.id]

    async def measured(self, case: Case) -> tuple[InputFacts, ...]:
        """What the values of the case's inputs come to; empty where they cannot be made."""
        async with self._lock:
            try:
                request = {"do": "measure", "case": to_json(case)}
                return take_all(InputFacts, (await self._call(request, self._spec.limits.case_s))["ok"], "inputs")
            except (WorkerLost, ModelError):
                return ()

    async def oracle(self, case: Case) -> dict[str, Any]:
        """{"oracle": path or absent, "repeatable": whether eager gives the same bits again, "why_not": …} for a case that
        eager returned from."""
        reference = await self.of(case)
        async with self._lock:
            if case.id not in self._oracles:
                oracle = self._incoming / f"{case.id}.oracle"
                request = {
                    "do": "oracle",
                    "case": to_json(case),
                    "expected": str(reference.expected),
                    "oracle": str(oracle),
                }
                try:
                    answer = (await self._call(request, 4 * self._spec.limits.case_s))["ok"]
                    taken = {"oracle": str(self._taken(oracle)[0])} if "oracle" in answer else {}
                    found = taken or {"why_not": take(str, answer, "why_not")}
                    self._oracles[case.id] = {"repeatable": take(bool, answer, "repeatable"), **found}
                except (WorkerLost, ModelError) as error:
                    self._oracles[case.id] = {"repeatable": True, "why_not": str(error)}
            return self._oracles[case.id]

    async def with_noise(self, result: CaseResult) -> CaseResult:
        """`result` of the base case, or of a case that differs, with how far eager itself moves on it (`tsdash.noise`); as it
        is for a case that takes long, and once the first few have been measured."""
        case = result.case
        await self._checked.wait()
        if case.id not in self._noise and any(not facts.identical for facts in result.outputs):
            reference = await self.of(case)
            async with self._lock:
                await self._measure_noise(case, reference)
        return replace(result, noise=self._noise.get(case.id, ()))

    async def _measure_noise(self, case: Case, reference: Reference) -> None:
        slow = (reference.side.seconds or 0.0) > NOISE_CALL_S
        if slow or reference.expected is None or case.device != "cpu" or not self._repeats:
            return
        if case.id in self._noise or len(self._noise) >= MOST_NOISY:
            return
        request = {"do": "noise", "case": to_json(case), "expected": str(reference.expected), "rows": not self._random}
        try:
            answer = (await self._call(request, self._spec.limits.case_s))["ok"]
            self._noise[case.id] = take_all(Noise, answer, "noise")
        except (WorkerLost, ModelError):
            self._noise[case.id] = ()

    async def close(self) -> None:
        if self._worker is not None:
            await self._worker.kill()

    async def _compute(self, case: Case) -> Reference:
        """Eager's side of `case`, tried once more on a new worker where the old one may have been spoilt by an earlier case,
        until that has been in vain a few times."""
        worker = self._worker if self._served and self._worker is not None and self._worker.alive else None
        reference = await self._tried(case)
        if worker is not None and reference.side.ended in _SPOILT and self._in_vain < MOST_IN_VAIN:
            await worker.kill()
            reference = await self._tried(case)
            self._in_vain += reference.side.ended in _SPOILT
        return reference

    async def _tried(self, case: Case) -> Reference:
        inputs, expected = self._incoming / f"{case.id}.inputs", self._incoming / f"{case.id}.expected"
        request = {"do": "eager", "case": to_json(case), "inputs": str(inputs), "expected": str(expected)}
        try:
            answer = (await self._call(request, self._spec.limits.case_s))["ok"]
            side, labels = take(Side, answer, "side"), take_all(int, answer, "labels")
            inputs, size = self._taken(inputs)
            if side.ended == "returned":
                expected, more = self._taken(expected)
                size += more
        except WorkerLost as lost:
            output = self._worker.output if self._worker is not None else ""
            if self._worker is not None:
                await self._worker.kill()
            return Reference(
                side=Side(
                    ended=lost.ended, error=ErrorFacts(type=lost.ended, message=str(lost), traceback=output[-8192:])
                )
            )
        except ModelError as error:
            return Reference(
                side=Side(
                    ended="no_inputs",
                    error=ErrorFacts(type="ModelError", message=str(error), file=error.file, line=error.line),
                )
            )
        await self._recycle()
        return Reference(
            side=side,
            inputs=inputs,
            expected=expected if side.ended == "returned" else None,
            size_bytes=size,
            labels=labels,
        )

    def _taken(self, written: Path) -> tuple[Path, int]:
        """Where a file that the author has written is kept, and its bytes. Raises WorkerLost where it has left none."""
        kept = self.tensors / written.name
        with contextlib.suppress(OSError):
            written.rename(kept)
            found = kept.lstat()
            if stat.S_ISREG(found.st_mode):
                return kept, found.st_size
        raise WorkerLost("crash", "its process said that it had answered, and left no file with the answer")

    async def _recycle(self) -> None:
        """End a worker that leaks, or does not give memory back; the next case starts on a new one."""
        most = self._loaded_bytes + GAIN_SHARE * self._spec.limits.memory_mib * 2**20
        if self._worker is not None and self._worker.rss_bytes() > most:
            await self._worker.kill()

    def _drop_old(self, newest: str) -> None:
        """Forget the oldest outputs until the rest fits; they are computed again if a later mode asks."""
        while self._known_bytes > KEPT_BYTES and (key := next(iter(self._known))) != newest:
            dropped = self._known.pop(key)
            self._known_bytes -= dropped.size_bytes
            self._oracles.pop(key, None)
            for path in (dropped.inputs, dropped.expected, self.tensors / f"{key}.oracle"):
                if path is not None:
                    path.unlink(missing_ok=True)

    async def _call(self, request: dict[str, Any], limit_s: float) -> dict[str, Any]:
        if self._worker is None or not self._worker.alive:
            await self._load()
        assert self._worker is not None
        self._served += 1
        return raise_fault(await self._worker.call(request, limit_s))

    async def _load(self) -> dict[str, Any]:
        self.tensors.mkdir(exist_ok=True)
        folders.fresh(self._incoming)
        self._worker, answer = await loaded_author(
            self._nursery, self._spec, self._folder / "eager", reads=(self.tensors,), writes=(self._incoming,)
        )
        self._loaded_bytes, self._served = self._worker.rss_bytes(), 0
        return answer


def _unpack(parcel: Path, folder: Path) -> None:
    """A copy of what came with the model where the workers of this run may read it. Raises ModelError."""
    folder.mkdir()
    try:
        shutil.copyfile(parcel, folder / given.FILE)
    except FileNotFoundError:
        raise ModelError("The model that was given in Python is no longer kept. Check it again from Python.") from None


async def loaded_author(
    nursery: Nursery, spec: RunSpec, folder: Path, *, reads: Sequence[Path] = (), writes: Sequence[Path] = ()
) -> tuple[Worker, dict[str, Any]]:
    """A fresh author worker in `folder` that has loaded the model, and its answer; beside its own it has the folders that it
    `reads` and `writes`. Raises ModelError."""
    limits = spec.limits
    reads = (*reads, *dict.fromkeys(Path(case.inputs).parent for case in spec.cases if case.inputs))
    searches = [constants(spec.model)["SEARCH_PATH"]] if spec.model.kind == "entry_point" else []
    searches += given.search_paths(spec.model)
    reads = (*reads, folder.parent / given.FOLDER) if spec.model.given else reads
    worker = await nursery.fork(
        "author", folder, limits.memory_mib, limits.output_kib, reads=reads, writes=writes, searches=searches
    )
    try:
        request = {"do": "load", "source": to_json(spec.model), "seed": spec.seed, "kept_in": folder_of(spec.model)}
        answer = raise_fault(await worker.call(request, limits.load_s))
    except WorkerLost as lost:
        what = (
            f"did not finish loading within {limits.load_s:g} s"
            if lost.ended == "timeout"
            else f"ended its process while loading: {lost}"
        )
        raise ModelError(f"{spec.model.filename} {what}.") from lost
    except ModelError:
        await worker.kill()
        raise
    return worker, answer["ok"]


def raise_fault(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, unless it says that the user's model is at fault. Raises ModelError."""
    if "fault" in answer:
        facts = take(ErrorFacts, answer, "fault")
        raise ModelError(facts.message, file=facts.file, line=facts.line)
    return answer
