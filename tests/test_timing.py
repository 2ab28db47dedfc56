"""Measuring: what is called, in which order, what is kept and what is restored. No test depends on how fast anything
is."""

from __future__ import annotations

import gc
import time
from collections import Counter

import pytest
import torch

from tsdash import stats, timing
from tsdash.spec import CONTROL, EAGER, Case, Latency, from_json, to_json

BASE = Case(id="base", dims={})


def calls_of(names: str, journal: list[str]) -> list[timing.Call]:
    """Calls that write their name into the journal."""
    return [lambda name=name: journal.append(name) for name in names]


def ticking(*times_s: float) -> timing.Clock:
    """A clock that makes the calls and then reads the given times, the last one for ever."""
    pending = list(times_s)

    def clock(call: timing.Call, batch: int) -> timing.Sample:
        for _ in range(batch):
            call()
        return timing.Sample(pending.pop(0) if len(pending) > 1 else pending[0])

    return clock


class TestRounds:
    def test_every_arm_once_a_round(self) -> None:
        """Whatever the order, each arm is called once in each round."""
        journal: list[str] = []
        play = timing.rounds(calls_of("abc", journal), clock=ticking(1.0), clock_s=0.0, seed=0)
        for _ in range(10):
            play()
        assert all(sorted(journal[i : i + 3]) == ["a", "b", "c"] for i in range(0, 30, 3))

    def test_the_order_is_drawn_anew(self) -> None:
        """In 60 rounds of three arms all six orders occur."""
        journal: list[str] = []
        play = timing.rounds(calls_of("abc", journal), clock=ticking(1.0), clock_s=0.0, seed=0)
        for _ in range(60):
            play()
        assert len({tuple(journal[i : i + 3]) for i in range(0, 180, 3)}) == 6

    def test_each_arm_comes_first_as_often_as_after_each_other(self) -> None:
        """A round is followed by its mirror image, so in an even number of rounds no arm leads another more often."""
        journal: list[str] = []
        play = timing.rounds(calls_of("abcd", journal), clock=ticking(1.0), clock_s=0.0, seed=3)
        for _ in range(40):
            play()
        played = [journal[i : i + 4] for i in range(0, 160, 4)]
        leads = Counter((x, y) for order in played for x in order for y in order[order.index(x) + 1 :])
        assert set(leads.values()) == {20}

    def test_samples_stand_in_the_order_of_the_arms(self) -> None:
        """The times go to their arm, in whichever order the round ran."""
        own = {"a": 1.0, "b": 2.0, "c": 3.0}
        journal: list[str] = []

        def clock(call: timing.Call, batch: int) -> timing.Sample:
            call()
            return timing.Sample(own[journal[-1]])

        play = timing.rounds(calls_of("abc", journal), clock=clock, clock_s=0.0, seed=1)
        assert [[sample.wall_s for sample in play()] for _ in range(5)] == [[1.0, 2.0, 3.0]] * 5

    def test_the_clock_is_subtracted_and_the_batch_divided(self) -> None:
        """A batch of four that reads 42 µs with a clock of 2 µs is 10 µs a call."""
        play = timing.rounds([lambda: None], clock=ticking(42e-6), clock_s=2e-6, seed=0)
        assert play(4)[0].wall_s == pytest.approx(10e-6, rel=1e-12)

    def test_a_sample_is_never_zero(self) -> None:
        """A call that is faster than reading the clock took a nanosecond, so that ratios stay finite."""
        play = timing.rounds([lambda: None], clock=ticking(1e-7), clock_s=2e-7, seed=0)
        assert play()[0].wall_s == 1e-9

    def test_a_primed_round_calls_each_arm_before_its_sample(self) -> None:
        """The untimed calls go to the same arm, directly before the timed one."""
        journal: list[str] = []
        play = timing.rounds(calls_of("ab", journal), clock=ticking(1.0), clock_s=0.0, seed=0)
        play(prime=2)
        assert "".join(journal) in ("aaabbb", "bbbaaa")


class TestClocks:
    def test_the_host_clock_makes_all_calls_of_the_batch(self) -> None:
        """A batch of five is five calls and one reading."""
        journal: list[str] = []
        assert timing.host_clock(*calls_of("a", journal), 5).wall_s > 0
        assert journal == ["a"] * 5

    def test_the_accelerator_is_waited_for_before_and_after(self) -> None:
        """Queued work ends before the clock starts, the call's own before it stops; events enclose the call."""
        journal: list[str] = []

        class Event:
            def record(self) -> None:
                journal.append("event")

            def elapsed_time(self, _: Event) -> float:
                return 3.0  # ms

        clock = timing.accelerator_clock(lambda: journal.append("wait"), Event)
        sample = clock(lambda: journal.append("call"), 1)
        assert journal == ["wait", "event", "call", "event", "wait"]
        assert sample.device_s == 3e-3

    @pytest.mark.parametrize(("fastest_s", "calls"), [(1.0, 1), (10e-6, 1), (9e-6, 2), (2e-6, 5), (0.3e-6, 34)])
    def test_short_calls_are_batched_to_ten_microseconds(self, fastest_s: float, calls: int) -> None:
        """The batch is the smallest that lasts 10 µs."""
        assert timing.calls_per_sample(fastest_s) == calls

    @pytest.mark.parametrize(("slowest_s", "calls"), [(20e-6, 2), (9e-3, 2), (10e-3, 1), (0.1, 0), (5.0, 0)])
    def test_long_calls_need_no_priming(self, slowest_s: float, calls: int) -> None:
        """Two untimed calls below 10 ms, one below 100 ms, none from there on."""
        assert timing.priming_calls(slowest_s) == calls

    def test_reading_the_clock_costs_something(self) -> None:
        """Its cost is positive, and far below what is measured with it."""
        assert 0 < timing.clock_cost_s() < timing.SHORTEST_SAMPLE_S


