"""Accuracy: the share of answers that are right, with Wilson's interval.

    p̂ = right ÷ n          (p̂ + z²/2n ± z √(p̂ (1 − p̂) / n + z² / 4n²)) ÷ (1 + z²/n),   z the 97.5 % quantile of the normal

Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference"; unlike p̂ ± z·SE it never leaves 0 to 1 and
holds near both ends and for few answers (Brown, Cai and DasGupta 2001, "Interval Estimation for a Binomial Proportion").
Takes arrays of truths.  Tests: tests/evaluate/metrics/test_accuracy.py (scipy's interval, scikit-learn's accuracy).
"""

from statistics import NormalDist

import numpy as np

from telos.evaluate.likelihood import Interval
from telos.evaluate.metrics import Meter, Metric, Value

_Z = NormalDist().inv_cdf(0.975)


def wilson(right: float, n: int) -> Interval | None:
    """95 % interval of a share of ``right`` in ``n``; None for none."""
    if n == 0:
        return None
    share = right / n
    middle, half = share + _Z**2 / (2 * n), _Z * (share * (1 - share) / n + _Z**2 / (4 * n**2)) ** 0.5
    scale = 1 + _Z**2 / n
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


class Accuracy(Metric):
    """``seed`` has no part in it: the interval is a formula."""

    def build(self) -> "AccuracyMeter":
        return AccuracyMeter(self)


class AccuracyMeter(Meter):
    """Answers seen so far: ``right`` of ``n``."""

    def __init__(self, spec: Accuracy):
        self.spec, self.right, self.n = spec, 0, 0

    def update(self, observed: np.ndarray) -> None:
        answers = np.asarray(observed, bool)
        self.right, self.n = self.right + int(answers.sum()), self.n + answers.size

    def merge(self, other: "AccuracyMeter") -> None:
        self.right, self.n = self.right + other.right, self.n + other.n

    def compute(self) -> Value | None:
        if self.n == 0:
            return None
        return Value(self.right / self.n, "share right", self.n, wilson(self.right, self.n), higher_is_better=True)
