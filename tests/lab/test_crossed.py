"""Intervals over seeds and items: the sums by loops, SciPy, known coverage; Holm's procedure by hand."""

import numpy as np
import pytest

from telos.lab import crossed, student


def by_loops(d):
    """(D, Var D, share of the seeds in it) as the docstring has them."""
    S, n = d.shape
    D = d.mean()
    M_S = n * sum((d[s].mean() - D) ** 2 for s in range(S)) / (S - 1)
    M_I = S * sum((d[:, i].mean() - D) ** 2 for i in range(n)) / (n - 1)
    M_R = sum((d[s, i] - d[s].mean() - d[:, i].mean() + D) ** 2 for s in range(S) for i in range(n)) / ((S - 1) * (n - 1))
    M = max(M_I - M_R, 0)
    return D, (M_S + M) / (S * n), M_S / (M_S + M)


@pytest.mark.parametrize(
    ("seeds", "items", "of_seeds", "of_items"), [(3, 40, 1, 1), (2, 7, 0.1, 3), (5, 300, 2, 0), (4, 9, 0, 0)]
)
def test_the_sums_are_those_of_the_formula(seeds, items, of_seeds, of_items):
    rng = np.random.default_rng([seeds, items])
    d = 0.3 + of_seeds * rng.normal(size=(seeds, 1)) + of_items * rng.normal(size=(1, items)) + rng.normal(size=(seeds, items))
    mean, variance, share = by_loops(d)
    found = crossed.spread(d)
    assert found.mean == pytest.approx(mean, rel=1e-12)
    assert found.error == pytest.approx(np.sqrt(variance), rel=1e-9)
    low, high = found.interval(0.01)
    quantile = share * student.quantile(0.01, seeds - 1) + (1 - share) * student.quantile(0.01, items - 1)
    assert (high - low) / 2 == pytest.approx(found.error * quantile, rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5, 3.0, 1e6])
def test_the_p_value_is_the_level_whose_interval_ends_in_0(shift):
    rng = np.random.default_rng(8)
    for of_seeds in (0, 0.1, 3):
        found = crossed.spread(shift + of_seeds * rng.normal(size=(3, 1)) + rng.normal(size=(1, 50)) + rng.normal(size=(3, 50)))
        assert found.p_value > 0
        nearest = min(map(abs, found.interval(found.p_value)))
        assert nearest == pytest.approx(0, abs=1e-6 * abs(found.mean))


def test_one_seed_is_a_paired_t_test():
    stats = pytest.importorskip("scipy.stats")
    a, b = np.random.default_rng(1).normal([[0.4], [0.0]], size=(2, 25))
    found, theirs = crossed.spread((a - b)[None]), stats.ttest_rel(a, b)
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-7)
    assert found.interval() == pytest.approx(tuple(theirs.confidence_interval(0.95)), rel=1e-6)


def test_one_item_is_a_paired_t_test_over_seeds():
    stats = pytest.importorskip("scipy.stats")
    d = np.random.default_rng(2).normal(0.5, 1, size=(6, 1))
    assert crossed.spread(d).p_value == pytest.approx(stats.ttest_1samp(d[:, 0], 0).pvalue, rel=1e-7)


def test_shares_have_the_ratio_for_their_mean():
    rng = np.random.default_rng(3)
    above, below = rng.uniform(1, 9, (2, 3, 50))
    z = crossed.shares(above, below)
    assert z.mean(1) == pytest.approx(above.sum(1) / below.sum(1), rel=1e-12)
    # Leaving an item out changes the ratio by about its share: the jackknife.
    without = (above.sum(1)[:, None] - above) / (below.sum(1)[:, None] - below)
    jackknife = (above.sum(1) / below.sum(1))[:, None] - without
    assert np.allclose((z - z.mean(1, keepdims=True)) / 50, jackknife, atol=0.05 * np.abs(jackknife).max())


def test_weights_of_nothing_are_refused():
    with pytest.raises(ValueError, match="more than 0"):
        crossed.shares(np.ones((2, 3)), np.zeros((2, 3)))


# Spread of seeds, of items and of what is left: seeds alone, items alone, both, neither.
@pytest.mark.parametrize("spreads", [(1, 0, 0.3), (0, 1, 0.3), (0.1, 1, 1), (0.3, 3, 1), (0, 0, 1)])
@pytest.mark.parametrize(("seeds", "items"), [(1, 40), (2, 60), (3, 30), (3, 200), (5, 25)])
def test_nominal_95_percent_intervals_hold_the_truth(seeds, items, spreads):
    """In at least 90 % of simulated studies; with one seed of the truth for that seed, which is all that they claim."""
    of_seed, of_item, rest = spreads
    rng = np.random.default_rng([seeds, items, int(10 * of_seed), int(10 * of_item)])
    held, studies = 0, 1000
    for _ in range(studies):
        seed_effects = of_seed * rng.normal(size=(seeds, 1)) if seeds > 1 else np.zeros((1, 1))
        d = 0.7 + seed_effects + of_item * (rng.exponential(size=(1, items)) - 1) + rest * rng.normal(size=(seeds, items))
        low, high = crossed.spread(d).interval()
        held += low <= 0.7 <= high
    assert held / studies >= 0.90


