"""The command line: the same path as the pages, without a browser."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tsdash import __version__, archive, environment, formats, inputs, models, plan, repro, tables
from tsdash.engine.core import Engine
from tsdash.errors import OptionError, UserError, unknown
from tsdash.exporters import EXPORTERS
from tsdash.records import Record
from tsdash.report import check_report
from tsdash.spec import EFFORTS, VERDICTS, Limits, RunSpec, Sweep, to_json
from tsdash.store import Store

DEFAULT_MODES = ("trace", "script")
SHIP, DO_NOT_SHIP, NOT_JUDGED, INCONCLUSIVE = 0, 1, 2, 3  # exit statuses
POLL_S = 0.1
GLYPHS = {"ship": "✓ ship", "do_not_ship": "✗ do not ship", "inconclusive": "? inconclusive"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.command(options))
    except UserError as error:
        print(f"tsdash: {error}", file=sys.stderr)
        return NOT_JUDGED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOT_JUDGED


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"tsdash: {message}. `{self.prog} --help` lists the options.", file=sys.stderr)
        raise SystemExit(NOT_JUDGED)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m tsdash", description="Does the exported PyTorch model still give the same answers?"
    )
    parser.add_argument("--version", action="version", version=f"tsdash {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="export a model, sweep its inputs, judge",
        description="Export MODEL, run eager and export side by side over a sweep of inputs, and say whether it can be shipped. With no sweep option tsdash plans the sweep itself. Exit status: 0 every mode ships, 1 some mode must not, 2 nothing could be judged, 3 some mode is inconclusive and none worse.",
    )
    check.add_argument(
        "model", metavar="MODEL", help="a gallery name, torchvision:NAME, a model file, or package.module:factory"
    )
    check.add_argument(
        "--modes", default=",".join(DEFAULT_MODES), help="export modes, comma-separated (default: %(default)s)"
    )
    check.add_argument(
        "--dim",
        action="append",
        default=[],
        metavar="NAME=SIZES",
        help="sizes of a dim: batch=1,2,4 or seq=8:64:8; may be repeated",
    )
    for name, what in (
        ("values", "value transforms: negative,x100,nan,…"),
        ("dtypes", "float16,float64,inputs:float16,…"),
        ("devices", "cpu,cuda,meta,…"),
        ("layouts", "memory layouts: transposed,strided,…"),
        ("seeds", "seeds: 1,2,3"),
        ("calls", "compare the outputs of call 1,2,3"),
    ):
        check.add_argument(f"--{name}", default="", help=what)
    check.add_argument("--training", default="", help="train,eval: switch the model before running it")
    check.add_argument("--grad", default="", help="on,off: gradient mode")
    check.add_argument(
        "--product", action="store_true", help="cross all axes instead of changing one respect at a time"
    )
    check.add_argument("--seed", type=int, default=0, help="seed of the base case (default: %(default)s)")
    check.add_argument(
        "--effort",
        default="standard",
        help="quick, standard or thorough: how much tsdash tries by itself (default: %(default)s)",
    )
    check.add_argument("--latency", action="store_true", help="measure latency too")
    check.add_argument(
        "--latency-budget",
        type=float,
        metavar="S",
        help="seconds for all timing together (default: 3 for each contender)",
    )
    check.add_argument(
        "--case-timeout",
        type=float,
        default=Limits().case_s,
        metavar="S",
        help="seconds for one case (default: %(default)s)",
    )
    check.add_argument(
        "--memory-limit",
        type=int,
        default=Limits().memory_mib,
        metavar="MiB",
        help="memory of one worker (default: %(default)s)",
    )
    check.add_argument("--json", metavar="FILE", help="write the report as JSON; - for standard output")
    check.set_defaults(command=_check)
    command: Callable[[argparse.Namespace], int]
    for name, what, command in (
        ("models", "the models that are there", _models),
        ("modes", "the export modes", _modes),
        ("causes", "the causes that tsdash can name", _causes),
    ):
        commands.add_parser(name, help=what).set_defaults(command=command)
    runs = commands.add_parser("runs", help="past runs")
    runs.set_defaults(command=_runs)
    actions = runs.add_subparsers(metavar="ACTION")
    for name, what, command in (
        ("show", "the summary of a run", _show),
        ("delete", "hide a run; gone for good a day later", _delete),
        ("restore", "undo delete", _restore),
        ("export", "write a run as one file", _export),
    ):
        action = actions.add_parser(name, help=what)
        action.add_argument("id", type=int)
        if command is _export:
            action.add_argument("file", type=Path)
        action.set_defaults(command=command)
    compare = actions.add_parser("compare", help="what changed between two runs, case by case")
    compare.add_argument("before", type=int)
    compare.add_argument("after", type=int)
    compare.set_defaults(command=_compare)
    shown = actions.add_parser("repro", help="a case as one Python file that needs no tsdash")
    shown.add_argument("id", type=int)
    shown.add_argument("mode")
    shown.add_argument("case")
    shown.add_argument("file", nargs="?", default="-", help="- for standard output (default)")
    shown.add_argument("--pytest", action="store_true", help="as a test rather than a program")
    shown.set_defaults(command=_repro)
    taken = actions.add_parser("import", help="take in a run that was exported")
    taken.add_argument("file", type=Path)
    taken.set_defaults(command=_import)
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (part.strip() for part in text.split(",")))))


def _numbers(noun: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in _names(text))
    except ValueError:
        raise OptionError(f"--{noun} {text!r} is not a list of whole numbers such as 1,2,3.") from None


def _switches(noun: str, text: str, words: dict[str, bool]) -> tuple[bool, ...]:
    for word in _names(text):
        if word not in words:
            raise unknown(noun, word, words)
    return tuple(words[word] for word in _names(text))


def _sweep(options: argparse.Namespace) -> Sweep:
    """The axes that the user named."""
    dims: dict[str, tuple[int, ...]] = {}
    for item in options.dim:
        name, equals, sizes = item.partition("=")
        if not equals or not plan.parse_sizes(sizes):
            raise OptionError(f"--dim {item!r} is not NAME=SIZES, such as batch=1,2,4 or seq=8:64:8.")
        dims[name.strip()] = plan.parse_sizes(sizes)
    sweep = Sweep(
        dims=dims,
        values=_names(options.values),
        dtypes=_names(options.dtypes),
        devices=_names(options.devices),
        layouts=_names(options.layouts),
        training=_switches("training", options.training, {"train": True, "eval": False}),
        grad=_switches("grad", options.grad, {"on": True, "off": False}),
        calls=_numbers("calls", options.calls),
        seeds=_numbers("seeds", options.seeds),
        product=options.product,
    )
    inputs.check_names(values=sweep.values, dtypes=sweep.dtypes, devices=sweep.devices, layouts=sweep.layouts)
    return sweep


def _check(options: argparse.Namespace) -> int:
    modes = _names(options.modes)
    for mode in modes:
        if mode not in EXPORTERS:
            raise unknown("mode", mode, EXPORTERS)
    if not modes:
        raise OptionError(f"--modes is empty. Allowed: {', '.join(EXPORTERS)}.")
    if options.effort not in EFFORTS:
        raise unknown("effort", options.effort, EFFORTS)
    if options.latency_budget is not None and options.latency_budget <= 0:
        raise OptionError(f"--latency-budget {options.latency_budget:g}: it must be above 0 s.")
    if options.case_timeout <= 0 or options.memory_limit < 256:
        raise OptionError(
            f"--case-timeout {options.case_timeout:g} and --memory-limit {options.memory_limit}: the first must be above 0 s, the second at least 256 MiB."
        )
    source = models.find(options.model)
    dims = models.default_dims(source)
    sweep = _sweep(options)
    if sweep == Sweep(product=options.product):
        sweep = dataclasses.replace(plan.own_plan(dims, options.effort), product=options.product)
    limits = Limits(case_s=options.case_timeout, memory_mib=options.memory_limit)
    spec = RunSpec(
        model=source,
        modes=modes,
        cases=plan.cases(sweep, dims, options.seed),
        limits=limits,
        latency=options.latency or options.latency_budget is not None,
        latency_s=options.latency_budget,
        seed=options.seed,
    )
    record = _carry_out(spec, {**to_json(sweep), "effort": options.effort, "seed": options.seed})
    if record.failure is not None:
        raise OptionError(record.failure.message)
    if record.state != "done":
        raise OptionError(f"The run was {record.state}; what it found until then is kept as run {record.id}.")
    report = check_report(record)
    if options.json == "-":
        json.dump(report, sys.stdout, indent=1, allow_nan=False)
        print()
    else:
        if options.json:
            Path(options.json).write_text(json.dumps(report, indent=1, allow_nan=False) + "\n")
        print(_summary(report))
    return _status(report)


def _carry_out(spec: RunSpec, sweep: dict[str, Any]) -> Record:
    """The run from start to end, its progress on standard error."""
    store = Store()
    bar = _Progress(len(spec.cases) * len(spec.modes))
    with Engine(store) as engine:
        run = store.create(spec, sweep, environment.describe(), engine.owner)
        future = engine.submit(run, spec)
        try:
            while not future.done():
                _, done, doing = store.progress(run)
                bar.show(done, doing)
                time.sleep(POLL_S)
        except KeyboardInterrupt:
            engine.cancel(run)
        future.result()
    bar.end()
    return store.load(run)


class _Progress:
    """A bar on a terminal, a line for every tenth elsewhere; on standard error."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._terminal = sys.stderr.isatty()
        self._told = -1
        self._began = time.monotonic()

    def show(self, done: int, doing: str) -> None:
        if self._terminal:
            filled = round(30 * done / max(1, self._total))
            line = f"\r{'━' * filled}{'─' * (30 - filled)} {done} of {self._total} · {doing}"
            print(line[:110].ljust(110), end="", file=sys.stderr, flush=True)
        elif done * 10 // max(1, self._total) > self._told:
            self._told = done * 10 // max(1, self._total)
            print(f"tsdash: {done} of {self._total} cases", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._terminal:
            print("\r" + " " * 110 + "\r", end="", file=sys.stderr)
        print(f"tsdash: finished in {formats.duration(time.monotonic() - self._began)}", file=sys.stderr)


def _status(report: dict[str, Any]) -> int:
    worst = max((mode["verdict"] for mode in report["modes"].values()), key=VERDICTS.index)
    return {"ship": SHIP, "inconclusive": INCONCLUSIVE, "do_not_ship": DO_NOT_SHIP}[worst]


def _summary(report: dict[str, Any]) -> str:
    """The report for a reader: a paragraph a mode, the recommendation last."""
    model = report["model"]
    lines = [
        f"{model['name']}: {formats.count(model['parameters'] or 0)} parameters, {len(report['modes'])} modes, {report['sweep']['done']} cases"
    ]
    for name, mode in report["modes"].items():
        lines.append(f"\n{name}: {GLYPHS[mode['verdict']]}")
        lines += [f"  {reason}" for reason in mode["reasons"]]
        for cause in mode["causes"][:3]:
            place = f" {cause['file']} line {cause['line']}" if cause["line"] else ""
            lines.append(f"  cause: {cause['cause']}{place}: {cause['message']}")
        speedup = mode["latency"].get("speedup")
        if speedup:
            lines.append(
                f"  speed-up: {formats.ratio(speedup['ratio'], speedup['low'], speedup['high'])}"
                + ("" if speedup["claimed"] else ", not more than eager differs from itself")
            )
    best = report["recommendation"]
    lines.append(f"\n{'Ship ' + best['mode'] if best['mode'] else 'Ship none'}: {' '.join(best['reasons'])}")
    return "\n".join(lines)


def _models(_: argparse.Namespace) -> int:
    for listing in models.names():
        print(f"{listing.name:44} {listing.description}")
    return 0


def _modes(_: argparse.Namespace) -> int:
    for exporter in EXPORTERS.values():
        print(f"{exporter.name:18} {exporter.summary}")
    return 0


def _causes(_: argparse.Namespace) -> int:
    from tsdash.diagnose.catalogue import CAUSES

    for name, cause in CAUSES.items():
        print(f"{name:22} {cause.happened}")
    return 0


def _runs(_: argparse.Namespace) -> int:
    for run in Store().runs():
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created_at))
        verdict = GLYPHS.get(run.digest.get("verdict", ""), run.state) if run.state == "done" else run.state
        print(f"{run.id:5}  {when}  {verdict:16}  {run.model:32} {', '.join(run.modes)}  {run.name}".rstrip())
    return 0


