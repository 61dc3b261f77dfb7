"""How far two recipes lie apart on one yardstick, when the seeds are a sample and so are the items.

A run with seed s has the figure R_s = Σ_i a_si ÷ Σ_i b_si over the items (documents, pairs of sentences …) that every run was
measured on.  Each item's share in it (the ratio's first-order term; Efron & Tibshirani 1993, section 11) is

    z_si = R_s + (a_si − R_s b_si) ÷ mean_i b_si,      so that mean_i z_si = R_s

and a difference is d_si = z_si of one recipe − z_si of the other: paired over items, and over seeds, which draw the same texts in
the same order.  With S seeds and n items, both random and crossed (d_si = δ + seed_s + item_i + rest_si), the mean D estimates δ,

    Var D = (M_S + max(M_I − M_R, 0)) ÷ (S n)
    M_S = n Σ_s (d_s· − D)² ÷ (S − 1)      M_I = S Σ_i (d_·i − D)² ÷ (n − 1)
    M_R = Σ_si (d_si − d_s· − d_·i + D)² ÷ ((S − 1)(n − 1))

as in studies of several readers and several cases (Dorfman, Berbaum & Metz 1992).  Both parts of it are estimates, the first of
S − 1 degrees of freedom, the second of n − 1; with M = max(M_I − M_R, 0) the interval of level α is D ± t' √Var D,

    t' = (M_S t_{S−1}(α) + M t_{n−1}(α)) ÷ (M_S + M)

Student's quantiles weighted by what their parts make of the variance (Cochran & Cox 1950, "Experimental Designs"); the p-value is
the α at which that interval ends in 0.  One number of degrees for both together (Satterthwaite 1946; Hillis 2007) is too sure of
two or three seeds: where M_S is small by chance it takes the items for all of the variance, and far out, where Holm's procedure
asks, it was wrong up to 15 times as often as it said.  Figures that count items often have the very same mean with every seed, by
chance; M_S = 0 would then say that seeds never differ, and M_R, which M_S is on average where seeds have no effect of their own,
stands for it.  With one seed, Var D = M_I ÷ n with n − 1 degrees: what another seed
would have given is then not in the interval.  With one item, only the seeds are.

Several differences are corrected by Holm 1979 ("A simple sequentially rejective multiple test procedure"); each interval has the
level at which Holm's procedure tests it, so that it excludes 0 exactly where the procedure rejects.  A reference that was chosen
because it is the best could have been any: then it is held against r others as if all pairs among these r + 1 were tested.

Tests: tests/lab/test_crossed.py (the sums by loops, SciPy where there is one seed, coverage on simulated seeds and items, far out
too), tests/lab/test_verdicts.py (recipes that are all the same).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from telos.evaluate.likelihood import Interval
from telos.lab import student

ALPHA = 0.05
_LEAST_P = 1e-30
"""Smaller ones are not told apart."""
FEW_ITEMS = 6
"""Without any spread, of fewer than this even a true tie leans to one side by chance more often than an error of 5 % allows."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A mean over seeds and items.  ``error``: its standard error, None where nothing tells it; ``parts``: of the variance,
    (share of it, degrees of freedom) each."""

    mean: float
    error: float | None
    parts: tuple[tuple[float, float], ...] = ()

    def interval(self, level: float = ALPHA) -> Interval | None:
        """Holds the true value in 1 − ``level`` of all studies."""
        if self.error is None:
            return None
        half = self.error * self._quantile(level) if self.error > 0 else 0.0
        return self.mean - half, self.mean + half

    @property
    def p_value(self) -> float | None:
        """Of the hypothesis that the true value is 0, two-sided."""
        if self.error is None:
            return None
        if self.error == 0:
            return 1.0 if self.mean == 0 else 0.0
        t = abs(self.mean) / self.error
        found = [student.p_value(t, freedom) for share, freedom in self.parts if share > 0]
        low, high = max(min(found), _LEAST_P), max(found)
        return high if high <= low else self._level(t, low, high)

    def _quantile(self, level: float) -> float:
        """t'."""
        return sum(share * student.quantile(level, freedom) for share, freedom in self.parts if share > 0)

    def _level(self, t: float, low: float, high: float) -> float:
        """Between these, the level whose t' is t: regula falsi (Illinois) in the logarithms, where t' is nearly straight."""
        a, b = math.log(low), math.log(high)
        above, below = (math.log(self._quantile(math.exp(edge)) / t) for edge in (a, b))
        middle, side = b, 0
        for _ in range(100):
            if above - below < 1e-12:
                break
            middle = (a * below - b * above) / (below - above)
            off = math.log(self._quantile(math.exp(middle)) / t)
            if abs(off) < 1e-10:
                break
            if off > 0:
                a, above, below, side = middle, off, below / 2 if side > 0 else below, 1
            else:
                b, below, above, side = middle, off, above / 2 if side < 0 else above, -1
        return math.exp(middle)


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
        return Spread(mean, None)
    total = from_seeds + from_items
    if total <= rounding:  # all alike
        few = abs(mean) > 0 and seeds * items < FEW_ITEMS
        return Spread(mean, None if few else 0.0)
    parts = [(from_seeds / total, seeds - 1.0)] * (seeds > 1) + [(from_items / total, items - 1.0)] * (items > 1)
    return Spread(mean, math.sqrt(total / (seeds * items)), tuple(parts))


def holm(p_values: Sequence[float], alpha: float = ALPHA, *, of_pairs: bool = False) -> list[tuple[bool, float]]:
    """(whether it is rejected, level of its interval) of each hypothesis.

    The smallest p is held against α ÷ m, the next against α ÷ (m − 1) and so on up to the first that is not below; that one's
    level is also the level of all after it.  ``of_pairs``: the reference was chosen by the same figures; with r others
    left, α is divided by the r (r + 1) ÷ 2 pairs that there are.
    """
    found: list[tuple[bool, float]] = [(False, alpha)] * len(p_values)
    going = True
    level = alpha
    for place, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if going:
            left = len(p_values) - place
            level = alpha / (left * (left + 1) / 2 if of_pairs else left)
            going = p_values[i] < level
        found[i] = (going, level)
    return found
