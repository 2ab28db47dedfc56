"""The author worker: imports the user's code, builds the model, runs eager, exports and times."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tsdash import effects, exporters, inputs, questions, seeds, tensorfile, thresholds, tree
from tsdash.calling import Called, default_dtype, observe, run, same_bits
from tsdash.errors import ModelError
from tsdash.models import uploads
from tsdash.models.loading import Loaded, blame, load
from tsdash.pristine import Pristine
from tsdash.spec import (
    CONTROL,
    EAGER,
    Case,
    Description,
    ErrorFacts,
    ModelSource,
    Side,
    from_json,
    to_json,
)
from tsdash.study import Array, Question
from tsdash.tracebacks import user_error

_QUICK_CALL_S = 1.0  # a first call this quick leaves time for the checks that need more calls


class Author:
    """Answers {"do": name of a method, …}."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: Loaded | None = None
        self._pristine: Pristine | None = None
        self._artefacts: dict[tuple[str, str], Callable[..., object]] = {}  # by mode and device
        self._exported: Any = None  # the latest, as it is in memory

    def answer(self, request: dict[str, Any]) -> Any:
        actions: dict[str, Callable[[dict[str, Any]], Any]] = {
            "load": self._load,
            "eager": self._eager,
            "check": self._check,
            "measure": self._measure,
            "oracle": self._oracle,
            "noise": self._noise,
            "reach": self._reach,
            "export": self._export,
            "saved": self._saved,
            "fingerprints": self._fingerprints,
            "costs": self._costs,
            "time": self._time,
            "alternate": self._alternate,
            "diagnose": self._diagnose,
            "localize": self._localize,
            "study": self._study,
            "ask": self._ask,
            "compete": self._compete,
        }
        return actions[request["do"]](request)

    def _load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Import the model file, build the model once and make its base inputs. Raises ModelError."""
        self._loaded = load(from_json(ModelSource, request["source"]), self._folder, kept_in=request["kept_in"])
        self._pristine = Pristine(self._loaded.build)
        model, given = self._pristine.model, self._loaded.inputs()
        with blame(self._loaded, "looking at its parameters and inputs"):
            parameters = sum(parameter.numel() for parameter in model.parameters())
            facts = inputs.describe(*given)
        description = Description(parameters=parameters, dims=self._loaded.dims, inputs=facts, training=model.training)
        return {"description": description, "sources": self._loaded.sources}

    @property
    def loaded(self) -> Loaded:
        assert self._loaded is not None, "load comes first"
        return self._loaded

    @property
    def pristine(self) -> Pristine:
        assert self._pristine is not None, "load comes first"
        return self._pristine

    def _fresh(self) -> torch.nn.Module:
        return self.pristine.fresh()

    def _call(self, case: Case, arguments: questions.Given | None = None) -> Called:
        """Eager's call of the case, on its own inputs or on other `arguments`. Exceptions of the model pass through."""
        return self.pristine.call(case, *(arguments or inputs.build(self.loaded, case)))

    def _eager(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run the case in eager: inputs and outputs go to files, the answer says how it ended."""
        case = from_json(Case, request["case"])
        args, kwargs = self._inputs_of(case)
        structure, leaves = tree.flatten((args, kwargs))
        tensorfile.write(Path(request["inputs"]), leaves, to_json(structure))
        side = Side(ended="returned")
        try:
            called = self._call(case, (args, kwargs))
            seen, leaves = effects.read(called, args, kwargs)
            tensorfile.write(Path(request["expected"]), leaves, to_json(seen))
            side = replace(side, seconds=called.seconds)
        except BaseException as error:  # SystemExit and KeyboardInterrupt are the model's doing too
            side = Side(ended="raised", error=self._facts(error))
        labels = uploads.read(Path(case.inputs)).labels if case.inputs else ()
        return {"side": side, "labels": labels}

    def _measure(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the values of a case's inputs come to."""
        return {"inputs": inputs.measure(*self._inputs_of(from_json(Case, request["case"])))}

    def _inputs_of(self, case: Case) -> tuple[tuple[Any, ...], dict[str, Any]]:
        try:
            return inputs.build(self.loaded, case)
        except ModelError:
            raise
        except Exception as error:
            facts = self._facts(error)
            raise ModelError(
                f"make_inputs failed for {case.dims}: {facts.type}: {facts.message}", file=facts.file, line=facts.line
            ) from error

    def _facts(self, error: BaseException) -> ErrorFacts:
        return user_error(error, self.loaded.sources)

    def _check(self, request: dict[str, Any]) -> Description:
        """What a few more eager calls tell: does it repeat under one seed, does it draw random numbers, does it listen to
        its input at all?"""
        case = from_json(Case, request["case"])
        description = from_json(Description, request["description"])
        notes: list[str] = []
        first, called = self._leaves(case)
        draws = seeds.drawn_since(case.seed)
        again, _ = self._leaves(case)
        deterministic = same_bits(first, again)
        stochastic = switchable = False
        if called.seconds < _QUICK_CALL_S and deterministic:
            reseeded, _ = self._leaves(case, seed=case.seed + 7919)
            stochastic = not same_bits(first, reseeded)
            switchable = description.training and self._minds_eval(case, first)
            elsewhere = replace(case, seed=case.seed + 1)
            other, _ = self._leaves(elsewhere, seed=case.seed)
            if same_bits(first, other) and description.inputs and self._inputs_differ(case, elsewhere):
                notes.append(
                    "Eager gives the same output for other input values: agreement of an export with it proves little."
                )
        if not deterministic:
            notes.append("Eager is not deterministic: two calls with the same inputs under one seed differ.")
        if called.changed:
            notes.append(
                f"Eager changes torch's settings when it runs ({', '.join(called.changed)}), and an export does not: whoever "
                "calls it sees that. Here they are put back after every call."
            )
        numbers = thresholds.named(self.loaded, self.pristine.model)
        return replace(
            description,
            deterministic=deterministic,
            stochastic=stochastic,
            draws=draws,
            switchable=switchable,
            thresholds=numbers,
            notes=(*description.notes, *notes),
        )

    def _minds_eval(self, case: Case, before: list[torch.Tensor]) -> bool:
        """Whether eager answers otherwise than `before` once it is in evaluation mode."""
        try:
            return not same_bits(before, self._leaves(replace(case, training=False))[0])
        except Exception:  # a model raises what it likes
            return True

    def _inputs_differ(self, *cases: Case) -> bool:
        one, other = (tree.flatten(inputs.build(self.loaded, case))[1] for case in cases)
        return not same_bits(one, other)

    def _leaves(self, case: Case, seed: int | None = None) -> tuple[list[torch.Tensor], Called]:
        args, kwargs = inputs.build(self.loaded, case)
        model = self._fresh()
        if case.training is not None:
            model.train(case.training)
        called = observe(model, args, kwargs, replace(case, seed=case.seed if seed is None else seed))
        return tree.flatten(called.output)[1], called

    def _oracle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Eager in float64 on the same inputs, as the referee; {} where float64 does not run. Also whether eager repeats."""
        case = from_json(Case, request["case"])
        args, kwargs = inputs.build(self.loaded, case)
        answer: dict[str, Any] = {"repeatable": True}
        try:
            again = self._call(case, (args, kwargs))
            drawn = seeds.states()
            expected, _ = tensorfile.read(Path(request["expected"]))
            answer["repeatable"] = same_bits(effects.read(again, args, kwargs)[1], expected)
            model = self._fresh().to(torch.float64)
            if case.training is not None:
                model.train(case.training)
            wide_args, wide_kwargs = inputs.cast((args, kwargs), "float64")
            with default_dtype(torch.float64):
                reference = observe(model, wide_args, wide_kwargs, case)
            if seeds.states() != drawn:  # torch draws a float64 otherwise than a float32
                return {**answer, "why_not": "eager draws random numbers, and in float64 it draws others."}
            _, leaves = effects.read(reference, wide_args, wide_kwargs)
            tensorfile.write(Path(request["oracle"]), leaves)
            answer["oracle"] = request["oracle"]
        except Exception as error:
            answer["why_not"] = f"{type(error).__name__}: {str(error)[:200]}"
        return answer

    def _noise(self, request: dict[str, Any]) -> dict[str, Any]:
        """How far eager itself moves on the case when something changes that should not matter."""
        from tsdash import noise

        case = from_json(Case, request["case"])
        args, kwargs = inputs.build(self.loaded, case)
        expected, meta = tensorfile.read(Path(request["expected"]))
        paths = dict(tree.leaves(from_json(effects.Effects, meta).structure))
        axes = inputs.moving_axes(self.loaded, case.dims) if request["rows"] else {}
        batched = frozenset(path for path, moving in axes.items() if 0 in moving)
        call = functools.partial(self._output, case)
        return {"noise": noise.measure(call, args, kwargs, expected=expected, paths=paths, batched=batched)}

    def _output(self, case: Case, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._call(case, (args, kwargs)).output

    def _reach(self, request: dict[str, Any]) -> dict[str, Any]:
        """What of the user's own forward runs in the cases; {} where that is not known, or nothing of it is their own."""
        from tsdash import reach

        cases = [from_json(Case, case) for case in request["cases"]]
        found = reach.measure(self.loaded, self._folder, cases, self._call, float(request["budget_s"]))
        return {} if found is None else {"reach": found}

    def _moving(self, mode: str, case: Case) -> tuple[Case, exporters.Dynamic]:
        """The case that `mode` exports from, and the axes that it leaves open: none but for torch.export."""
        if not exporters.EXPORTERS[mode].dynamic:
            return case, {}
        model = self._fresh()
        dims = inputs.export_dims(self.loaded, case.dims, lambda args, kwargs: run(model, args, kwargs, case))
        return replace(case, dims=dims), inputs.moving_axes(self.loaded, dims)

    def _export(self, request: dict[str, Any]) -> Any:
        """Export the pristine model from the base case's inputs and save the artefact."""
        case = from_json(Case, request["case"])
        case = replace(case, dims={**self.loaded.dims, **case.dims})
        mode = request["mode"]
        case, dynamic = self._moving(mode, case)
        args, kwargs = questions.given(self.loaded, Question(case=case, arguments=self._arguments(request)))
        seeds.seed_all(case.seed)
        return exporters.run(
            mode,
            self._fresh(),
            args,
            kwargs,
            dynamic=dynamic,
            dims=case.dims,
            path=Path(request["artefact"]),
            sources=self.loaded.sources,
            keep=self._keep,
        )

    def _keep(self, exported: Any) -> None:
        self._exported = exported

    def _saved(self, request: dict[str, Any]) -> dict[str, Any]:
        """Whether the export answers the base case in memory as it does once it is saved and loaded."""
        case = from_json(Case, request["case"])
        load = functools.partial(exporters.EXPORTERS[request["mode"]].load, Path(request["artefact"]), "cpu")
        change = effects.saved(self._exported, load, inputs.build(self.loaded, case), case)
        return {"contract": [] if change is None else [change]}

    @staticmethod
    def _arguments(request: dict[str, Any]) -> tuple[Array, ...]:
        """The arguments that a request gives in place of make_inputs'."""
        return tuple(from_json(Array, argument) for argument in request.get("arguments", ()))

    def _study(self, request: dict[str, Any]) -> dict[str, Any]:
        """Eager's answers to the questions of a study, and the lines that it runs on the example."""
        example = from_json(Question, request["example"])
        asked, labels = questions.asked(self.loaded, request)
        answers = questions.Answers(self.loaded.sources)
        for arguments, case in asked:
            answers.ask(self._call, case, arguments)
        model, first = self._fresh(), questions.given(self.loaded, example)
        steps = questions.steps(self.loaded, lambda: run(model, *first, example.case))
        examples = questions.examples(self.loaded, asked, labels)
        return {"answers": answers.found, "labels": labels, "steps": steps, "examples": examples}

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """A saved export's answers to the questions of a study, and what it kept of each source line."""
        artefact = questions.Artefact(request["mode"], Path(request["artefact"]))
        asked, _ = questions.asked(self.loaded, request)
        answers = questions.Answers(self.loaded.sources)
        for arguments, case in asked:
            answers.ask(artefact.call, case, arguments)
        code, graph = artefact.ties(self.loaded.sources, request["printed"], self.loaded.source.filename)
        return {"answers": answers.found, "code": code, "graph": graph}

    def _compete(self, request: dict[str, Any]) -> dict[str, Any]:
        """Eager, a copy of it and a saved export timed on one question, the naive way and ours."""
        question, budget_s = from_json(Question, request["example"]), float(request["budget_s"])
        return questions.timed(self.loaded, request["mode"], Path(request["artefact"]), question, budget_s)

    def _fingerprints(self, request: dict[str, Any]) -> dict[str, str]:
        """What each artefact is known by: equal for two that are the same program on the same weights."""
        from tsdash.sameness import fingerprint

        return {mode: fingerprint(self._artefact(mode, path)) for mode, path in request["artefacts"].items()}

    def _costs(self, request: dict[str, Any]) -> dict[str, float]:
        """Seconds of eager's second call of each case: the first may pay for anything."""
        eager = functools.cache(self._built)
        found = {}
        for case in (from_json(Case, raw) for raw in request["cases"]):
            given = inputs.build(self.loaded, case)
            found[case.id] = [run(eager(case.device), *given, replace(case, call=1))[1] for _ in range(2)][-1]
        return found

    def _time(self, request: dict[str, Any]) -> Any:
        """Interleave eager, its twin and every artefact on the inputs of one case."""
        from tsdash import timing

        case = from_json(Case, request["case"])
        args, kwargs = inputs.build(self.loaded, case)
        eager = self._built(case.device)  # thousands of calls would wear the pristine model out
        twin, note = timing.twin_of(eager, lambda: self._built(case.device))
        arms = [(EAGER, _bound(eager, args, kwargs)), (CONTROL, _bound(twin, args, kwargs))]
        arms += [
            (mode, _bound(self._artefact(mode, path, case.device), args, kwargs))
            for mode, path in request["artefacts"].items()
        ]
        with torch.set_grad_enabled(case.grad):
            budget_s, threads = float(request["budget_s"]), int(request["threads"])
            latency = timing.measure(arms, case=case, budget_s=budget_s, seed=case.seed, threads=threads)
        return latency if note is None else replace(latency, notes=(*latency.notes, note))

    def _alternate(self, request: dict[str, Any]) -> Any:
        """Time one artefact, freshly loaded, while its shapes alternate."""
        from tsdash import timing

        cases = [from_json(Case, case) for case in request["cases"]]
        artefact = exporters.EXPORTERS[request["mode"]].load(Path(request["artefact"]), cases[0].device)
        calls = [_bound(artefact, *inputs.build(self.loaded, case)) for case in cases]
        with torch.set_grad_enabled(cases[0].grad):
            return timing.alternate(request["mode"], calls, cases=cases)

    def _built(self, device: str) -> torch.nn.Module:
        """A new model on a device."""
        model = self.loaded.build()
        return model if device == "cpu" else model.to(device)

    def _artefact(self, mode: str, path: str, device: str = "cpu") -> Callable[..., object]:
        """The loaded artefact of a mode on a device, kept for the cases that follow."""
        if (mode, device) not in self._artefacts:
            self._artefacts[mode, device] = exporters.EXPORTERS[mode].load(Path(path), device)
        return self._artefacts[mode, device]

    def _diagnose(self, request: dict[str, Any]) -> dict[str, Any]:
        """Why the mode fails in the given cases: its causes, best explained first."""
        from tsdash import explain

        return {"causes": explain.causes(self.loaded, request, self._folder)}

    def _localize(self, request: dict[str, Any]) -> dict[str, Any]:
        """Every module in a failing case with how far it is off, and a sentence on the first of them; {} where unknown."""
        from tsdash import explain

        base, dynamic = self._moving(request["mode"], from_json(Case, request["base"]))
        case = from_json(Case, request["case"])
        return explain.divergence(self.loaded, request["mode"], base, case, dynamic, self._folder)


def _bound(model: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], object]:
    return lambda: model(*args, **kwargs)
