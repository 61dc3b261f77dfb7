"""Schedules: their shapes at known points, in every unit, and what they have in common."""

import math

import pytest

from telos.foundation.errors import TelosError
from telos.foundation.units import Duration
from telos.optim.schedules import Progress, Schedule
from telos.optim.schedules.cosine import Cosine
from telos.optim.schedules.warmup_stable_decay import WarmupStableDecay


def progress(step: float, steps: float = 100, tokens_per_step: float = 50, seconds_per_step: float = 0.5) -> Progress:
    return Progress(step, step * tokens_per_step, step / 10, step * seconds_per_step, step / steps)


UNITS = ["10%", "10 steps", "500 tokens", "1 epochs", "5s"]


@pytest.mark.parametrize("warmup", UNITS)
@pytest.mark.parametrize("decay", ["20%", "20 steps", "1k tokens", "2 epochs", "10s"])
def test_warmup_stable_decay_is_the_same_line_in_every_unit(warmup, decay):
    spec = WarmupStableDecay(warmup=warmup, decay=decay)
    for step, expected in ((0, 0), (5, 0.5), (10, 1), (50, 1), (80, 1), (90, 0.5), (95, 0.25), (100, 0)):
        assert spec.scale(progress(step)) == pytest.approx(expected, abs=1e-9), step


@pytest.mark.parametrize(("shape", "half"), [("linear", 0.5), ("cosine", 0.5), ("sqrt", 1 - math.sqrt(0.5))])
def test_shapes_of_decay(shape, half):
    spec = WarmupStableDecay(warmup="0%", decay="40%", shape=shape, final=0.2)
    assert spec.scale(progress(0)) == 1
    assert spec.scale(progress(80)) == pytest.approx(0.2 + 0.8 * half)
    assert spec.scale(progress(100)) == pytest.approx(0.2)


@pytest.mark.parametrize("warmup", UNITS)
def test_cosine_falls_by_half_a_wave(warmup):
    spec = Cosine(warmup=warmup, final=0.1)
    expected = {0: 0, 5: 0.5, 10: 1, 55: 0.55, 100: 0.1, 32.5: 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi / 4))}
    for step, value in expected.items():
        assert spec.scale(progress(step)) == pytest.approx(value, abs=1e-9), step


def test_cosine_equals_torch():
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40, eta_min=0.1)
    for step in range(40):
        assert Cosine(warmup="0 steps", final=0.1).scale(progress(step, 40)) == pytest.approx(reference.get_last_lr()[0])
        optimizer.step()
        reference.step()


@pytest.mark.parametrize("kind", Schedule.kinds())
def test_the_middles_of_steps_never_have_a_rate_of_zero(kind):
    spec = Schedule.parse(kind)
    for steps in (1, 2, 3, 10, 1000):
        scales = [spec.scale(progress(s + 0.5, steps)) for s in range(steps)]
        assert all(0 < scale <= 1 for scale in scales), (steps, scales)


@pytest.mark.parametrize("kind", Schedule.kinds())
@pytest.mark.parametrize("warmup", UNITS)
def test_before_the_first_step_nothing_divides_by_zero(kind, warmup):
    assert Schedule.parse({"kind": kind, "warmup": warmup}).scale(Progress(0, 0, 0, 0, 0)) == 0
    assert Schedule.parse({"kind": kind, "warmup": "0 steps"}).scale(Progress(0, 0, 0, 0, 0)) == 1


def test_the_whole_is_decayed_when_time_runs_faster_than_steps():
    """A run whose steps grow slower and slower still ends at the final scale: progress is what counts."""
    spec = WarmupStableDecay(decay="40%")
    assert spec.scale(Progress(7, 70, 0.1, 179.9, 179.9 / 180)) == pytest.approx((1 - 179.9 / 180) / 0.4)


def test_shares_over_the_whole_are_refused():
    with pytest.raises(TelosError) as caught:
        WarmupStableDecay(warmup="50%", decay="60%")
    assert caught.value.must == "recipe: warmup (50%) and decay (60%) must be 100% or less together"


def test_crossing_a_multiple():
    every = Duration.parse("3 steps")
    due = [s for s in range(1, 11) if progress(s).crossed(every, progress(s - 1))]
    assert due == [3, 6, 9]
    tenths = [s for s in range(1, 101) if progress(s).crossed(Duration.parse("10%"), progress(s - 1))]
    assert tenths == list(range(10, 101, 10))
    assert not progress(5).crossed(Duration.parse("0 steps"), progress(4))
