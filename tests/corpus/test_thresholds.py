"""Thresholds: which documents fail, for which reason first, and what is said of them."""

import numpy as np

from telos.corpus.thresholds import Threshold, judge_by, share


def test_the_first_reason_in_the_rules_order():
    short, long = np.array([1, 5, 9, 1]), np.array([0.5, 0.25, 0.75, 1.0])
    verdict = judge_by(
        [Threshold("much", long, most=0.5), Threshold("short", short, least=2), Threshold("much", short, most=8)],
        np.array([True, True, True, False]),
        ("short", "much"),
    )
    assert verdict.reasons.tolist() == [1, 0, 2, 0]
    assert verdict.details == {0: "1, must be at least 2", 2: "0.75, must be at most 0.5"}


def test_a_share_of_nothing_is_nothing():
    assert share(np.array([1, 0]), np.array([4, 0])).tolist() == [0.25, 0.0]
