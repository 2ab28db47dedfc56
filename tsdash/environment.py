"""What surrounds a run: the versions and the machine, without importing torch, and what the operator set."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from tsdash import __version__
from tsdash.errors import OptionError

DEFAULT_STORE_MIB = 10 * 1024


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


def home() -> Path:
    """Where tsdash keeps its results: $TSDASH_HOME, else the platform's folder for user data."""
    chosen = os.environ.get("TSDASH_HOME")
    if chosen:
        return Path(chosen)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "tsdash"


def limit_bytes() -> int:
    """How large the store may grow: $TSDASH_STORE_MIB, else 10 GiB. Raises OptionError for what is no number."""
    chosen = os.environ.get("TSDASH_STORE_MIB", str(DEFAULT_STORE_MIB))
    if not chosen.isdecimal() or int(chosen) < 1:
        raise OptionError(f"TSDASH_STORE_MIB={chosen!r} is not allowed: it is a whole number of MiB from 1 up.")
    return int(chosen) * 2**20


def allows_code() -> bool:
    """Whether the operator lets everyone who reaches the server run models of their own: TSDASH_ALLOW_CODE=1."""
    return os.environ.get("TSDASH_ALLOW_CODE") == "1"
