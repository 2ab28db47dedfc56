"""How latency is measured: for how long, and with how many threads."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from tsdash import plan
from tsdash.errors import OptionError
from tsdash.spec import MOST_THREADS


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What the widgets say. `seconds` None: 3 for each contender."""

    on: bool
    seconds: float | None = None
    threads: tuple[int, ...] = (1,)


def switch() -> bool:
    """Whether latency is measured at all."""
    return st.toggle("Latency", key="latency", help="Time every mode beside eager on the base case, interleaved.")


def timing(on: bool) -> tuple[Timing, str]:
    """Draw what goes with latency where it is on. Returns the choice and what is wrong with it as a sentence."""
    if not on:
        return Timing(on=False), ""
    with st.popover(
        "Timing", icon=":material/timer:", help="For how long latency is measured, and with how many threads"
    ):
        seconds = st.number_input(
            "Seconds for all of it",
            min_value=1.0,
            max_value=3600.0,
            value=None,
            key="latency_s",
            placeholder="3 for each contender",
            help="Half goes to the base case, the same time to every other size: cheap ones get more calls. What does not fit is left out, and said.",
        )
        text = st.text_input(
            "Threads",
            "1",
            key="threads",
            help="Numbers of computing threads to compare, such as 1,2,4. The first is the one that counts.",
        )
    try:
        threads = plan.parse_sizes(text or "1")
        if not all(1 <= count <= MOST_THREADS for count in threads):
            raise OptionError(f"Threads {text}: each must be from 1 to {MOST_THREADS}.")
    except OptionError as error:
        return Timing(on=True), str(error)
    return Timing(on=True, seconds=seconds, threads=tuple(dict.fromkeys(threads))), ""
