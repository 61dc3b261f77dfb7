"""Rules of the form "this share must not be more, or less, than that": which documents fail which, and by how much.

Test: tests/corpus/test_thresholds.py.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from telos.corpus.filters import Verdict, first_reason


class Threshold(NamedTuple):
    """``values``: one a document.  It fails for ``reason`` where its value is below ``least`` or above ``most``."""

    reason: str
    values: np.ndarray
    least: float = -np.inf
    most: float = np.inf

    @property
    def fails(self) -> np.ndarray:
        return (self.values < self.least) | (self.values > self.most)

    def detail(self, row: int) -> str:
        value = self.values[row]
        bound = f"at least {self.least:g}" if value < self.least else f"at most {self.most:g}"
        return f"{value:.4g}, must be {bound}"


def judge_by(thresholds: Sequence[Threshold], judged: np.ndarray, reasons: Sequence[str]) -> Verdict:
    """Of documents that are ``judged`` (bool) drop those that fail, each for the first of ``reasons`` that holds."""
    failed = [np.zeros(len(judged), bool) for _ in reasons]
    for threshold in thresholds:
        failed[reasons.index(threshold.reason)] |= threshold.fails & judged
    verdict = Verdict(first_reason(*failed))
    for row in np.flatnonzero(verdict.reasons).tolist():
        reason = reasons[verdict.reasons[row] - 1]
        culprit = next(t for t in thresholds if t.reason == reason and t.fails[row])
        verdict.details[row] = culprit.detail(row)
    return verdict


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """float64: part ÷ whole, and 0 where there is no whole."""
    return part / np.maximum(whole, 1)
