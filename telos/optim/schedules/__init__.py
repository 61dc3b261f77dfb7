"""The family of schedules: the learning rate as a pure function of progress."""

import math
from dataclasses import dataclass
from typing import Any

from telos.foundation.spec import Spec
from telos.foundation.units import Duration


@dataclass(frozen=True, slots=True)
class Progress:
    """How far training is, in every unit: updates, tokens, epochs, seconds of training, and fraction (0–1) of the budget.

    A schedule is asked at the middle of the update about to be made (``steps`` is then k + ½), so that neither the first
    update nor the last has the learning rate 0 of the schedule's ends.
    """

    steps: float
    tokens: float
    epochs: float
    seconds: float
    fraction: float

    def of(self, duration: Duration) -> float:
        """Progress in the unit of ``duration``."""
        return getattr(self, duration.unit)

    def left(self, duration: Duration) -> float:
        """What is left of the budget in the unit of ``duration``, at the rate so far (exact where the budget has that unit).
        Before any progress: infinite."""
        if duration.unit == "fraction":
            return max(0.0, 1 - self.fraction)
        return max(0.0, self.of(duration) * (1 / self.fraction - 1)) if self.fraction else math.inf

    def crossed(self, every: Duration, before: "Progress") -> bool:
        """Whether a multiple of ``every`` lies in (before, self]."""
        if every.value <= 0:
            return False
        # Sums of fractions such as 10 × 0.1 fall short of their multiple by rounding.
        slack = 1e-9
        return math.floor(self.of(every) / every.value + slack) > math.floor(before.of(every) / every.value + slack)


class Schedule(Spec, family="telos.optim.schedules", default="warmup_stable_decay"):
    """Settings of a schedule, and its behaviour."""

    def scale(self, progress: Progress) -> float:
        """Factor on every learning rate, 0–1."""
        raise NotImplementedError


def ramp(done: float, length: float) -> float:
    """done / length within 0–1; 1 where ``length`` is 0."""
    return min(1.0, max(0.0, done / length)) if length > 0 else 1.0


def refuse_more_than_the_budget(**shares: Duration) -> None:
    """`ValueError` where durations given as shares are together more than the whole."""
    fractions: dict[str, Any] = {name: d for name, d in shares.items() if d.unit == "fraction"}
    if sum(d.value for d in fractions.values()) > 1 + 1e-9:
        raise ValueError(f"{' and '.join(f'{name} ({d})' for name, d in fractions.items())} must be 100% or less together")
