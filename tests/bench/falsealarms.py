"""False alarms: torchvision's classification models at their default size, traced and scripted, and all that is not "ship".

Without --large the first of every architecture file, on the base case, two batches and two transforms of the values;
with it every model on the whole standard sweep, which takes hours. What is listed has to be looked at: some alarms are real.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

from tsdash import models, plan
from tsdash.engine.core import Engine
from tsdash.models import torchvision
from tsdash.records import Record
from tsdash.spec import Limits, RunSpec, Sweep
from tsdash.store import Store
from tsdash.verdicts import verdicts

MODES = ("trace", "script")
LIMITS = Limits(load_s=300, export_s=600, case_s=300, memory_mib=8192)
FEW = Sweep(dims={"batch": (1, 2)}, values=("negative", "x100"), calls=(2,))


def classification(*, one_each: bool) -> list[str]:
    """Names of the classification models; one of each file of torchvision's, or all."""
    names = [name for name, family in torchvision.families().items() if family == "classification"]
    first: dict[str, str] = {}
    for name in names:  # in the order of the source, where the smallest comes first
        first.setdefault(_file(name), name)
    return list(first.values()) if one_each else names


def _file(name: str) -> str:
    root = torchvision.package()
    texts = {path.name: path.read_text(encoding="utf-8") for path in root.glob("*.py")} if root else {}
    return next((file for file, text in texts.items() if f"def {name}(" in text), name)


def check(engine: Engine, name: str, *, whole: bool = False) -> tuple[Record, float]:
    """The record of one model's check, and its seconds."""
    source = models.find(f"torchvision:{name}")
    dims = models.default_dims(source)
    sweep = plan.own_plan(dims, "standard") if whole else FEW
    if "height" in dims:  # at the default size only: most architectures take no other
        sweep = dataclasses.replace(sweep, dims={"batch": sweep.dims["batch"]})
    spec = RunSpec(model=source, modes=MODES, cases=plan.cases(sweep, dims), limits=LIMITS)
    run = engine.store.create(spec, {}, {}, engine.owner)
    began = time.perf_counter()
    engine.submit(run, spec).result()
    return engine.store.load(run), time.perf_counter() - began


def alarms(record: Record) -> list[str]:
    """The modes that are not to be shipped, each with why."""
    if record.failure is not None:
        return [f"could not be judged: {record.failure.message[:200]}"]
    found = []
    for mode, verdict in verdicts(record).items():
        if verdict.verdict != "ship":
            causes = ", ".join(f"{cause.cause} {cause.message}" for cause in record.causes.get(mode, ())[:1])
            found.append(f"{mode} {verdict.verdict}: {verdict.reasons[0][:200]} {causes}".strip())
    return found


def main(large: bool = False, names: list[str] | None = None) -> list[dict[str, Any]]:
    """A row for every alarm, and one that counts them."""
    names = names or classification(one_each=not large)
    rows, judged = [], 0
    with tempfile.TemporaryDirectory() as home, Engine(Store(Path(home))) as engine:
        for name in names:
            record, seconds = check(engine, name, whole=large)
            judged += len(record.spec.modes)
            rows += [{"what": f"{name} ({seconds:.0f} s)", "figure": alarm, "goal": ""} for alarm in alarms(record)]
    rows.append({"what": f"alarms in {judged} modes of {len(names)} models", "figure": str(len(rows)), "goal": "0"})
    return rows


if __name__ == "__main__":
    import sys

    for row in main(names=sys.argv[1:] or None):
        print(f"{row['what']}: {row['figure']}", flush=True)
