"""Likelihoods by unit, their ratios and intervals."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.evaluate.likelihood import (
    Likelihood,
    bootstrap,
    document_bytes,
    paired_difference,
    student,
    unit_edges,
)

LN2 = math.log(2)


def likelihood(bits: list[float], size: list[int]) -> Likelihood:
    return Likelihood(np.array(bits) * LN2, np.array(size, float), np.array(size, float) / 4)


def test_values_of_a_text_that_is_counted_by_hand():
    # Two documents, 明月 (6 bytes) and ab (2 bytes), each with its end: tokens 明月 | end | a | b | end.
    nll, size = np.array([4.0, 1.0, 2.0, 0.5, 0.5]), np.array([6, 0, 1, 1, 0])
    edges = unit_edges(document_bytes(size, size == 0), few=2)
    found = Likelihood.of(nll, size, edges, characters=np.array([2, 0, 1, 1, 0]))
    assert edges.tolist() == [0, 6, 8]
    assert found.nats.tolist() == [5, 3]
    assert found.bytes.tolist() == [6, 2]
    assert found.tokens.tolist() == [2, 3]
    assert found.bits_per_byte == pytest.approx(8 / LN2 / 8)
    assert found.nats_per_token == pytest.approx(8 / 5)
    assert found.perplexity == pytest.approx(math.exp(8 / 5))
    assert found.nats_per_character == pytest.approx(8 / 4)


def test_a_token_of_probability_zero_makes_its_units_infinite_and_no_others():
    """And what is infinite is left out of figures and intervals: JSON has no number for it."""
    nll = np.array([4.0, math.inf, 2.0, 0.5, math.inf])
    found = Likelihood.of(nll, np.array([3, 3, 2, 2, 0]), np.array([0, 4, 6, 10]))
    assert found.nats.tolist() == [math.inf, math.inf, math.inf]
    found = Likelihood.of(nll[:4], np.array([3, 3, 2, 2]), np.array([0, 3, 6, 8, 10]), characters=np.ones(4))
    assert found.nats.tolist() == [4, math.inf, 2, 0.5]
    assert found.impossible_tokens == 1
    assert found.impossible == "The bits per byte are infinite: the model gives probability 0 to 1 of 4 tokens of the text."
    for value in (found.bits_per_byte, found.nats_per_token, found.perplexity, found.nats_per_character,
                  found.bits_per_byte_interval(), found.perplexity_interval(), paired_difference(found, found)):  # fmt: skip
        assert value is None
    possible = Likelihood.of(np.ones(4), np.array([3, 3, 2, 2]), np.array([0, 3, 6, 8, 10]))
    assert (possible.impossible_tokens, possible.impossible) == (0, None)
    assert paired_difference(possible, found) is None
    assert likelihood([1e6, 2e6], [1, 1]).perplexity is None


def test_units_are_documents_or_blocks_of_about_two_kilobytes():
    assert unit_edges(np.full(20, 100)).tolist() == list(range(0, 2001, 100))
    assert unit_edges(np.array([5, 0, 5, 0] * 5)).tolist() == list(range(0, 51, 5))
    edges = unit_edges(np.array([100, 5000, 9000]))
    assert {100, 5100, 14100} <= set(edges.tolist())
    assert np.diff(edges).tolist() == [100, 2500, 2500, 2250, 2250, 2250, 2250]
    assert unit_edges(np.array([], int)).tolist() == [0]


def test_a_token_across_the_edge_of_a_block_is_shared_by_its_bytes():
    found = Likelihood.of(np.array([3.0, 4.0, 5.0]), np.array([3, 4, 0]), np.array([0, 4, 7]))
    assert found.nats.tolist() == [4.0, 8.0]
    assert found.tokens.tolist() == [1.25, 1.75]


@given(st.lists(st.lists(st.integers(1, 900), max_size=30), min_size=1, max_size=30), st.integers(0, 99))
def test_any_cut_into_tokens_has_the_same_units_and_keeps_every_nat(documents: list[list[int]], seed: int):
    size = np.array([b for d in documents for b in [*d, 0]])
    one_by_one = np.array([b for d in documents for b in [*([1] * sum(d)), 0]])
    edges = unit_edges(document_bytes(size, size == 0))
    np.testing.assert_array_equal(edges, unit_edges(document_bytes(one_by_one, one_by_one == 0)))
    nll = np.random.default_rng(seed).exponential(1, len(size))
    found = Likelihood.of(nll, size, edges)
    if edges[-1]:
        assert found.nats.sum() == pytest.approx(nll.sum())
        assert found.tokens.sum() == pytest.approx(len(size))
    np.testing.assert_array_equal(found.bytes, Likelihood.of(np.ones(len(one_by_one)), one_by_one, edges).bytes)


def test_a_stream_that_stops_inside_a_document():
    size = np.array([2, 0, 3, 1])
    assert document_bytes(size, np.array([False, True, False, False])).tolist() == [2, 4]
    assert document_bytes(np.array([], int), np.array([], bool)).tolist() == []


def test_undefined_values_are_left_out():
    nothing = Likelihood.of(np.zeros(0), np.zeros(0, int), np.array([0]))
    assert nothing.bits_per_byte is None
    assert nothing.nats_per_token is None
    assert nothing.perplexity is None
    assert nothing.nats_per_character is None
    assert nothing.bits_per_byte_interval() is None
    assert nothing.perplexity_interval() is None
    assert paired_difference(nothing, nothing) is None
    one = likelihood([8.0], [4])
    assert one.bits_per_byte == 2
    assert one.bits_per_byte_interval() is None


def test_each_value_has_its_own_interval():
    rng = np.random.default_rng(6)
    size = rng.integers(50, 500, 30).astype(float)
    found = Likelihood(size * rng.normal(1.4, 0.2, 30), size, size / 4, size / 3)
    low, high = found.perplexity_interval()
    assert low == pytest.approx(math.exp(found.nats_per_token_interval()[0]))
    assert low < found.perplexity < high
    assert found.nats_per_character_interval() == pytest.approx(tuple(3 * LN2 * x for x in found.bits_per_byte_interval()))


def test_the_interval_is_that_of_a_plain_bootstrap_read_further_out():
    """By loops over Python's own draws.  6 units: √(6/5) · 2.5706 = 2.8159, of which the normal share is 0.243 %."""
    rng = np.random.default_rng(5)
    draws = random.Random(1)
    for units, share in ((6, 0.002432), (80, 0.022588)):
        size = rng.integers(50, 500, units).astype(float)
        bits = size * rng.normal(2, 0.3, units)
        ratios = []
        for _ in range(20_000):
            drawn = draws.choices(range(units), k=units)
            ratios.append(sum(bits[i] for i in drawn) / sum(size[i] for i in drawn))
        low, high = np.quantile(ratios, [share, 1 - share])
        assert bootstrap(bits, size, resamples=20_000) == pytest.approx((low, high), abs=0.05 * (high - low))


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (5, 2.5706), (7, 2.3646), (19, 2.0930), (99, 1.9842)],
)
def test_students_distribution_is_that_of_the_tables(freedom, quantile):
    assert student(freedom) == pytest.approx(quantile, abs=0.001)


