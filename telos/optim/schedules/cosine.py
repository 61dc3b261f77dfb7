"""Warm-up, then half a cosine down to the end of the budget.

    scale = t / warmup, then final + (1 − final) · ½ (1 + cos π x),   x = time since warm-up ÷ time from warm-up to the end

Loshchilov and Hutter 2017 (arXiv:1608.03983, equation 5, one cycle).  Tests: tests/optim/schedules/test_schedules.py.
"""

import math

from pydantic import Field

from telos.foundation.units import Duration
from telos.optim.schedules import Progress, Schedule


class Cosine(Schedule):
    """Linear warm-up, then a cosine to ``final`` at the end of the budget."""

    warmup: Duration = Duration(0.02, "fraction")
    final: float = Field(0.1, ge=0, le=1)

    def scale(self, progress: Progress) -> float:
        done, warmup = progress.of(self.warmup), self.warmup.value
        if done < warmup:
            return done / warmup
        whole = done - warmup + progress.left(self.warmup)
        x = (done - warmup) / whole if 0 < whole < math.inf else float(whole == 0)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * x))
