"""Which lessons this browser has finished. Kept in its own storage, so that it needs no account and nothing on the server."""

from __future__ import annotations

import streamlit as st

_KEPT = st.components.v2.component(
    "tsdash_progress",
    html="<span></span>",
    js="""
export default function ({ data, setStateValue }) {
  const place = "tsdash-learnt"
  let kept = []
  try { kept = JSON.parse(localStorage.getItem(place) ?? "[]") } catch { kept = [] }
  const all = [...new Set([...(Array.isArray(kept) ? kept : []), ...data.done])].map(String).sort()
  if (data.forget) all.length = 0
  localStorage.setItem(place, JSON.stringify(all))
  const known = [...data.done].sort()
  if (!data.forget && JSON.stringify(all) !== JSON.stringify(known)) setStateValue("kept", all)
}
""",
)
KEY = "learnt"


def done() -> frozenset[str]:
    """The names of the lessons that are finished."""
    kept = st.session_state.get("progress", {}).get("kept") or ()
    forgotten = st.session_state.get("forgotten", False)
    return frozenset(st.session_state.get(KEY, ())) | frozenset(() if forgotten else map(str, kept))


def finish(name: str) -> None:
    """Remember that a lesson is finished."""
    st.session_state[KEY] = (*st.session_state.get(KEY, ()), name)


def forget() -> None:
    """Begin again."""
    st.session_state[KEY] = ()
    st.session_state["forgotten"] = True


def keep() -> None:
    """Write the progress to the browser, or read what it has kept. Once, at the end of the page."""
    data = {"done": sorted(done()), "forget": st.session_state.get("forgotten", False) and not done()}
    _KEPT(key="progress", data=data, on_kept_change=lambda: None, height=1)
