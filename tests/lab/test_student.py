"""Student's distribution: SciPy's is the reference."""

import math

import pytest

from telos.lab import student

FREEDOM = [0.7, 1, 1.5, 2, 2.7, 4, 10, 33.3, 250, 1e5, 1e8]


@pytest.mark.parametrize("freedom", FREEDOM)
def test_p_values_are_scipys(freedom):
    stats = pytest.importorskip("scipy.stats")
    for t in (0, 1e-9, 1e-3, 0.4, 1.0, 1.96, -2.5, 6.0, 40.0, 1e4):
        assert student.p_value(t, freedom) == pytest.approx(2 * stats.t.sf(abs(t), freedom), rel=1e-7, abs=1e-300)


@pytest.mark.parametrize("freedom", FREEDOM)
def test_quantiles_are_scipys(freedom):
    stats = pytest.importorskip("scipy.stats")
    for level in (0.5, 0.1, 0.05, 0.01, 0.05 / 66):
        assert student.quantile(level, freedom) == pytest.approx(stats.t.isf(level / 2, freedom), rel=1e-6)


def test_with_endless_freedom_it_is_normal():
    assert student.quantile(0.05, math.inf) == pytest.approx(1.959963984540054, rel=1e-9)
    assert student.p_value(math.inf, 3) == 0
