"""The family of metrics: a spec builds a meter, a meter takes observations and gives a value with its interval.

Meters of parts of the data (batches, processes, shards) merge to the meter of the whole.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from telos.evaluate.likelihood import Interval, Likelihood
from telos.foundation.spec import Spec


@dataclass(frozen=True, slots=True)
class Value:
    """A number that can be compared.  ``n``: how many units it stands on.  ``interval``: 95 %, None where it is undefined."""

    value: float
    unit: str
    n: int
    interval: Interval | None
    higher_is_better: bool


class Meter(ABC):
    """The state of a metric."""

    @abstractmethod
    def update(self, observed: Any) -> None:
        """Take one more part of the data; the metric's file says what it must be."""

    @abstractmethod
    def merge(self, other: Self) -> None:
        """Take what another meter of the same settings has seen."""

    @abstractmethod
    def compute(self) -> Value | None:
        """The value of all that was seen; None where it is undefined."""


class Metric(Spec, family="telos.evaluate.metrics", default="bits_per_byte"):
    """Settings of a metric.  ``seed``: of the resamples behind its interval."""

    seed: int = 1

    def build(self) -> Meter:
        """A meter that has seen nothing."""
        raise NotImplementedError


class LikelihoodMeter(Meter):
    """Joins `Likelihood` units; a member says what it reads off them."""

    def __init__(self) -> None:
        self.parts: list[Likelihood] = []

    def update(self, observed: Likelihood) -> None:
        self.parts.append(observed)

    def merge(self, other: Self) -> None:
        self.parts += other.parts

    def joined(self) -> Likelihood:
        """All units seen, in order; characters only where every part has them."""
        nats, size, tokens = (
            np.concatenate([np.zeros(0), *(getattr(p, n) for p in self.parts)]) for n in ("nats", "bytes", "tokens")
        )
        counted = [p.characters for p in self.parts if p.characters is not None]
        characters = np.concatenate(counted) if counted and len(counted) == len(self.parts) else None
        return Likelihood(nats, size, tokens, characters)
