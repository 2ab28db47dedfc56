"""`models`, `modes` and `causes`: what is there, one line each."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from tsdash import models
from tsdash.cli.options import Commands
from tsdash.exporters import EXPORTERS


def add_to(commands: Commands) -> None:
    """The three commands, without options."""
    command: Callable[[argparse.Namespace], int]
    for name, what, command in (
        ("models", "the models that are there", _models),
        ("modes", "the export modes", _modes),
        ("causes", "the causes that tsdash can name", _causes),
    ):
        commands.add_parser(name, help=what).set_defaults(command=command)


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
