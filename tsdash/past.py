"""The sentences of past runs: which have run, and what changed between two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tsdash import formats
from tsdash.spec import ModelSource

Model = tuple[str, str]  # what it is called, and the SHA-256 of a file: one file has many paths, one name many contents


def models(names: Sequence[str], sources: Sequence[str]) -> list[Model]:
    """Which model each run is of, by the names that runs gave and the SHA-256 of their sources."""
    called = map(formats.model, names)
    return [(name, source if name.endswith(".py") else "") for name, source in zip(called, sources, strict=True)]


def same_model(one: ModelSource, other: ModelSource) -> bool:
    """Whether two runs are of one model, which may have been changed in between: a file under whatever path, and the copy of
    it that was changed in the page."""
    return (one.filename, one.given and one.name) == (other.filename, other.given and other.name)


def history(runs: Sequence[Model], shippable: Mapping[Model, int]) -> str:
    """What the list of runs tells: how many, of how many models, and the last that can be shipped. `runs` has the model of each,
    the newest first; `shippable` maps a model to its newest run that ships."""
    if not runs:
        return "Nothing has run yet. Results of Explore and of the command line gather here."
    counted = f"{formats.counted(len(runs), 'run')} of {formats.counted(len(set(runs)), 'model')}"
    newest = next((model for model in runs if model in shippable), None)
    return (
        f"{counted}; {newest[0]} can be shipped, by run {shippable[newest]}."
        if newest
        else f"{counted}; none of them can be shipped."
    )


def changed(counts: Mapping[str, int]) -> str:
    """What became of the cases between two runs of one model. `counts` by change: worse, better, same, new, gone."""
    worse, better, same = (counts.get(name, 0) for name in ("worse", "better", "same"))
    extra = [f"{formats.count(counts[name])} {name}" for name in ("new", "gone") if counts.get(name)]
    tail = f" ({', '.join(extra)})" if extra else ""
    if not worse and not better and not same:
        return f"Not to be told: the two runs have no case in common{tail}."
    if not worse and not better:
        return f"Nothing: all {formats.counted(same, 'case')} came out as before{tail}."
    parts = [
        f"{formats.counted(worse, 'case')} got worse" if worse else "no case got worse",
        f"{formats.count(better)} got better" if better else "none better",
    ]
    text = " and ".join(parts)
    return f"{text[0].upper()}{text[1:]}{tail}."


def two_models(before: int, one: str, after: int, other: str) -> str:
    """What there is to compare between runs of two models: nothing, for a case of one is no case of the other."""
    return f"Two different models: {formats.model(one)} in run {before}, {formats.model(other)} in run {after}."
