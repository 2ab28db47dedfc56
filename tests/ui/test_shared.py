"""One session makes what all look at; the others go on with what there was."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from tsdash.ui.shared import Shared


def test_a_version_is_made_once() -> None:
    made: list[int] = []
    shared = Shared[int](2)
    for version in (1, 1, 2, 2):
        shared.get("a", version, lambda known: made.append(known or 0) or len(made))
    assert made == [0, 1], "the second out of the first"


def test_who_comes_while_another_makes_the_next_sees_the_one_before() -> None:
    """And who has none before it waits."""
    shared = Shared[str](2)
    shared.get("a", 1, lambda _: "first")
    making, go_on = threading.Event(), threading.Event()

    def slow(_: str | None) -> str:
        making.set()
        go_on.wait(30)
        return "second"

    with ThreadPoolExecutor(2) as threads:
        maker = threads.submit(shared.get, "a", 2, slow, lambda _: 0.0)
        assert making.wait(30)
        assert shared.get("a", 2, slow, lambda _: 0.0) == "first"
        waiting = threads.submit(shared.get, "a", 2, slow)
        go_on.set()
        assert (maker.result(30), waiting.result(30)) == ("second", "second")


def test_what_there_was_will_do_for_a_pause() -> None:
    shared = Shared[str](2)
    shared.get("a", 1, lambda _: "first")
    assert shared.get("a", 2, lambda _: "second", lambda _: 3600.0) == "first"
    assert shared.get("a", 2, lambda _: "second") == "second"


def test_what_was_asked_for_longest_ago_goes() -> None:
    made: list[str] = []
    shared = Shared[str](2)
    for key in ("a", "b", "a", "c", "a", "b"):
        shared.get(key, 1, lambda _, key=key: made.append(key) or key)
    assert made == ["a", "b", "c", "b"]
