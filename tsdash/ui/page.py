"""What every page shares: sections whose heading is the finding, figures in the right appearance, text as Markdown."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Hashable
from typing import Any

import streamlit as st

from tsdash.plots import Figure, alt_text, enlarged
from tsdash.tokens import DARK, appearance

PRESENT = "present"  # in the address: everything is shown for a room
PRESENTED = 1.4  # times as large as on the screen of one reader

_MARKDOWN = re.compile(r"([\\*_{}\[\]<>#|~$:])")

# Streamlit recolours its own elements when the appearance changes but does not run the script again, and a figure is
# made for one appearance. This component has no look; it reports the page's colour when that is not what we drew for.
_WATCH = st.components.v2.component(
    "tsdash_appearance",
    html="<span></span>",
    js="""
export default function ({ parentElement, data, setStateValue }) {
  const host = parentElement.host ?? parentElement
  const page = getComputedStyle(host).getPropertyValue("--st-background-color").trim().toUpperCase()
  if (page && page !== data.drawn_for) setStateValue("page", page)
}
""",
)


def is_dark() -> bool:
    """Whether the viewer sees the dark appearance."""
    seen = st.session_state.get("appearance", {}).get("page")
    return bool(seen == DARK.page if seen else st.context.theme.type == "dark")


def watch_appearance() -> None:
    """Run the page again when the viewer changes the appearance. Once, at the end of the shell."""
    _WATCH(key="appearance", data={"drawn_for": appearance(is_dark()).page}, on_page_change=lambda: None, height=1)


def section(question: str, finding: str, *, anchor: str | None = None) -> None:
    """A section opens with its question, small, and the answer as its heading."""
    st.space("xsmall")
    with st.container(gap=None):
        st.caption(question)
        st.subheader(as_markdown(finding), anchor=anchor or False)


class _Columns:
    """Plain columns behind the face of `st.grid`, which the last Streamlit for Python 3.10 does not have."""

    def __init__(self, columns: int) -> None:
        self._columns = itertools.cycle(st.columns(columns, gap="medium"))

    def cell(self, **_: Any) -> Any:
        return next(self._columns)


def grid(columns: int, *, min_column_width: int) -> Any:
    """Cells side by side that reflow where the page is narrow: `with grid.cell():` one after the other."""
    if not hasattr(st, "grid"):
        return _Columns(columns)
    return st.grid(columns, min_column_width=min_column_width, gap=("small", "medium"))


def figure(fig: Figure, *, key: str, **options: Any) -> Any:
    """A figure of `tsdash.plots` with its own text alternative and without the mode bar."""
    fig = enlarged(fig, PRESENTED) if PRESENT in st.query_params else fig
    config = {"displayModeBar": False, "displaylogo": False, "doubleClick": False}
    return st.plotly_chart(fig, theme=None, key=key, alt=alt_text(fig), config=config, **options)


def figure_once(draw: Callable[[], Figure], *, key: str, of: tuple[Hashable, ...], **options: Any) -> Any:
    """A figure that is drawn once for all reruns and sessions that agree in `of`, which names all that it depends on."""
    return figure(drawn_once(draw, kind=key, of=of), key=key, **options)


def drawn_once(draw: Callable[[], Figure], *, kind: str, of: tuple[Hashable, ...]) -> Figure:
    """The figure that `draw` makes, kept for whoever asks for that kind of figure `of` the same; not to be changed."""
    return _drawn(kind, of, draw)


@st.cache_resource(max_entries=512, show_spinner=False)
def _drawn(kind: str, of: tuple[Hashable, ...], _draw: Callable[[], Figure]) -> Figure:
    return _draw()


def as_markdown(text: str) -> str:
    """Plain text for a Markdown element: names and messages of users keep their signs; backticks still set code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a stray backtick is a sign like any other
        return _MARKDOWN.sub(r"\\\1", text.replace("`", "'"))
    return "`".join(part if i % 2 else _MARKDOWN.sub(r"\\\1", part) for i, part in enumerate(parts))


def own_fault(error: Exception) -> bool:
    """What a page shows when tsdash itself fails: for `st.App(on_script_error=…)`. Streamlit writes the traceback to its log."""
    st.error(
        f"**tsdash failed here: {as_markdown(type(error).__name__)}.** This is a fault of tsdash, not of your model; runs and "
        "results are kept. The server's log has the details: please report them, then reload the page.",
        icon=":material/error:",
    )
    return True
