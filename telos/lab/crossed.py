"""How far two recipes lie apart on one yardstick, when the seeds are a sample and so are the items.

A run with seed s has the figure R_s = Σ_i a_si ÷ Σ_i b_si over the items (documents, pairs of sentences …) that every run was
measured on.  Each item's share in it (the ratio's first-order term; Efron & Tibshirani 1993, section 11) is

    z_si = R_s + (a_si − R_s b_si) ÷ mean_i b_si,      so that mean_i z_si = R_s

and a difference is d_si = z_si of one recipe − z_si of the other: paired over items, and over seeds, which draw the same texts in
the same order.  With S seeds and n items, both random and crossed (d_si = δ + seed_s + item_i + rest_si), the mean D estimates δ,

    Var D = (M_S + max(M_I − M_R, 0)) ÷ (S n)
    M_S = n Σ_s (d_s· − D)² ÷ (S − 1)      M_I = S Σ_i (d_·i − D)² ÷ (n − 1)
    M_R = Σ_si (d_si − d_s· − d_·i + D)² ÷ ((S − 1)(n − 1))

as in studies of several readers and several cases (Dorfman, Berbaum & Metz 1992), and (D − δ) ÷ √Var D is Student's with

    ν = (M_S + M)² ÷ (M_S² ÷ (S − 1) + M² ÷ (n − 1)),   M = max(M_I − M_R, 0)

degrees of freedom: those of Hillis 2007 ("A comparison of denominator degrees of freedom methods for multiple observer ROC
analysis", Statistics in Medicine 26: 596–619), which are as many as (S − 1) times the square of 1 + M ÷ M_S, and by the second
term never more than Satterthwaite 1946 gives the items.  Figures that count items often have the very same mean with every
seed, by chance; M_S = 0 would then say that seeds never differ, and M_R, which M_S is on average where seeds have no effect of
their own, stands for it.  With one seed, Var D = M_I ÷ n with n − 1 degrees: what another seed
would have given is then not in the interval.  With one item, only the seeds are.

Several differences are corrected by Holm 1979 ("A simple sequentially rejective multiple test procedure"); each interval has the
level at which Holm's procedure tests it, so that it excludes 0 exactly where the procedure rejects.

Tests: tests/lab/test_crossed.py (the sums by loops, SciPy where there is one seed, coverage on simulated seeds and items).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from telos.evaluate.likelihood import Interval
from telos.lab import student

ALPHA = 0.05
FEW_ITEMS = 6
"""Without any spread, of fewer than this even a true tie leans to one side by chance more often than an error of 5 % allows."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A mean over seeds and items.  ``error``: its standard error, None where nothing tells it; ``freedom``: ν."""

    mean: float
    error: float | None
    freedom: float

    def interval(self, level: float = ALPHA) -> Interval | None:
        """Holds the true value in 1 − ``level`` of all studies."""
        if self.error is None:
            return None
        half = self.error * student.quantile(level, self.freedom) if self.error > 0 else 0.0
        return self.mean - half, self.mean + half

    @property
    def p_value(self) -> float | None:
        """Of the hypothesis that the true value is 0, two-sided."""
        if self.error is None:
            return None
        if self.error == 0:
            return 1.0 if self.mean == 0 else 0.0
        return student.p_value(self.mean / self.error, self.freedom)


def shares(above_SN: np.ndarray, below_SN: np.ndarray) -> np.ndarray:
    """z of the formula above, (seeds, items), from the sums and weights of each item; `ValueError` where weights sum to 0."""
    below = np.asarray(below_SN, np.float64)
    means = below.mean(1, keepdims=True)
    if not (means > 0).all():
        raise ValueError("the weights of a figure must sum to more than 0")
    ratios = np.asarray(above_SN, np.float64).sum(1, keepdims=True) / below.sum(1, keepdims=True)
    return ratios + (above_SN - ratios * below) / means


def spread(values_SN: np.ndarray) -> Spread:
    """The mean of values (seeds, items) that are all finite, and how far it may lie from the truth."""
    seeds, items = values_SN.shape
    mean = float(values_SN.mean())
    of_seeds, of_items = values_SN.mean(1), values_SN.mean(0)
    rounding = (1e-12 * (1 + abs(mean))) ** 2 * seeds * items
    from_seeds = items * float(((of_seeds - mean) ** 2).sum()) / (seeds - 1) if seeds > 1 else 0.0
    from_items = seeds * float(((of_items - mean) ** 2).sum()) / (items - 1) if items > 1 else 0.0
    if seeds > 1 and items > 1:
        rest = values_SN - of_seeds[:, None] - of_items[None] + mean
        left = float((rest**2).sum()) / ((seeds - 1) * (items - 1))
        from_items = max(0.0, from_items - left)
        from_seeds = left if from_seeds <= rounding else from_seeds
    if seeds * items < 2:
        return Spread(mean, None, 0.0)
    total = from_seeds + from_items
    if total <= rounding:  # all alike
        few = abs(mean) > 0 and seeds * items < FEW_ITEMS
        return Spread(mean, None if few else 0.0, math.inf)
    below = (from_seeds**2 / (seeds - 1) if seeds > 1 else 0.0) + (from_items**2 / (items - 1) if items > 1 else 0.0)
    return Spread(mean, math.sqrt(total / (seeds * items)), total**2 / below)


def holm(p_values: Sequence[float], alpha: float = ALPHA) -> list[tuple[bool, float]]:
    """(whether it is rejected, level of its interval) of each hypothesis.

    The smallest p is held against α ÷ m, the next against α ÷ (m − 1) and so on up to the first that is not below; that one's
    level is also the level of all after it.
    """
    found: list[tuple[bool, float]] = [(False, alpha)] * len(p_values)
    going = True
    level = alpha
    for place, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if going:
            level = alpha / (len(p_values) - place)
            going = p_values[i] < level
        found[i] = (going, level)
    return found