@pytest.mark.parametrize(("seeds", "items"), [(2, 10), (2, 20), (2, 100), (3, 20)])
def test_shares_of_right_answers_that_do_not_differ_are_seldom_told_apart(seeds, items):
    """Answers are right or wrong, so the means of two seeds are often the very same, which is no certainty."""
    rng = np.random.default_rng([seeds, items])
    wrong, alike, studies = 0, 0, 1000
    for _ in range(studies):
        d = (rng.random((seeds, items)) < 0.5).astype(float) - (rng.random((seeds, items)) < 0.5)
        found = crossed.spread(d)
        same = len(set(d.sum(1))) == 1 and d.mean() != 0
        alike += same
        wrong += found.p_value < 0.05
        assert not (same and found.p_value == 0)
    assert alike > 0
    assert wrong / studies <= 0.07


def test_seeds_of_the_very_same_mean_have_what_is_left_for_their_spread():
    d = np.array([[1.0, 0, 0, 0, 1, 0], [0, 1, 0, 1, 0, 0]])
    left = ((d - d.mean(0) - d.mean(1, keepdims=True) + d.mean()) ** 2).sum() / 5
    found = crossed.spread(d)
    assert found.mean == pytest.approx(1 / 3)
    assert found.error == pytest.approx(np.sqrt(left / 12))


@pytest.mark.parametrize(("seeds", "worst"), [(2, 2.5), (3, 1.5), (5, 1.5)])
@pytest.mark.parametrize("spreads", [(0.14, 0.7, 0.7), (0, 0, 1), (0.3, 3, 1)])
def test_intervals_far_out_hold_the_truth(seeds, worst, spreads):
    """At the levels where Holm's procedure asks, too, they are wrong about as often as they say."""
    of_seed, of_item, rest = spreads
    rng = np.random.default_rng([seeds, int(100 * of_seed)])
    level, studies, missed = 0.0025, 4000, 0
    for _ in range(studies):
        d = of_seed * rng.normal(size=(seeds, 1)) + of_item * rng.normal(size=(1, 60)) + rest * rng.normal(size=(seeds, 60))
        low, high = crossed.spread(d).interval(level)
        missed += not low <= 0 <= high
    assert missed / studies <= worst * level + 2 * np.sqrt(level / studies)


def test_intervals_of_ratios_hold_the_truth():
    """Documents of unlike lengths, longer ones easier: the figure is a ratio of sums, and its truth that of all documents."""
    rng = np.random.default_rng(5)
    rate = lambda length: 2 - 0.1 * np.log(length)  # noqa: E731
    many = rng.lognormal(6, 1, 2_000_000)
    truth = (many * rate(many)).sum() / many.sum()
    held, studies = 0, 1000
    for _ in range(studies):
        length = rng.lognormal(6, 1, 60)
        above = length * (rate(length) + 0.2 * rng.normal(size=60) + 0.05 * rng.normal(size=(3, 1)))
        low, high = crossed.spread(crossed.shares(above, np.broadcast_to(length, (3, 60)))).interval()
        held += low <= truth <= high
    assert held / studies >= 0.90


def test_values_without_spread():
    tie = crossed.spread(np.zeros((1, 30)))
    assert (tie.interval(), tie.p_value) == ((0, 0), 1)
    certain = crossed.spread(np.ones((1, 30)))
    assert (certain.interval(), certain.p_value) == ((1, 1), 0)
    few = crossed.spread(np.ones((1, 5)))
    assert (few.interval(), few.p_value) == (None, None)
    one = crossed.spread(np.array([[0.3]]))
    assert (one.mean, one.interval()) == (0.3, None)


def test_holm_by_hand():
    # Sorted: 0.01 < 0.05/4, 0.015 < 0.05/3, 0.03 ≥ 0.05/2: the procedure ends there.
    found = crossed.holm([0.03, 0.01, 0.04, 0.015])
    assert [rejected for rejected, _ in found] == [False, True, False, True]
    assert [level for _, level in found] == pytest.approx([0.025, 0.0125, 0.025, 0.05 / 3])
    # Of three others, of which the best was chosen: 0.05 ÷ 6, 0.05 ÷ 3, 0.05 ÷ 1.
    chosen = crossed.holm([0.04, 0.001, 0.01], of_pairs=True)
    assert [rejected for rejected, _ in chosen] == [True, True, True]
    assert [level for _, level in chosen] == pytest.approx([0.05, 0.05 / 6, 0.05 / 3])
    assert crossed.holm([0.009, 0.02, 0.03], of_pairs=True)[0] == (False, pytest.approx(0.05 / 6))
    assert crossed.holm([]) == []
    assert crossed.holm([0.049]) == [(True, 0.05)]


def test_an_interval_at_holms_level_excludes_0_where_holm_rejects():
    rng = np.random.default_rng(7)
    for _ in range(100):
        spreads = [crossed.spread(rng.normal(shift, 1, (3, 20))) for shift in rng.normal(0, 0.6, 4)]
        decided = crossed.holm([one.p_value for one in spreads])
        for one, (rejected, level) in zip(spreads, decided, strict=True):
            low, high = one.interval(level)
            assert rejected == (low > 0 or high < 0)
