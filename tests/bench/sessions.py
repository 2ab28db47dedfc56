"""Fifty people at once: sessions opened over websockets while a sweep runs, each asking for the page again and again.

Speaks Streamlit's own protocol, so that what is measured is the server: the script run and all that it sends.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from tsdash import plan
from tsdash.spec import ModelSource, RunSpec, Sweep
from tsdash.store import Store

ROOT = Path(__file__).parents[2]
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _started(port: int, home: str) -> subprocess.Popen[bytes]:
    """The dashboard on `port`, once it answers."""
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        "--server.port",
        str(port),
        "--server.headless",
        "true",
    ]
    server = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "TSDASH_HOME": home}, stdout=subprocess.DEVNULL)
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
            return server
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    server.kill()
    raise RuntimeError(f"The dashboard did not answer within {LIMIT_S:g} s.")


async def _session(port: int, query: str, number: int) -> list[float]:
    """Seconds of each interaction of one session: from asking for the page to the end of its script run."""
    seconds = []
    async with connect(f"ws://127.0.0.1:{port}/_stcore/stream", subprotocols=["streamlit"], max_size=None) as stream:  # type: ignore[list-item]
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
        port = _free_port()
        server = _started(port, home)
        try:

            async def everybody() -> list[Any]:
                return await asyncio.gather(
                    *(_session(port, f"run={run}", number) for number in range(SESSIONS)), return_exceptions=True
                )

            results = asyncio.run(everybody())
            running = store.progress(run)[0] == "running"
        finally:
            server.terminate()
            server.wait()
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
