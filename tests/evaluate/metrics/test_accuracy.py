"""Accuracy: scikit-learn's share, the published interval of a known case, coverage, parts that join to the whole."""

import numpy as np
import pytest

from telos.evaluate.metrics.accuracy import Accuracy, wilson


def test_equal_to_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    true, told = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    meter = Accuracy().build()
    meter.update(true == told)
    value = meter.compute()
    assert value.value == pytest.approx(metrics.accuracy_score(true, told), abs=1e-15)
    assert (value.n, value.higher_is_better) == (200, True)


@pytest.mark.parametrize(("right", "n"), [(81, 263), (15, 148), (0, 20), (1, 29), (29, 29)])
def test_equal_to_scipys_wilson_interval(right, n):
    stats = pytest.importorskip("scipy.stats")
    wanted = stats.binomtest(right, n).proportion_ci(0.95, "wilson")
    assert wilson(right, n) == pytest.approx((wanted.low, wanted.high), abs=1e-9)


def test_it_holds_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(2)
    for share, n in ((0.5, 40), (0.9, 100), (0.97, 300)):
        held = [low <= share <= high for low, high in (wilson(rng.binomial(n, share), n) for _ in range(3000))]
        assert 0.93 <= np.mean(held) <= 0.975, (share, n)


def test_any_split_into_parts_gives_the_value_of_the_whole():
    answers = np.random.default_rng(3).random(50) < 0.7
    whole = Accuracy().build()
    whole.update(answers)
    first, second = Accuracy().build(), Accuracy().build()
    first.update(answers[:17])
    second.update(answers[17:])
    first.merge(second)
    assert first.compute() == whole.compute()


def test_nothing_seen_is_left_out():
    assert Accuracy().build().compute() is None
    assert wilson(0, 0) is None
