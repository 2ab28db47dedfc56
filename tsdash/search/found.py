"""Everything that a search found in one mode of a run, read off its results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tsdash.judge import Tolerance
from tsdash.records import Record
from tsdash.search import sentences
from tsdash.search.flip import Flip, flips
from tsdash.search.frontier import Frontier, frontiers
from tsdash.search.shrinking import Shrunk, smallest
from tsdash.spec import SEARCH, Case, SizeRange


@dataclass(frozen=True, kw_only=True)
class Found:
    """Of one mode. `allowed` are torch.export's own ranges by dim, where the run has them; `cases` were made for this."""

    base: Case
    frontiers: tuple[Frontier, ...]
    flips: tuple[Flip, ...]
    smallest: tuple[Shrunk, ...]
    allowed: Mapping[str, SizeRange]
    cases: int

    @property
    def sentences(self) -> tuple[str, ...]:
        """The smallest failing input first, then where it flips, then the sizes that fail."""
        edges = [found for found in self.frontiers if found.fail]
        return (
            *(sentences.shrunk(found, self.base) for found in self.smallest[:1]),
            *(sentences.flip(found) for found in self.flips),
            *(sentences.frontier(found, self.allowed.get(found.dim)) for found in edges),
        )


def found(record: Record, mode: str, tolerance: Tolerance | None = None) -> Found:
    """What the results of that mode tell, beside what torch.export allows where it is another mode of the run."""
    base, results = record.spec.cases[0], record.of(mode)
    ranges = [allowed for export in record.exports.values() for allowed in export.ranges]
    return Found(
        base=base,
        frontiers=frontiers(base, results, tolerance),
        flips=flips(base, results, tolerance),
        smallest=smallest(results, tolerance),
        allowed={allowed.dim: allowed for allowed in ranges},
        cases=sum(result.case.varied == SEARCH for result in results),
    )
