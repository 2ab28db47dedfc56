"""Whether the server still answers, and Ctrl-Enter from wherever the focus is: a component without a look of its own.

Streamlit's pills and buttons keep every Enter to themselves, so that the shortcut of Run never hears it while one of them has
the focus; the key is passed on. While the server does not answer, a bar says so, and what becomes of runs.
"""

from __future__ import annotations

import streamlit as st

from tsdash.tokens import DARK, FONT, LIGHT, OUTCOMES, RADIUS_PX
from tsdash.ui.style import pair

ASK_EVERY_MS = 4000
GIVE_UP_MS = 8000  # a server busy with a large run answers late
SENTENCE = "The server does not answer. Runs go on where it runs, results are kept, and this page goes on by itself once it is back."
_LOST = OUTCOMES["runtime_error"]

_WATCH = st.components.v2.component(
    "tsdash_presence",
    html='<div class="ts-lost" role="alert" hidden></div>',
    css=f"""
.ts-lost {{ position: fixed; z-index: 1000000; top: 8px; left: 50%; transform: translateX(-50%); max-width: 90vw;
  font: 1rem/1.4 {FONT}; padding: 8px 16px; border-radius: {RADIUS_PX}px; border: 2px solid {pair(_LOST.fill)};
  background: {pair((LIGHT.page, DARK.page))}; color: {pair(_LOST.ink)} }}
.ts-lost[hidden] {{ display: none }}
""",
    js="""
export default function ({ parentElement, data }) {
  const bar = parentElement.querySelector(".ts-lost")
  const ask = async () => {
    let answers = false
    try {
      const health = new URL("_stcore/health", document.baseURI)
      answers = (await fetch(health, { cache: "no-store", signal: AbortSignal.timeout(data.give_up_ms) })).ok
    } catch {}
    bar.hidden = answers
    bar.textContent = answers ? "" : data.sentence
  }
  const timer = setInterval(ask, data.ask_every_ms)
  const pass = (event) => {
    if (!event.isTrusted || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return
    if (!(event.target instanceof HTMLButtonElement)) return
    event.preventDefault()
    event.stopImmediatePropagation()
    const { key, code, keyCode, ctrlKey, metaKey } = event
    for (const type of ["keydown", "keyup"])
      document.body.dispatchEvent(new KeyboardEvent(type, { key, code, keyCode, which: keyCode, ctrlKey, metaKey, bubbles: true }))
  }
  window.addEventListener("keydown", pass, true)
  return () => {
    clearInterval(timer)
    window.removeEventListener("keydown", pass, true)
  }
}
""",
)


def watch() -> None:
    """Once, at the end of the shell."""
    data = {"sentence": SENTENCE, "ask_every_ms": ASK_EVERY_MS, "give_up_ms": GIVE_UP_MS}
    _WATCH(key="presence", data=data, height=1)
