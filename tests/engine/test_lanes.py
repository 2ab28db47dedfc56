"""Who runs next."""

import asyncio

from tests.engine.conftest import played
from tsdash.engine.lanes import FairLane, MeasuringLane


def order_of_service(requests, places=1):
    """The order in which tasks of (session, name) are served that all ask at once; each gives way once while served."""

    async def scenario():
        lane, served = FairLane(places), []

        async def one(session, name):
            async with lane.place(session):
                served.append(name)
                await asyncio.sleep(0)

        await asyncio.gather(*(one(session, name) for session, name in requests))
        return served

    return played(scenario())


def test_sessions_take_turns_however_much_one_asks_for():
    """Two cases of b are not behind the four of a."""
    requests = [("a", "a1"), ("a", "a2"), ("a", "a3"), ("a", "a4"), ("b", "b1"), ("b", "b2")]
    assert order_of_service(requests) == ["a1", "a2", "b1", "a3", "b2", "a4"]


def test_within_a_session_first_come_is_first_served():
    assert order_of_service([("a", str(i)) for i in range(5)]) == ["0", "1", "2", "3", "4"]


def test_no_more_run_at_once_than_there_are_places():
    async def scenario():
        lane, now, most = FairLane(2), 0, 0

        async def one():
            nonlocal now, most
            async with lane.place("s"):
                now += 1
                most = max(most, now)
                await asyncio.sleep(0)
                now -= 1

        await asyncio.gather(*(one() for _ in range(10)))
        return most

    assert played(scenario()) == 2


def test_a_task_cancelled_while_waiting_takes_no_place_with_it():
    async def scenario():
        lane = FairLane(1)
        async with lane.place("a"):
            waiting = asyncio.ensure_future(lane.place("b").__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        async with lane.place("c"):
            return True

    assert played(scenario())


def test_a_measurement_runs_alone():
    """It waits for the cases that run, and those that come later wait for it."""

    async def scenario():
        lane, story = FairLane(2), []
        measuring = MeasuringLane(lane)
        release = asyncio.Event()

        async def case(name):
            async with lane.place(name):
                story.append(f"{name} begins")
                await release.wait()
                story.append(f"{name} ends")

        async def measure():
            async with measuring.alone():
                story.append(f"measuring, {measuring.running} running, {measuring.waiting} waiting")

        first = asyncio.ensure_future(case("first"))
        await asyncio.sleep(0)
        measured = asyncio.ensure_future(measure())
        await asyncio.sleep(0)
        late = asyncio.ensure_future(case("late"))
        await asyncio.sleep(0)
        assert (measuring.running, measuring.waiting) == (0, 1)
        release.set()
        await asyncio.gather(first, measured, late)
        return story

    assert played(scenario()) == [
        "first begins",
        "first ends",
        "measuring, 1 running, 0 waiting",
        "late begins",
        "late ends",
    ]
