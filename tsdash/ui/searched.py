"""How far it holds: the sizes at which an export begins to fail, beside torch.export's own, and what a search made of failures."""

from __future__ import annotations

import streamlit as st

from tsdash.judge import Tolerance
from tsdash.plots import Sizes, frontier
from tsdash.search.found import Found, found
from tsdash.ui import service
from tsdash.ui.page import as_markdown, figure_once, section
from tsdash.ui.service import Loaded


def searched(loaded: Loaded, mode: str, dark: bool) -> None:
    """The smallest failing input, where it flips, and the frontier of each dim; nothing where every size tried agrees."""
    seen = _found(service.version(loaded), mode, loaded)
    if not seen.sentences:
        return
    first, *others = seen.sentences
    section("How far does it hold?", first)
    if others:
        st.markdown("\n".join(f"- {as_markdown(sentence)}" for sentence in others))
    sizes = [_sizes(seen, i) for i in range(len(seen.frontiers))]
    if sizes:
        figure_once(lambda: frontier(sizes, dark), key="frontier", of=(service.version(loaded), mode, dark))


def _sizes(seen: Found, i: int) -> Sizes:
    edge = seen.frontiers[i]
    allowed = seen.allowed.get(edge.dim)
    return Sizes(
        dim=edge.dim,
        base=edge.base,
        agree=edge.agree,
        fail=edge.fail,
        allowed=None if allowed is None else (allowed.low, allowed.high),
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def _found(version: str, mode: str, _loaded: Loaded) -> Found:
    rule = None if _loaded.tolerance is None else Tolerance(absolute=_loaded.tolerance)
    return found(_loaded.record, mode, rule)
