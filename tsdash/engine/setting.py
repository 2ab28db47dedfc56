"""What all phases of one run work with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tsdash.engine.nursery import Nursery
from tsdash.engine.references import References
from tsdash.exporters import EXPORTERS
from tsdash.spec import Case, RunSpec


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The run's choices, where its workers come from, eager's side of its cases, and its folder."""

    spec: RunSpec
    nursery: Nursery
    references: References
    folder: Path
    saved: Path | None = None  # an artefact that is judged in place of an export

    def artefact(self, mode: str) -> Path:
        """Where the export of a mode is saved, in a folder of its own."""
        return self.folder / f"artefact-{mode}" / f"{mode}{EXPORTERS[mode].suffix}"

    @property
    def base(self) -> Case:
        """The case that exports are made from."""
        return self.spec.cases[0]
