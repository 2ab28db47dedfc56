"""Where a run was made: the versions and the machine, without importing torch."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from tsdash import __version__


def describe() -> dict[str, Any]:
    """Python, torch, platform, processor, threads and the packages that shape a result."""
    versions = {}
    for package in ("torch", "torchvision", "numpy"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "tsdash": __version__,
        "python": platform.python_version(),
        **versions,
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "threads": 1,
        "devices": ["cpu"],
    }


def _cpu() -> str:
    """The processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
