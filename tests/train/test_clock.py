"""The clock of budgets, on a clock of our own."""

import time
from itertools import pairwise

import pytest

from telos.foundation.errors import TelosError
from telos.foundation.units import Duration
from telos.train.clock import Clock


class Ticks:
    """Batches of 10 tokens, 4 steps an epoch; and the time."""

    now = 0.0

    def tokens_at(self, step):
        return 10 * step

    def epoch_at(self, step):
        return step / 4


@pytest.fixture
def ticks():
    return Ticks()


def clock(ticks, budget, gone=0.0, **settings):
    return Clock(Duration.parse(budget), time.time() - gone, now=lambda: ticks.now, **settings)


def near(value):
    return pytest.approx(value, abs=0.01)


def test_time_is_parted_into_overhead_and_training(ticks):
    made = clock(ticks, "100s", gone=7, reserve_seconds=13)
    ticks.now += 10
    assert (made.overhead_seconds, made.trained_seconds, made.available_seconds) == (near(17), 0, near(70))
    made.begin()
    ticks.now += 35
    assert (made.overhead_seconds, made.trained_seconds, made.available_seconds) == (near(17), 35, near(70))
    progress = made.progress(5, ticks)
    assert (progress.steps, progress.tokens, progress.epochs, progress.seconds) == (5, 50, 1.25, 35)
    assert progress.fraction == near(0.5)


def test_both_parts_add_up_over_processes(ticks):
    made = clock(ticks, "100s", gone=5)
    made.resume({"overhead_seconds": 20.0, "trained_seconds": 30.0})
    made.begin()
    ticks.now += 3
    assert (made.overhead_seconds, made.trained_seconds, made.available_seconds) == (near(25), 33, near(75))
    assert made.state() == {"overhead_seconds": near(25), "trained_seconds": 33, "reserve_seconds": made.reserve_seconds,
                            "fraction": near(33 / 75)}  # fmt: skip


def test_progress_never_goes_back_and_ends_at_one(ticks):
    """However what is kept for the end changes; and after a resume it goes on where it was."""
    made, seen, middles = clock(ticks, "100s", reserve_seconds=10), [], []
    made.begin()
    for reserve in (10, 10, 40, 60, 5, 30, 50, 20, 20):
        ticks.now += 5
        made.step_took(5)
        made.reserve_seconds = reserve
        seen.append(made.progress(1, ticks).fraction)
        middles.append(made.progress(1, ticks, middle=True).fraction)
    assert seen == sorted(seen)
    assert middles == sorted(middles)
    assert seen[0] == near(5 / 90)
    assert max(b - a for a, b in pairwise(seen)) < 0.3, "no leap"
    again = clock(ticks, "100s", reserve_seconds=20)
    again.resume(made.state())
    assert again.progress(1, ticks).fraction == near(seen[-1])
    ticks.now += 35
    assert made.progress(1, ticks).fraction == near(1)


def test_the_middle_of_the_next_step(ticks):
    made = clock(ticks, "100s")
    made.begin()
    for seconds in (2, 4):
        ticks.now += seconds
        made.step_took(seconds)
    middle = made.progress(2, ticks, middle=True)
    assert (middle.steps, middle.tokens, middle.epochs, middle.seconds) == (2.5, 25, 0.625, 7.5)
    assert middle.fraction == near(0.075)


@pytest.mark.parametrize(("seconds_left", "over"), [(1.1, False), (0.9, True), (-5, True)])
def test_a_step_starts_if_half_of_it_fits(ticks, seconds_left, over):
    made = clock(ticks, "100s")
    made.begin()
    made.step_took(2.0)
    ticks.now = 100 - seconds_left
    assert made.over(3, ticks) is over


@pytest.mark.parametrize(("budget", "steps"), [("17 steps", 17), ("100 tokens", 10), ("101 tokens", 11), ("1 tokens", 1),
                                               ("2 epochs", 8), ("0.9 epochs", 4)])  # fmt: skip
def test_steps_of_a_budget_that_counts(ticks, budget, steps):
    made = clock(ticks, budget)
    assert made.total_steps(ticks) == steps
    assert made.available_seconds is None
    assert [made.over(s, ticks) for s in (steps - 1, steps)] == [False, True]
    assert made.progress(steps, ticks).fraction == 1
    assert made.progress(0, ticks, middle=True).fraction == pytest.approx(0.5 / steps)


def test_by_default_time_counts_from_the_start_of_the_process():
    made = Clock(Duration.parse("1h"))
    assert 0.1 < made.overhead_seconds < 3600
    assert made.available_seconds == near(3600 - made.overhead_seconds)


def test_no_time_for_a_step_is_an_error(ticks):
    made = clock(ticks, "60s", gone=50, reserve_seconds=5)
    made.require_a_step(4.5)
    with pytest.raises(TelosError) as caught:
        made.require_a_step(5.5)
    assert caught.value.must == "a budget must have time for a training step: 1m"
    assert caught.value.found == "50s gone before the first step, 5.0s kept for what follows, a step takes at least 5.5s"
    assert caught.value.fix == "give a budget of at least 2m 46s, or fewer documents or a smaller model"


def test_what_saving_will_take_is_kept(ticks):
    made = clock(ticks, "60s")
    made.closing_seconds = 4.0
    assert made.available_seconds == near(56)


def test_what_was_kept_for_the_end_is_kept_after_a_resume():
    """A run killed while it scores its model must not find time for more steps."""
    first = Clock(Duration(100, "seconds"), reserve_seconds=30)
    again = Clock(Duration(100, "seconds"), reserve_seconds=3)
    again.resume(first.state())
    assert again.reserve_seconds == 30