@pytest.mark.parametrize("units", [2, 3, 5, 6, 10, 20, 60])
def test_the_interval_covers_the_truth_about_95_times_in_100(units):
    """Plain percentiles cover it 49 times for 2 units, 85 times for 6 and 88 times for 10."""
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(600):
        size = rng.integers(20, 200, units).astype(float)
        bits = size * rng.gamma(8, 0.25, units)  # expected ratio 2
        low, high = bootstrap(bits, size, resamples=1000)
        covered += low <= 2 <= high
    assert 0.90 <= covered / 600 <= 0.98


def test_the_interval_of_a_handful_of_units_is_students():
    """Of equal sizes it is the textbook's: mean 2, standard deviation 0.1, 3 units, t 4.3027."""
    low, high = bootstrap(np.array([1.9, 2.0, 2.1]), np.ones(3))
    assert (low, high) == pytest.approx((2 - 4.3027 * 0.1 / 3**0.5, 2 + 4.3027 * 0.1 / 3**0.5), abs=1e-4)
    assert likelihood([0.1, 2.0], [1, 1]).bits_per_byte_interval()[0] == 0, "no text needs fewer than no bits"
    low, high = paired_difference(likelihood([3, 9], [4, 4]), likelihood([2, 4], [4, 4])).interval
    assert low < 0 < high


def test_pairing_finds_a_difference_that_two_intervals_do_not():
    rng = np.random.default_rng(3)
    size = rng.integers(500, 3000, 200)
    hard = rng.normal(2, 0.5, 200)
    a = likelihood(list(size * hard), size.tolist())
    b = likelihood(list(size * (hard + rng.normal(0.02, 0.05, 200))), size.tolist())
    difference = paired_difference(a, b)
    assert difference.value == pytest.approx(a.bits_per_byte - b.bits_per_byte)
    low, high = difference.interval
    assert low < difference.value < high < 0
    assert a.bits_per_byte_interval()[1] > b.bits_per_byte
    assert paired_difference(a, a).interval == (0.0, 0.0)
    with pytest.raises(AssertionError, match="same units"):
        paired_difference(a, likelihood(list(size * hard), (size + 1).tolist()))


def test_intervals_depend_on_the_seed_alone():
    a = likelihood([10.0, 12.0, 9.0, 20.0, 11.0, 3.0, 15.0, 8.0], [5] * 8)
    state = np.random.get_state()[1].tolist()
    assert a.bits_per_byte_interval(seed=1) == a.bits_per_byte_interval(seed=1) != a.bits_per_byte_interval(seed=2)
    assert np.random.get_state()[1].tolist() == state


def test_very_many_units_keep_their_interval():
    rng = np.random.default_rng(4)
    size = rng.integers(20, 80, 45_000).astype(float)
    bits = size * rng.normal(2, 1, 45_000)
    low, high = bootstrap(bits, size, resamples=200)
    spread = (bits - bits.sum() / size.sum() * size).std() * np.sqrt(45_000) / size.sum()  # the linear approximation
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.2)
