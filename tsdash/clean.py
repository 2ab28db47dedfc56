"""The clean worker: never sees the user's code. Loads the saved artefact, runs it, compares with eager's outputs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch

from tsdash import compare, effects, elements, exporters, graphtext, inputs, tensorfile, tree
from tsdash.calling import observe, run
from tsdash.errors import ModelError
from tsdash.spec import GIVEN, MOST_CLASSES, Case, Classes, Export, Footprint, OutputFacts, Side, from_json, to_json
from tsdash.tracebacks import SourceMap, user_error


class Clean:
    """Answers {"do": "load" | "compare" | "oracle", …}. One artefact for the life of the process."""

    def __init__(self) -> None:
        self._mode = ""
        self._path = Path()
        self._sources = SourceMap()
        self._kept: tuple[str, Callable[..., Any]] | None = (
            None  # an artefact that calls do not change, with its device
        )
        self._mutable = True
        self._training: set[bool | None] = set()  # the flags of its modules; None: frozen
        self._last: list[tuple[OutputFacts, torch.Tensor, int]] = []  # facts, actual, index of the expected leaf

    def answer(self, request: dict[str, Any]) -> Any:
        actions: dict[str, Callable[[dict[str, Any]], Any]] = {
            "load": self._load,
            "compare": self._compare,
            "oracle": self._oracle,
            "footprint": self._footprint,
            "texts": self._texts,
        }
        return actions[request["do"]](request)

    def _load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Load the artefact once, to see that it can be; {"error": ErrorFacts} where it cannot."""
        self._mode, self._path = request["mode"], Path(request["artefact"])
        self._sources = from_json(SourceMap, request["sources"])
        try:
            artefact: Any = exporters.EXPORTERS[self._mode].load(self._path, "cpu")
        except Exception as error:
            return {"error": user_error(error, self._sources)}
        self._mutable = exporters.mutable(artefact)
        self._training = {getattr(module, "training", None) for module in artefact.modules()}
        self._kept = ("cpu", artefact)
        return {}

    def _artefact_for(self, case: Case) -> Callable[..., Any]:
        """The artefact as a deployment would have it for this case; a fresh one where state or dtype would leak."""
        scope, dtype = inputs.parse_dtype(case.dtype)
        switched = exporters.EXPORTERS[self._mode].switches and case.training is not None
        changed = (scope == "all" and dtype != GIVEN) or (switched and self._training != {case.training})
        if not changed and not self._mutable and self._kept is not None and self._kept[0] == case.device:
            return self._kept[1]
        artefact: Any = exporters.EXPORTERS[self._mode].load(self._path, case.device)
        if scope == "all" and dtype != GIVEN:
            artefact = artefact.to(getattr(torch, dtype))
        if switched:
            artefact.train(case.training)
        return cast(Callable[..., Any], artefact)

    def _compare(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run the case on the artefact. Where eager returned too, compare every element of every output."""
        case = from_json(Case, request["case"])
        self._last = []
        args, kwargs = _inputs(request)
        try:
            called = observe(self._artefact_for(case), args, kwargs, case)
            own, actual = effects.read(called, args, kwargs)
        except Exception as error:
            return {"exported": Side(ended="raised", error=user_error(error, self._sources))}
        answer: dict[str, Any] = {"exported": Side(ended="returned", seconds=called.seconds)}
        if request["expected"] is None:
            return answer
        eagers, expected = _expected(request)
        views = {}
        for path, actual_leaf, expected_leaf in tree.pairs(own.structure, eagers.structure):
            pair = actual[actual_leaf], expected[expected_leaf]
            if "meta" in (pair[0].device.type, pair[1].device.type):
                continue
            facts = compare.compare(*pair, path=path)
            self._last.append((facts, pair[0], expected_leaf))
            if not facts.identical:
                views[path] = elements.view(*pair)
        outputs = [facts for facts, _, _ in self._last]
        if case.inputs:
            answer |= _classes(self._last, expected, request["labels"])
        return {
            **answer,
            "structure": tree.differences(own.structure, eagers.structure),
            "contract": effects.changes((own, actual), (eagers, expected)),
            "outputs": outputs,
            "views": views,
        }

    def _oracle(self, request: dict[str, Any]) -> dict[str, Any]:
        """The outputs of the last comparison again, each with its errors against eager in float64."""
        expected, _ = tensorfile.read(Path(request["expected"]))
        reference, _ = tensorfile.read(Path(request["oracle"]))
        if [leaf.shape for leaf in reference] != [leaf.shape for leaf in expected]:
            return {"outputs": [to_json(facts) for facts, _, _ in self._last]}
        outputs = [
            replace(facts, oracle=compare.against_oracle(actual, expected[leaf], reference[leaf]))
            for facts, actual, leaf in self._last
        ]
        return {"outputs": outputs}

    def _texts(self, request: dict[str, Any]) -> Export:
        """Code and graph of the artefact, to be read by people."""
        code, graph = graphtext.texts(exporters.EXPORTERS[self._mode].read(self._path), self._sources)
        return Export(mode=self._mode, seconds=0.0, code=code, graph=graph)

    def _footprint(self, request: dict[str, Any]) -> Footprint:
        """Load an artefact and call it once, in a process that has nothing else."""
        case = from_json(Case, request["case"])
        args, kwargs = _inputs(request)
        before = peak_bytes()
        began = time.perf_counter()
        artefact = exporters.EXPORTERS[request["mode"]].load(Path(request["artefact"]), case.device)
        loaded = time.perf_counter()
        run(artefact, args, kwargs, case)
        called = time.perf_counter()
        after = peak_bytes()
        held = None if before is None or after is None else after - before
        return Footprint(mode=request["mode"], load_s=loaded - began, first_call_s=called - loaded, peak_bytes=held)


@contextlib.contextmanager
def _as_written() -> Iterator[None]:
    """Eager's files come from a process of the model's. Raises ModelError where they are not what `tensorfile.write` makes."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise ModelError(f"The tensors that eager left are not as it wrote them: {type(error).__name__}.") from error


def _inputs(request: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    with _as_written():
        leaves, structure = tensorfile.read(Path(request["inputs"]), strided=True)
        args, kwargs = tree.unflatten(from_json(tree.Node, structure), leaves)
        return args, kwargs


def _expected(request: dict[str, Any]) -> effects.Seen:
    with _as_written():
        leaves, meta = tensorfile.read(Path(request["expected"]))
        return from_json(effects.Effects, meta), leaves


def _classes(
    compared: list[tuple[OutputFacts, torch.Tensor, int]], expected: list[torch.Tensor], labels: list[int]
) -> dict[str, Classes]:
    """What both sides predict for each row of the first output that is a table of scores; labels where there is one a row."""
    for facts, actual, leaf in compared:
        if facts.argmax_rows:
            rows = [scores.argmax(-1).reshape(-1)[:MOST_CLASSES].tolist() for scores in (expected[leaf], actual)]
            known = tuple(labels) if len(labels) == len(rows[0]) else ()
            return {"classes": Classes(path=facts.path, expected=tuple(rows[0]), actual=tuple(rows[1]), labels=known)}
    return {}


def peak_bytes() -> int | None:
    """The most resident memory that this process has had; None where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)