def _show(options: argparse.Namespace) -> int:
    report = check_report(Store().load(options.id))
    print(_summary(report))
    return _status(report)


def _delete(options: argparse.Namespace) -> int:
    Store().delete(options.id)
    return 0


def _restore(options: argparse.Namespace) -> int:
    Store().restore(options.id)
    return 0


def _export(options: argparse.Namespace) -> int:
    archive.export_run(Store(), options.id, options.file)
    return 0


def _import(options: argparse.Namespace) -> int:
    print(archive.import_run(Store(), options.file))
    return 0


def _repro(options: argparse.Namespace) -> int:
    record = Store().load(options.id)
    found = {(result.mode, result.case.id): result for result in record.results}
    if options.mode not in record.spec.modes:
        raise unknown("mode", options.mode, record.spec.modes)
    if (options.mode, options.case) not in found:
        raise unknown("case", options.case, [case for mode, case in found if mode == options.mode])
    write = repro.pytest_file if options.pytest else repro.script
    base, limit_s = record.spec.cases[0], record.spec.limits.case_s
    text = write(record.spec.model, base, found[options.mode, options.case], limit_s=limit_s)
    if options.file == "-":
        print(text, end="")
    else:
        Path(options.file).write_text(text, encoding="utf-8")
    return 0


def _compare(options: argparse.Namespace) -> int:
    """One line for every case whose outcome changed; status 1 when something got worse."""
    store = Store()
    changes = tables.changes(store.load(options.before), store.load(options.after))
    for row in changes[changes["change"] != "same"].itertuples():
        print(f"{row.change:7} {row.mode:16} {row.before} → {row.after}: {row.words}")
    counts = changes["change"].value_counts()
    print(", ".join(f"{counts.get(name, 0)} {name}" for name in tables.CHANGES))
    return DO_NOT_SHIP if counts.get("worse", 0) else SHIP
