"""`check`: export a model, sweep its inputs, judge."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from tsdash import inputs, models, plan, saved, takeaway, verdicts
from tsdash.cli.options import Commands, names, numbers, switches
from tsdash.cli.statuses import status
from tsdash.engine.core import Engine
from tsdash.errors import OptionError, unknown
from tsdash.exporters import EXPORTERS
from tsdash.progress import carry_out
from tsdash.report import check_report
from tsdash.spec import EFFORTS, MOST_THREADS, Limits, RunSpec, Sweep, to_json
from tsdash.store import Store
from tsdash.summary import shows_colours, summary

DEFAULT_MODES = ("trace", "script")


def add_to(commands: Commands) -> None:
    """The options of `check`."""
    check = commands.add_parser(
        "check",
        help="export a model, sweep its inputs, judge",
        description="Export MODEL, run eager and export side by side over a sweep of inputs, and say whether it can be shipped. With no sweep option tsdash plans the sweep itself. Exit status: 0 every mode ships, 1 some mode must not, 2 nothing could be judged, 3 some mode is inconclusive and none worse.",
    )
    check.add_argument(
        "model",
        metavar="MODEL",
        help="a gallery name, torchvision:NAME, a model file, package.module:factory, or a saved artefact with --reference",
    )
    check.add_argument(
        "--reference",
        metavar="MODEL",
        help="of a saved artefact (.pt, .pt2, .onnx) in place of MODEL: the model that it is held against, with the same weights",
    )
    check.add_argument(
        "--modes",
        default="",
        help=f"export modes, comma-separated (default: {','.join(DEFAULT_MODES)}); of an artefact the one that it was saved in",
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
        "--threads",
        default="",
        metavar="N,…",
        help="measure latency with 1,2,4 computing threads; the first is the one that counts (default: 1)",
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
    check.add_argument("--html", metavar="FILE", help="write the report as one HTML file with its figures")
    check.set_defaults(command=_check)


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
        values=names(options.values),
        dtypes=names(options.dtypes),
        devices=names(options.devices),
        layouts=names(options.layouts),
        training=switches("training", options.training, {"train": True, "eval": False}),
        grad=switches("grad", options.grad, {"on": True, "off": False}),
        calls=numbers("calls", options.calls),
        seeds=numbers("seeds", options.seeds),
        product=options.product,
    )
    inputs.check_names(values=sweep.values, dtypes=sweep.dtypes, devices=sweep.devices, layouts=sweep.layouts)
    return sweep


def _check(options: argparse.Namespace) -> int:
    modes = names(options.modes)
    for mode in modes:
        if mode not in EXPORTERS:
            raise unknown("mode", mode, EXPORTERS)
    store = Store()
    kept, name = None, options.model
    if saved.is_artefact(options.model) and options.reference is not None:
        modes, name = (saved.mode_of(options.model, modes),), options.reference
        kept = saved.keep(options.model, store)
    elif options.reference is not None:
        raise OptionError(f"--reference is for a saved artefact, and {options.model} is none.")
    if options.effort not in EFFORTS:
        raise unknown("effort", options.effort, EFFORTS)
    if options.latency_budget is not None and options.latency_budget <= 0:
        raise OptionError(f"--latency-budget {options.latency_budget:g}: it must be above 0 s.")
    if options.case_timeout <= 0 or options.memory_limit < 256:
        raise OptionError(
            f"--case-timeout {options.case_timeout:g} and --memory-limit {options.memory_limit}: the first must be above 0 s, the second at least 256 MiB."
        )
    threads = numbers("threads", options.threads)
    if not all(1 <= count <= MOST_THREADS for count in threads):
        raise OptionError(f"--threads {options.threads}: each must be from 1 to {MOST_THREADS}.")
    source = models.find(name)
    dims = models.default_dims(source)
    sweep = _sweep(options)
    if sweep == Sweep(product=options.product):
        sweep = dataclasses.replace(plan.own_plan(dims, options.effort), product=options.product)
    limits = Limits(case_s=options.case_timeout, memory_mib=options.memory_limit)
    spec = RunSpec(
        model=source,
        modes=modes or DEFAULT_MODES,
        cases=plan.cases(sweep, dims, options.seed),
        limits=limits,
        latency=options.latency or options.latency_budget is not None or bool(threads),
        latency_s=options.latency_budget,
        threads=threads or (1,),
        search_s=plan.SEARCH_S[options.effort],
        seed=options.seed,
        saved=kept,
    )
    with Engine(store) as engine:
        record = carry_out(engine, spec, {**to_json(sweep), "effort": options.effort, "seed": options.seed})
        if options.html and record.state == "done":
            takeaway.write("html", record, engine.store, options.html)
    if record.failure is not None:
        raise OptionError(record.failure.message)
    if record.state != "done":
        raise OptionError(f"The run was {record.state}; what it found until then is kept as run {record.id}.")
    report = check_report(record)
    if options.json == "-":
        json.dump(report, sys.stdout, indent=1, allow_nan=False)
        print()
    elif options.json:
        Path(options.json).write_text(json.dumps(report, indent=1, allow_nan=False) + "\n")
    if refusal := verdicts.refusal(record):
        raise OptionError(refusal)
    if options.json != "-":
        print(summary(report, coloured=shows_colours()))
    return status(report)
