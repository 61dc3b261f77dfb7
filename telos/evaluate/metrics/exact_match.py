"""Exact match: the share of answers that are the reference, character by character.

    p = matches ÷ n

Takes (answers, references), lists of texts; an answer of None was not finished, and matches nothing.  The interval is Wilson's
(`telos.evaluate.metrics.accuracy`).  Tests: tests/evaluate/metrics/test_exact_match.py.
"""

from collections.abc import Sequence

from telos.evaluate.metrics import Meter, Metric, Value
from telos.evaluate.metrics.accuracy import wilson


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
