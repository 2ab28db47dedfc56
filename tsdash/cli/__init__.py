"""The command line: the same path as the pages, without a browser. One file a noun, which adds its own options."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from tsdash import __version__
from tsdash.cli import check, listings, runs
from tsdash.cli.statuses import NOT_JUDGED
from tsdash.errors import UserError


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
    for noun in (check, listings, runs):
        noun.add_to(commands)
    return parser
