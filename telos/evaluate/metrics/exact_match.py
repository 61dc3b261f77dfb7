"""Exact match: the share of answers that are the reference, character by character.

    p = matches ÷ n,   interval: those p₀ that a normal test at 5 % does not refuse

Takes (answers, references), lists of texts; an answer of None was not finished, and matches nothing.  The interval is Wilson's
(1927, "Probable Inference, the Law of Succession, and Statistical Inference"), which holds its 95 % also near 0 and 1.
Tests: tests/evaluate/metrics/test_exact_match.py (SciPy's interval).
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

from telos.evaluate.likelihood import Interval
from telos.evaluate.metrics import Meter, Metric, Value


class ExactMatch(Metric):
    """``ignore_spaces``: runs of white space count as one space, and those around a text not at all."""

    ignore_spaces: bool = False

    def build(self) -> "ExactMatchMeter":
        return ExactMatchMeter(self)


class ExactMatchMeter(Meter):
    """Answers seen so far, and how many of them match."""

    def __init__(self, spec: ExactMatch):
        self.spec = spec
        self.matches = self.seen = 0

    def update(self, observed: tuple[Sequence[str | None], Sequence[str]]) -> None:
        for answer, reference in zip(*observed, strict=True):
            self.matches += answer is not None and self._plain(answer) == self._plain(reference)
            self.seen += 1

    def merge(self, other: "ExactMatchMeter") -> None:
        self.matches += other.matches
        self.seen += other.seen

    def compute(self) -> Value | None:
        if not self.seen:
            return None
        interval = wilson(self.matches, self.seen)
        return Value(self.matches / self.seen, "fraction", self.seen, interval, higher_is_better=True)

    def _plain(self, text: str) -> str:
        return " ".join(text.split()) if self.spec.ignore_spaces else text


def wilson(hits: int, n: int) -> Interval:
    """(p + z²/2n ∓ z √(p(1−p)/n + z²/4n²)) ÷ (1 + z²/n), z the 97.5 % quantile of the normal distribution."""
    z, p = NormalDist().inv_cdf(0.975), hits / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n))
