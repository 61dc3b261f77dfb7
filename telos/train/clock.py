"""How much of the budget is used: one clock for budgets in time, steps, tokens and epochs.

A budget in time counts from process start and includes everything.  What goes by before training (imports, corpus, compilation)
is overhead; ``reserve_seconds`` are kept for what comes after it (evaluation, report).  Training has the rest,

    available = budget − reserve − overhead,

and at every moment the fraction that is done grows by its share of what is left,

    d fraction = (1 − fraction) · dt ÷ (available − trained),

which is trained ÷ available while the reserve stands still.  So a schedule always comes to its end, and never goes back where the
reserve changes.  Both parts of time add up over resumes.  Tests: tests/train/test_clock.py.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from telos.foundation.errors import TelosError
from telos.foundation.machine import process_started
from telos.foundation.units import Duration, format_seconds
from telos.optim.schedules import Progress

RECENT_STEPS = 16
"""How many of the last steps the expected time of the next is the mean of."""


class Counted(Protocol):
    """What the clock asks of batches: tokens and epochs drawn before a step."""

    def tokens_at(self, step: int) -> int: ...

    def epoch_at(self, step: int) -> float: ...


class Clock:
    """Progress through ``budget``, which counts from ``started`` (as `time.time` gives it; None: the start of the process).
    ``reserve_seconds`` may change while training runs.  ``now``: a clock that no one sets back.
    ``closing_seconds``: what saving the last checkpoint will take, kept as the reserve is; the loop sets it.  ``waiting``: how
    much of so many seconds that are left to keep for what is waited for after the training; asked by `look_ahead`."""

    def __init__(
        self,
        budget: Duration,
        started: float | None = None,
        *,
        reserve_seconds: float = 0.0,
        now: Callable[[], float] = time.monotonic,
    ):
        assert budget.unit != "fraction", budget
        self.budget, self.reserve_seconds, self.now = budget, reserve_seconds, now
        self.closing_seconds = self.waiting_seconds = 0.0
        self.waiting: Callable[[float], float] | None = None
        self._started = now() - (time.time() - (process_started() if started is None else started))
        self._begun: float | None = None
        self._carried_overhead = self._carried_trained = 0.0
        self._recent: deque[float] = deque(maxlen=RECENT_STEPS)
        self._fraction, self._fraction_at = 0.0, 0.0  # of a budget in time; the second: after how much training
        self._furthest_middle = 0.0

    # -- the two parts of time --------------------------------------------------------------------------------------

    def resume(self, state: dict[str, float]) -> None:
        """Add what earlier processes used, and keep as much for the end as they did; ``state`` is from `state`, at their last
        checkpoint."""
        self._carried_overhead, self._carried_trained = state["overhead_seconds"], state["trained_seconds"]
        self.reserve_seconds = max(self.reserve_seconds, state.get("reserve_seconds", 0.0))
        if "fraction" in state:
            self._fraction, self._fraction_at = state["fraction"], state["trained_seconds"]

    def begin(self) -> None:
        """Training starts now: overhead stands still from here on, and trained time runs."""
        self._begun = self.now()

    def state(self) -> dict[str, float]:
        trained = self.trained_seconds
        told = {"overhead_seconds": self.overhead_seconds, "trained_seconds": trained,
                "reserve_seconds": self.reserve_seconds + self.waiting_seconds}  # fmt: skip
        return told if self.available_seconds is None else told | {"fraction": self._advance(trained)}

    @property
    def overhead_seconds(self) -> float:
        return self._carried_overhead + (self.now() if self._begun is None else self._begun) - self._started

    @property
    def trained_seconds(self) -> float:
        return self._carried_trained + (0.0 if self._begun is None else self.now() - self._begun)

    @property
    def available_seconds(self) -> float | None:
        """Time that training has in all; None where the budget is not a time."""
        if self.budget.unit != "seconds":
            return None
        kept = self.reserve_seconds + self.waiting_seconds + self.closing_seconds
        return self.budget.value - kept - self.overhead_seconds

    def look_ahead(self) -> None:
        """Keep as much time for waiting as it now seems to need."""
        if self.waiting is not None and self.available_seconds is not None:
            self.waiting_seconds = 0.0
            self.waiting_seconds = self.waiting(self.available_seconds - self.trained_seconds)

    # -- steps ------------------------------------------------------------------------------------------------------

    def step_took(self, seconds: float) -> None:
        self._recent.append(seconds)

    @property
    def step_seconds(self) -> float:
        """Expected time of the next step: the mean of the last ones; 0 before the first."""
        return sum(self._recent) / len(self._recent) if self._recent else 0.0

    def total_steps(self, batches: Counted) -> int | None:
        """Steps of the whole budget: the fewest that draw as many tokens or epochs; None for a budget in time."""
        if self.budget.unit == "seconds":
            return None
        if self.budget.unit == "steps":
            return max(1, round(self.budget.value))
        drawn = batches.tokens_at if self.budget.unit == "tokens" else batches.epoch_at
        high = 1
        while drawn(high) < self.budget.value:
            high *= 2
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if drawn(middle) < self.budget.value else (low, middle)
        return high

    def progress(self, step: int, batches: Counted, *, middle: bool = False) -> Progress:
        """Progress after ``step`` completed updates, or in the middle of the next one."""
        tokens, epochs, seconds = float(batches.tokens_at(step)), batches.epoch_at(step), self.trained_seconds
        done = float(step)
        if middle:
            tokens, epochs = (tokens + batches.tokens_at(step + 1)) / 2, (epochs + batches.epoch_at(step + 1)) / 2
            done = step + 0.5
        total = self.total_steps(batches)
        if total is None:
            fraction = self._advance(seconds)
            if middle:
                seconds += self.step_seconds / 2
                fraction = self._furthest_middle = max(self._furthest_middle, self._at(seconds))
        else:
            fraction = done / total
            seconds += self.step_seconds / 2 if middle else 0.0
        return Progress(done, tokens, epochs, seconds, min(1.0, max(0.0, fraction)))

    def _at(self, trained: float) -> float:
        """Fraction of a budget in time after so much training, from where it stood last."""
        available = self.available_seconds
        assert available is not None
        left = available - self._fraction_at
        return self._fraction + (1 - self._fraction) * min(1.0, max(0.0, trained - self._fraction_at) / left) if left > 0 else 1.0

    def _advance(self, trained: float) -> float:
        self._fraction, self._fraction_at = self._at(trained), max(self._fraction_at, trained)
        return self._fraction

    def over(self, step: int, batches: Counted) -> bool:
        """Whether no further step is to start.  In time, a step starts if at least half of it fits."""
        available = self.available_seconds
        if available is not None:
            return self.trained_seconds + self.step_seconds / 2 >= available
        total = self.total_steps(batches)
        assert total is not None
        return step >= total

    def require_a_step(self, least_seconds: float) -> None:
        """`TelosError` where the time left for training is less than a step can possibly take."""
        available = self.available_seconds
        if available is not None and available <= least_seconds:
            spent, kept = format_seconds(self.overhead_seconds), format_seconds(self.reserve_seconds + self.waiting_seconds)
            step = f", a step takes at least {format_seconds(least_seconds)}" if least_seconds >= 0.1 else ""
            least = self.overhead_seconds + self.reserve_seconds + self.waiting_seconds + 20 * least_seconds + 1
            raise TelosError(
                f"a budget must have time for a training step: {self.budget}",
                f"{spent} gone before the first step, {kept} kept for what follows{step}",
                f"give a budget of at least {format_seconds(least)}, or fewer documents or a smaller model",
            )