class TestMeasure:
    def measure(self, journal: list[str], **options: object) -> Latency:
        arms = list(zip((EAGER, CONTROL, "trace"), calls_of("abc", journal), strict=True))
        return timing.measure(arms, case=BASE, **{"budget_s": 5.0, "max_samples": 20, **options})

    def test_every_arm_has_a_sample_of_every_round(self) -> None:
        """Arms keep their names and order, and have equal numbers of warm-up calls and of samples."""
        found = self.measure([])
        assert [arm.name for arm in found.arms] == [EAGER, CONTROL, "trace"]
        assert {len(arm.samples_s) for arm in found.arms} == {20}
        assert len({len(arm.warmup_s) for arm in found.arms}) == 1

    def test_calls_below_ten_microseconds_are_batched(self) -> None:
        """Appending to a list is far shorter than 10 µs."""
        assert self.measure([]).calls_per_sample > 1

    def test_all_calls_are_accounted_for(self) -> None:
        """Warm-up calls, and in each round two untimed calls and a batch: no arm is called otherwise."""
        journal: list[str] = []
        found = self.measure(journal)
        each = len(found.arms[0].warmup_s) + 20 * (2 + found.calls_per_sample)
        assert Counter(journal) == {"a": each, "b": each, "c": each}

    def test_the_first_call_is_the_first_warmup_sample(self) -> None:
        """The latency of the first call is kept: here it is the only one that computes, and by far the slowest."""
        known: list[float] = []

        def lazy() -> None:
            if not known:
                known.append(torch.randn(700, 700).matrix_power(16).sum().item())

        found = timing.measure([(EAGER, lazy), (CONTROL, lambda: None)], case=BASE, budget_s=5.0, max_samples=6)
        warmup_s = found.arms[0].warmup_s
        assert warmup_s[0] == max(warmup_s)
        assert stats.steady_from(warmup_s) >= 1

    def test_a_budget_of_nothing_still_gives_a_median_with_an_interval(self) -> None:
        """Six rounds are the fewest, and a note says that the budget did not suffice."""
        found = self.measure([], budget_s=1e-9)
        assert stats.median_interval(found.arms[0].samples_s) is not None
        assert any("too small" in note for note in found.notes)

    def test_more_can_be_asked_for_than_six(self) -> None:
        """`min_samples` holds whatever the budget."""
        assert len(self.measure([], budget_s=1e-9, min_samples=11).arms[0].samples_s) == 11

    def test_an_arm_that_never_settles_is_noted(self) -> None:
        """A warm-up that ends while the calls still get faster says which arm."""
        faster = ticking(*(1.05**-i for i in range(300)))
        play = timing.rounds([lambda: None], clock=faster, clock_s=0.0, seed=0)
        taken, notes = timing._warm_up(play, ["script"], timing.Pace(begun_s=0.0, budget_s=1e12, progress=None))
        assert len(taken) == timing.WARMUP_MOST
        assert "script" in notes[0]
        assert stats.settled_after([sample.wall_s for (sample,) in taken]) is None

    def test_a_constant_arm_is_warm_at_the_first_look(self) -> None:
        """Twelve calls of one speed are enough."""
        play = timing.rounds([lambda: None], clock=ticking(1e-3), clock_s=0.0, seed=0)
        taken, notes = timing._warm_up(play, ["script"], timing.Pace(begun_s=0.0, budget_s=1e12, progress=None))
        assert (len(taken), notes) == (12, [])

    def test_slow_first_calls_prolong_the_warm_up(self) -> None:
        """After seven slow calls the first look sees no steady half, the second does."""
        play = timing.rounds([lambda: None], clock=ticking(*[1.0] * 7, 1e-3), clock_s=0.0, seed=0)
        taken, notes = timing._warm_up(play, ["script"], timing.Pace(begun_s=0.0, budget_s=1e12, progress=None))
        assert (len(taken), notes) == (24, [])
        assert stats.settled_after([sample.wall_s for (sample,) in taken]) == 7

    def test_an_error_of_an_arm_reaches_the_caller(self) -> None:
        """What a call raises is not a sample, and the garbage collector is back on."""

        def broken() -> None:
            raise RuntimeError("no kernel")

        with pytest.raises(RuntimeError, match="no kernel"):
            timing.measure([(EAGER, broken)], case=BASE, budget_s=1.0)
        assert gc.isenabled()

    def test_the_collector_is_off_and_threads_are_set_only_meanwhile(self) -> None:
        """Calls see no garbage collection and the number of threads asked for; afterwards all is as before."""
        seen = set()
        before = torch.get_num_threads()
        timing.measure(
            [(EAGER, lambda: seen.add((gc.isenabled(), torch.get_num_threads())))],
            case=BASE,
            budget_s=1.0,
            max_samples=6,
            threads=3,
        )
        assert seen == {(False, 3)}
        assert (gc.isenabled(), torch.get_num_threads()) == (True, before)

    def test_progress_tells_the_share_that_is_done(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Reported after every round, ten rounds of ten are tenths."""
        monkeypatch.setattr(timing, "PROGRESS_S", -1.0)
        heard: list[float] = []
        pace = timing.Pace(begun_s=time.monotonic(), budget_s=1e12, progress=heard.append)
        timing._sample(list, pace, fewest=6, most=10)
        assert heard == [pytest.approx(i / 10) for i in range(1, 11)]

    def test_a_latency_survives_json(self) -> None:
        """What is stored reads back equal."""
        found = self.measure([])
        assert from_json(Latency, to_json(found)) == found


class TestTwin:
    def build(self) -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Dropout(0.5))

    def test_it_answers_like_the_model(self) -> None:
        """The same state in another object: equal answers, no shared memory."""
        model = self.build().eval()
        twin, note = timing.twin_of(model, self.build)
        x = torch.ones(2, 3)
        assert note is None
        assert torch.equal(twin(x), model(x))
        assert twin[0].weight.data_ptr() != model[0].weight.data_ptr()

    def test_each_submodule_keeps_its_mode(self) -> None:
        """A model with one part in training mode has a twin with that part in training mode."""
        model = self.build().eval()
        model[1].train()
        twin, _ = timing.twin_of(model, self.build)
        assert [module.training for module in twin.modules()] == [module.training for module in model.modules()]

    def test_building_it_draws_no_random_numbers_of_the_caller(self) -> None:
        """The generator stands where it stood."""
        model = self.build()
        before = torch.get_rng_state()
        timing.twin_of(model, self.build)
        assert torch.equal(torch.get_rng_state(), before)

    def test_its_weights_are_ordinary_tensors_even_in_inference_mode(self) -> None:
        """Tensors made in inference mode are called faster by a tenth; a twin of them would be no control."""
        model = self.build()
        with torch.inference_mode():
            twin, _ = timing.twin_of(model, self.build)
        assert not any(parameter.is_inference() for parameter in twin.parameters())

    def test_a_model_that_cannot_be_built_again_is_its_own_control(self) -> None:
        """The note says why, and nothing fails."""

        def once() -> torch.nn.Module:
            raise OSError("weights.pt is gone")

        model = self.build()
        twin, note = timing.twin_of(model, once)
        assert twin is model
        assert "weights.pt is gone" in note

    def test_a_build_in_another_dtype_is_refused(self) -> None:
        """A float32 build would take a float16 state without a word, and time something else."""
        model = self.build().to(torch.float16)
        twin, note = timing.twin_of(model, self.build)
        assert twin is model
        assert "torch.float16" in note

    def test_a_build_of_another_shape_is_refused(self) -> None:
        """A twin whose state does not fit is not measured in place of the model."""
        model = self.build()
        twin, note = timing.twin_of(model, lambda: torch.nn.Linear(4, 4))
        assert twin is model
        assert note is not None


class TestAlternate:
    def test_shapes_take_turns(self) -> None:
        """Visit by visit through all shapes; times are kept by shape."""
        journal: list[str] = []
        cases = [Case(id=name, dims={"batch": i}) for i, name in enumerate("ab", 1)]
        found = timing.alternate("trace", calls_of("ab", journal), cases=cases, visits=3)
        assert "".join(journal) == "ababab"
        assert found.cases == tuple(cases)
        assert [len(visits) for visits in found.visits_s] == [3, 3]


class TestMachine:
    def test_the_stolen_share_is_the_eighth_of_the_passed_ticks(self) -> None:
        """Of 100 ticks that passed, 5 were stolen."""
        before = timing.Machine(
            cpus=2, load_average=1.0, switches=0, ticks=(10, 0, 5, 80, 0, 0, 0, 2), frequency_mhz=None
        )
        after = timing.Machine(
            cpus=2, load_average=1.0, switches=0, ticks=(60, 0, 10, 120, 0, 0, 0, 7), frequency_mhz=None
        )
        assert after.stolen_share_since(before) == 0.05

    def test_an_unknown_share_is_none(self) -> None:
        """Where the system keeps no such count, or no tick has passed, nothing is claimed."""
        silent = timing.Machine(cpus=2, load_average=None, switches=0, ticks=(), frequency_mhz=None)
        assert silent.stolen_share_since(silent) is None
        assert silent.frequency_since(silent) is None
        still = timing.Machine(cpus=2, load_average=None, switches=0, ticks=(1,) * 8, frequency_mhz=None)
        assert still.stolen_share_since(still) is None
