"""What is said of ours against a baseline: only what the interval allows."""

import math

import numpy as np
import pytest

from telos.evaluate.baselines import LABELS
from telos.evaluate.likelihood import Likelihood
from telos.evaluate.verdict import Baseline, against, against_number, next_steps, sentence, summary, verdict

SIZE = np.full(60, 1000.0)
HARD = np.random.default_rng(1).normal(2.0, 0.4, 60)


def likelihood(bits_per_byte: np.ndarray) -> Likelihood:
    return Likelihood(bits_per_byte * SIZE * math.log(2), SIZE, SIZE / 4)


OURS = likelihood(HARD)


def rung(name: str, kind: str) -> Baseline:
    interval = {"better": (-0.2, -0.1), "worse": (0.1, 0.2), "no difference shown": (-0.1, 0.2), "not judged": None}[kind]
    return {"name": name, "label": LABELS.get(name, name), "bits_per_byte": 2.0, "interval": None, "difference": 0.15,
            "difference_interval": interval, "paired": True, "verdict": kind}  # fmt: skip


@pytest.mark.parametrize(
    ("interval", "expected"),
    [((-0.2, -0.1), "better"), ((0.1, 0.2), "worse"), ((-0.1, 0.1), "no difference shown"), ((-0.1, 0.0), "no difference shown"),
     ((0.0, 0.1), "no difference shown"), (None, "not judged")],
)  # fmt: skip
def test_better_and_worse_need_an_interval_without_zero(interval, expected):
    assert verdict(interval) == expected


def test_a_paired_baseline():
    rng = np.random.default_rng(2)
    found = against("5_gram", OURS, likelihood(HARD + 0.05 + rng.normal(0, 0.02, 60)))
    assert (found["label"], found["paired"], found["verdict"]) == ("5-gram on all training text", True, "better")
    assert found["difference"] == pytest.approx(OURS.bits_per_byte - found["bits_per_byte"])
    assert found["interval"][0] < found["bits_per_byte"] < found["interval"][1]
    assert sentence(found).startswith("Better than 5-gram on all training text: 0.05")
    mirrored = against("5_gram", likelihood(HARD + 0.1), OURS)
    assert mirrored["verdict"] == "worse"
    assert sentence(mirrored) == (
        "Worse than 5-gram on all training text: 0.100 bits per byte more (95 % interval 0.100 to 0.100)."
    )
    assert against("x", OURS, OURS, label="上一次的模型")["label"] == "上一次的模型"
    assert sentence(against("x", OURS, OURS, label="上一次的模型")).startswith("No difference shown from 上一次的模型: +0.000")


def test_a_compressor_is_one_number_and_the_interval_is_ours():
    low, high = OURS.bits_per_byte_interval()
    found = against_number("xz", OURS, 2.5)
    assert found["paired"] is False
    assert found["interval"] is None
    assert found["difference_interval"] == pytest.approx((low - 2.5, high - 2.5))
    assert found["verdict"] == "better"
    assert against_number("xz", OURS, OURS.bits_per_byte)["verdict"] == "no difference shown"
    assert against_number("xz", OURS, 1.0)["verdict"] == "worse"


def test_a_model_that_gives_the_text_probability_zero_is_worse_by_no_finite_number():
    infinite = Likelihood.of(np.array([1.0, math.inf]), np.array([4, 4]), np.array([0, 4, 8]))
    finite = Likelihood.of(np.array([1.0, 1.0]), np.array([4, 4]), np.array([0, 4, 8]))
    for found in (against("unigram", infinite, finite), against_number("xz", infinite, 2.0)):
        assert found is not None
        assert (found["verdict"], "difference" in found) == ("worse", False)
        assert sentence(found).endswith("to a part of the text this model gives probability 0.")
    assert against("unigram", finite, infinite) is None
    assert next_steps([found]) != []


def test_one_unit_is_not_judged_and_no_bytes_is_no_baseline():
    one = Likelihood(np.array([5.0]), np.array([4.0]), np.array([1.0]))
    found = against_number("gzip", one, 2.0)
    assert found["verdict"] == "not judged"
    assert sentence(found) == "Not judged against gzip -9: too few units for an interval."
    nothing = Likelihood(np.zeros(0), np.zeros(0), np.zeros(0))
    assert against_number("gzip", nothing, 2.0) is None
    assert against("5_gram", nothing, nothing) is None


def test_the_summary_says_all_of_them():
    rungs = [rung("gzip", "better"), rung("xz", "better"), rung("unigram", "better"), rung("5_gram", "worse"),
             rung("xz_primed", "no difference shown"), rung("5_gram_seen", "not judged")]  # fmt: skip
    assert summary(rungs) == (
        "The model beats gzip -9, xz -9e and unigram; it loses to 5-gram on all training text; it shows no difference from "
        "xz -9e primed with the training text; it is not judged against 5-gram on only what the model saw."
    )
    assert summary([]) == "No baseline was measured."


@pytest.mark.parametrize(
    ("rungs", "expected"),
    [
        ([("gzip", "better"), ("5_gram", "better")], []),
        ([("5_gram", "worse"), ("5_gram_seen", "better")], ["The model makes more of its tokens"]),
        ([("5_gram", "worse"), ("5_gram_seen", "no difference shown")], ["Counting wins", "More held-out text"]),
        ([("5_gram", "worse"), ("5_gram_seen", "worse")], ["On the very tokens"]),
        ([("xz_primed", "worse")], ["A compressor that copies"]),
        ([("unigram", "worse"), ("gzip", "worse")], ["A baseline that has learned next to nothing"]),
        ([("llama", "worse")], ["A larger budget is the first thing to try against llama."]),
        ([("xz", "not judged")], ["More held-out text would narrow the interval against xz -9e."]),
    ],
)
def test_what_to_try_next(rungs, expected):
    steps = next_steps([rung(*r) for r in rungs])
    assert len(steps) == len(expected)
    for step, start in zip(steps, expected, strict=True):
        assert step.startswith(start)


def test_a_starved_run_needs_time_before_anything_else():
    worse, better = [rung("5_gram", "worse"), rung("gzip", "worse")], [rung("5_gram", "better")]
    for taken, said in ((0, "No step was"), (1, "Only 1 step was"), (17, "Only 17 steps were")):
        steps = next_steps(worse, taken)
        assert len(steps) == 1
        assert steps[0].startswith(f"{said} taken, too few to judge the model or its settings by. More time is what is needed")
        assert next_steps(better, taken) == []
    assert next_steps(worse, 100) == next_steps(worse) != next_steps(worse, 99)
