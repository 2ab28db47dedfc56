"""Fifty people at once: sessions opened over websockets while a sweep runs, each asking for the page again and again.

Speaks Streamlit's own protocol, so that what is measured is the server: the script run and all that it sends.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from tests.browser.serving import serving
from tsdash import plan
from tsdash.spec import ModelSource, RunSpec, Sweep
from tsdash.store import Store

SESSIONS = 50
INTERACTIONS = 4  # of each session
THINKING_S = 1.0  # between two of one session
LIMIT_S = 120.0
CASES = 4000
MODEL = """
import torch
def make_model():
    return torch.nn.Linear(4, 4).eval()
def make_inputs(n=2):
    return (torch.randn(n, 4),)
"""


async def _session(address: str, query: str, number: int) -> list[float]:
    """Seconds of each interaction of one session: from asking for the page to the end of its script run."""
    seconds = []
    async with connect(
        f"{address.replace('http', 'ws')}/_stcore/stream", subprotocols=["streamlit"], max_size=None
    ) as stream:  # type: ignore[list-item]
        for turn in range(INTERACTIONS):
            await asyncio.sleep(THINKING_S * (number / SESSIONS if turn == 0 else 1))
            message = BackMsg()
            message.rerun_script.query_string = query
            began = time.perf_counter()
            await stream.send(message.SerializeToString())
            while True:
                answer = ForwardMsg.FromString(await asyncio.wait_for(stream.recv(), LIMIT_S))  # type: ignore[arg-type]
                if answer.WhichOneof("type") == "script_finished":
                    if answer.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                        raise RuntimeError("a page failed")
                    break
            seconds.append(time.perf_counter() - began)
    return seconds


def main() -> list[dict[str, Any]]:
    """The p95 of a page interaction of 50 sessions, and how many failed."""
    with tempfile.TemporaryDirectory() as home:
        store = Store(Path(home))
        source = ModelSource(name="bench", kind="file", filename="bench.py", text=MODEL)
        spec = RunSpec(model=source, modes=("trace",), cases=plan.cases(Sweep(seeds=tuple(range(CASES))), {"n": 2}))
        run = store.create(
            spec, {"effort": "standard"}, {}, "server:999999999:1.00"
        )  # the server takes it up at its start
        with serving(Path(home)) as address:

            async def everybody() -> list[Any]:
                return await asyncio.gather(
                    *(_session(address, f"run={run}", number) for number in range(SESSIONS)), return_exceptions=True
                )

            results = asyncio.run(everybody())
            running = store.progress(run)[0] == "running"
    failed = [result for result in results if isinstance(result, BaseException)]
    seconds = sorted(second for result in results if not isinstance(result, BaseException) for second in result)
    p95 = f"{seconds[int(0.95 * len(seconds))]:.2f} s" if seconds else "none"
    return [
        {
            "what": f"{SESSIONS} sessions during a sweep, {INTERACTIONS} interactions each",
            "figure": f"p95 {p95}, median {statistics.median(seconds) if seconds else float('nan'):.2f} s, {len(failed)} failed{'' if running else ' (the sweep had ended)'}",
            "goal": "none fails",
        }
    ]


if __name__ == "__main__":
    for row in main():
        print(f"{row['what']}: {row['figure']} (goal {row['goal']})")
