"""R² and rank correlation: scikit-learn's and scipy's, intervals that hold the truth, what is undefined."""

import numpy as np
import pytest

from telos.evaluate.documents import Measured
from telos.evaluate.numbers import interval, r_squared, result, spearman

RNG = np.random.default_rng(3)
TRUE = RNG.normal(10, 4, 60).round()
TOLD = TRUE + RNG.normal(0, 3, 60)


def test_they_are_scikit_learns_and_scipys():
    metrics, stats = pytest.importorskip("sklearn.metrics"), pytest.importorskip("scipy.stats")
    for true, told in ((TRUE, TOLD), (TRUE, TOLD.round()), (TRUE[:5], -TRUE[:5]), (TRUE, np.full(60, 3.0) + TRUE * 2)):
        assert r_squared(true, told) == pytest.approx(metrics.r2_score(true, told))
        assert spearman(true, told) == pytest.approx(stats.spearmanr(true, told).statistic)


def test_what_is_undefined():
    assert r_squared(np.ones(4), np.arange(4.0)) is None
    assert spearman(np.arange(4.0), np.ones(4)) is None
    assert interval(r_squared, TRUE[:5], TOLD[:5]) is None
    assert interval(r_squared, np.ones(9), np.ones(9)) is None


def test_the_interval_holds_what_a_large_sample_tells():
    low, high = interval(r_squared, TRUE, TOLD)
    assert low < r_squared(TRUE, TOLD) < high
    large = np.random.default_rng(4).normal(10, 4, 100_000).round()
    assert low < r_squared(large, large + np.random.default_rng(5).normal(0, 3, 100_000)) < high
    assert (low, high) == interval(r_squared, TRUE, TOLD), "the same draws each time"


def test_the_result_is_set_beside_the_mean():
    error = np.abs(TRUE - TOLD)
    measured = Measured({"mean_absolute_error": error}, {"mean_absolute_error": np.ones(60)})
    found = result(measured, TRUE, TOLD, 11.0, baselines=True)
    assert list(found.headline)[:4] == ["mean_absolute_error", "mean_absolute_error_ci95", "r_squared", "r_squared_ci95"]
    (beside,) = found.baselines
    assert beside["value"] == pytest.approx(np.abs(TRUE - 11).mean())
    assert beside["difference"] == pytest.approx(error.mean() - np.abs(TRUE - 11).mean())
    assert [table["title"] for table in found.tables] == ["Mean absolute error", "By size of the number"]
    assert sum(row[1] for row in found.tables[1]["rows"]) == 60
    sharp = Measured({"mean_absolute_error": error / 10}, {"mean_absolute_error": np.ones(60)})
    assert result(sharp, TRUE, TOLD, 11.0, baselines=True).baselines[0]["verdict"] == "better"
    worse = Measured({"mean_absolute_error": np.abs(TRUE - 90)}, {"mean_absolute_error": np.ones(60)})
    assert result(worse, TRUE, np.full(60, 90.0), 11.0, baselines=True).baselines[0]["verdict"] == "worse"
    assert result(measured, TRUE, TOLD, 11.0, baselines=False).baselines == []
