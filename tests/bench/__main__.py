"""Run benchmarks, each in a process of its own, and print a table to paste: python -m tests.bench [NAME…] [--large] [--json FILE]."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import pkgutil
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "numpy", "pandas", "streamlit", "polygraphy")  # whose versions the figures depend on

Rows = list[dict[str, Any]]


def names() -> list[str]:
    """The benchmarks: modules beside this one."""
    return sorted(
        module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name != "__main__"
    )


def versions() -> str:
    """What the figures were measured with, in one line."""
    found = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} not installed")
    return ", ".join([*found, f"{os.cpu_count()} cores", f"{platform.system()} {platform.machine()}"])


def run_here(name: str, large: bool) -> Rows:
    """The rows of one benchmark, in this process."""
    main = importlib.import_module(f"tests.bench.{name}").main
    takes_large = "large" in inspect.signature(main).parameters
    rows: Rows = main(large=True) if large and takes_large else main()
    return rows


def run_apart(name: str, large: bool) -> Rows:
    """The rows of one benchmark, in a process that no other benchmark has touched; one row that says so where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        command = [sys.executable, "-W", "ignore", "-m", "tests.bench", "--here", name, "--json", str(path)]
        ended = subprocess.run(
            [*command, *(["--large"] if large else [])],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if ended.returncode == 0:
            found: dict[str, Rows] = json.loads(path.read_text())["benchmarks"]
            return found[name]
        last = (ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"])[-1]
        return [{"what": f"{name} did not run", "figure": last, "goal": ""}]


def table(rows: Rows) -> str:
    """Rows as a Markdown table."""
    lines = ["| what | figure | goal |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {row['what']} | {row['figure']} | {row.get('goal') or ''} |" for row in rows)])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {', '.join(names())}; all where none is given"
    )
    parser.add_argument("--large", action="store_true", help="with sizes that take gigabytes and minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    parser.add_argument("--here", action="store_true", help="in this process rather than in one for each")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(names()))
    if unknown:
        parser.error(f"no benchmark named {', '.join(unknown)}; there are {', '.join(names())}")
    print(versions(), end="\n\n")
    found: dict[str, Rows] = {}
    for name in options.names or names():
        began = time.perf_counter()
        found[name] = (run_here if options.here else run_apart)(name, options.large)
        print(f"### {name} ({time.perf_counter() - began:.0f} s)\n\n{table(found[name])}\n", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"versions": versions(), "benchmarks": found}, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
