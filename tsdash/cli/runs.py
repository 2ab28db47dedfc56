"""`runs`: what has run, and what can be done with it."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from tsdash import archive, past, rejudge, repro, tables, takeaway, verdicts
from tsdash.cli.options import Commands
from tsdash.cli.statuses import DO_NOT_SHIP, NOT_JUDGED, SHIP, status
from tsdash.errors import OptionError, unknown
from tsdash.report import check_report
from tsdash.search.shrinking import shrunk
from tsdash.store import Store
from tsdash.summary import GLYPHS, shows_colours, summary


def add_to(commands: Commands) -> None:
    """`runs` alone lists; its actions take the number of a run."""
    runs = commands.add_parser("runs", help="past runs")
    runs.set_defaults(command=_runs)
    actions = runs.add_subparsers(metavar="ACTION")
    command: Callable[[argparse.Namespace], int]
    for name, what, command in (
        ("show", "the summary of a run", _show),
        ("delete", "hide a run; gone for good a day later", _delete),
        ("restore", "undo delete", _restore),
        ("export", "write a run as one file: to import elsewhere, or in a form of its own", _export),
    ):
        action = actions.add_parser(name, help=what)
        action.add_argument("id", type=int)
        if command is _export:
            action.add_argument("file", type=Path, nargs="?", help="the whole run, for `runs import`")
            for form in takeaway.FORMATS.values():
                action.add_argument(f"--{form.name}", metavar="FILE", help=f"{form.what}; - for standard output")
            action.add_argument("--artefact", nargs=2, metavar=("MODE", "FILE"), help="what the mode's export saved")
        if command is _show:
            help_text = "judge again: |Δ| ≤ T everywhere, such as 1e-4, in place of tsdash's own rule"
            action.add_argument("--tolerance", metavar="T", help=help_text)
            action.add_argument("--json", action="store_true", help="the whole report as JSON")
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
    shown.add_argument(
        "--as-run", action="store_true", help="the inputs of the case itself, not the smallest that fail like them"
    )
    shown.set_defaults(command=_repro)
    taken = actions.add_parser("import", help="take in a run that was exported")
    taken.add_argument("file", type=Path)
    taken.set_defaults(command=_import)


def _runs(_: argparse.Namespace) -> int:
    for run in Store().runs():
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created_at))
        verdict = GLYPHS.get(run.digest.get("verdict", ""), run.state) if run.state == "done" else run.state
        print(f"{run.id:5}  {when}  {verdict:16}  {run.model:32} {', '.join(run.modes)}  {run.name}".rstrip())
    return 0


def _show(options: argparse.Namespace) -> int:
    tolerance = None if options.tolerance is None else rejudge.parse(options.tolerance)
    record = Store().load(options.id)
    report = check_report(record, tolerance)
    print(json.dumps(report, indent=1, allow_nan=False) if options.json else summary(report, coloured=shows_colours()))
    return NOT_JUDGED if verdicts.refusal(record) else status(report)


def _delete(options: argparse.Namespace) -> int:
    Store().delete(options.id)
    return 0


def _restore(options: argparse.Namespace) -> int:
    Store().restore(options.id)
    return 0


def _export(options: argparse.Namespace) -> int:
    """Each form that was asked for. Raises OptionError where none was."""
    store = Store()
    record = store.load(options.id)
    asked = {name: path for name in takeaway.FORMATS if (path := getattr(options, name.replace("-", "_")))}
    if not asked and options.file is None and options.artefact is None:
        raise OptionError(f"Nothing to write. Give a FILE, or --{', --'.join(takeaway.FORMATS)} or --artefact.")
    if options.file is not None:
        archive.export_run(store, options.id, options.file)
    for name, path in asked.items():
        takeaway.write(name, record, store, path)
    if options.artefact is not None:
        mode, path = options.artefact
        shutil.copyfile(takeaway.artefact(mode, record, store), path)
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
    if record.spec.saved is not None:
        raise OptionError(
            f"Run {record.id} judged {record.spec.saved.name} as it is, and a repro exports the model anew."
        )
    write = repro.pytest_file if options.pytest else repro.script
    base, limit_s = record.spec.cases[0], record.spec.limits.case_s
    result = found[options.mode, options.case]
    smaller = None if options.as_run else shrunk(record.of(options.mode), options.case)
    text = write(record.spec.model, base, smaller or result, limit_s=limit_s)
    if options.file == "-":
        print(text, end="")
    else:
        Path(options.file).write_text(text, encoding="utf-8")
    return 0


def _compare(options: argparse.Namespace) -> int:
    """One line for every case whose outcome changed; status 1 when something got worse. Of two models nothing can have."""
    store = Store()
    before, after = store.load(options.before), store.load(options.after)
    models = before.spec.model, after.spec.model
    if not past.same_model(*models):
        print(past.two_models(before.id, models[0].name, after.id, models[1].name))
        return SHIP
    changes = tables.changes(before, after)
    for row in changes[changes["change"] != "same"].itertuples():
        print(f"{row.change:7} {row.mode:16} {row.before} → {row.after}: {row.words}")
    counts = changes["change"].value_counts()
    print(", ".join(f"{counts.get(name, 0)} {name}" for name in tables.CHANGES))
    return DO_NOT_SHIP if counts.get("worse", 0) else SHIP
