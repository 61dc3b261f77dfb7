"""Warm-up, then a constant rate, then decay.

    scale = min(1, t / warmup, final + (1 − final) · shape(left / decay))

shape: x (linear), ½ − ½ cos πx (cosine) or 1 − √(1 − x) (sqrt).  Hu et al. 2024, "MiniCPM" (arXiv:2404.06395, section 4.2);
Hägele et al. 2024 (arXiv:2405.18392, section 3) for the square root.  Tests: tests/optim/schedules/test_schedules.py.
"""

import math
from typing import Literal

from pydantic import Field, model_validator

from telos.foundation.units import Duration
from telos.optim.schedules import Progress, Schedule, ramp, refuse_more_than_the_budget


class WarmupStableDecay(Schedule):
    """Linear warm-up, a plateau, and decay to ``final`` at the end of the budget.

    ``warmup`` and ``decay`` in steps, tokens, epochs, time or as a share of the budget; a budget in time is decayed to its
    end too, whatever the speed.
    """

    warmup: Duration = Duration(0.02, "fraction")
    decay: Duration = Duration(0.4, "fraction")
    final: float = Field(0.0, ge=0, le=1)
    shape: Literal["linear", "cosine", "sqrt"] = "linear"

    @model_validator(mode="after")
    def _fits(self) -> "WarmupStableDecay":
        refuse_more_than_the_budget(warmup=self.warmup, decay=self.decay)
        return self

    def scale(self, progress: Progress) -> float:
        warm = ramp(progress.of(self.warmup), self.warmup.value)
        left = ramp(progress.left(self.decay), self.decay.value)
        if self.shape == "cosine":
            left = 0.5 - 0.5 * math.cos(math.pi * left)
        elif self.shape == "sqrt":
            left = 1 - math.sqrt(1 - left)
        return min(warm, self.final + (1 - self.final) * left)
