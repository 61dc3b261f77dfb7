"""How well numbers are told: the share of their variance that is explained, and whether their order is right.

    R² = 1 − Σ (y − ŷ)² ÷ Σ (y − ȳ)²          ρ = Pearson's correlation of the ranks, of equal numbers their mean rank

Spearman 1904, "The Proof and Measurement of Association between Two Things".  R² is 0 of a model that tells the mean of the very
documents that are measured, and below it of one that is worse.  Intervals are percentiles over documents drawn with replacement,
taken as far out as those of `telos.evaluate.likelihood`.  Tests: tests/evaluate/test_numbers.py (scikit-learn, scipy).
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

from telos.evaluate.document_baselines import DocumentResult, against, shown, table
from telos.evaluate.documents import Measured
from telos.evaluate.likelihood import FEW_UNITS, Interval, student
from telos.foundation.random import generator

RESAMPLES = 1000
GROUPS = 3
"""A table tells the error of small, middling and large numbers."""


def r_squared(true: np.ndarray, told: np.ndarray) -> float | None:
    """None where all numbers are one."""
    spread = float(np.square(true - true.mean()).sum()) if len(true) else 0.0
    return 1 - float(np.square(true - told).sum()) / spread if spread > 0 else None


def spearman(true: np.ndarray, told: np.ndarray) -> float | None:
    """None where all numbers are one, or the same is told of all."""
    a, b = (ranks - ranks.mean() for ranks in (_ranks(true), _ranks(told)))
    spread = math.sqrt(float(np.square(a).sum() * np.square(b).sum()))
    return float((a * b).sum()) / spread if spread > 0 else None


def _ranks(values: np.ndarray) -> np.ndarray:
    """From 1 on; equal values share the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which]


def interval(figure: Callable[[np.ndarray, np.ndarray], float | None], true: np.ndarray, told: np.ndarray) -> Interval | None:
    """95 % interval of a figure over documents; None for a handful, of which no resample tells."""
    units = len(true)
    if units < FEW_UNITS:
        return None
    rng = generator(1, "bootstrap", units)
    drawn = (rng.integers(0, units, units) for _ in range(RESAMPLES))
    values = [value for rows in drawn if (value := figure(true[rows], told[rows])) is not None]
    if not values:
        return None
    tail = NormalDist().cdf(-math.sqrt(units / (units - 1)) * student(units - 1))
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def result(measured: Measured, true: np.ndarray, told: np.ndarray, train_mean: float, *, baselines: bool) -> DocumentResult:
    """Beside the mean absolute error R² and ρ, and always telling the mean of the training documents."""
    found: dict[str, Any] = {}
    for name, figure in (("r_squared", r_squared), ("spearman", spearman)):
        if (value := figure(true, told)) is not None:
            found[name] = value
            if (between := interval(figure, true, told)) is not None:
                found[f"{name}_ci95"] = between
    headline = measured.headline()
    error = "mean_absolute_error"
    top = {name: headline.pop(name) for name in (error, f"{error}_ci95") if name in headline}
    beside = []
    if baselines:
        beside.append(against("mean", "always the mean of the training documents", error, measured.sums[error],
                              np.abs(true - train_mean), measured.weights[error], higher_is_better=False))  # fmt: skip
    tables = [table(measured.value(error), measured.interval(error), beside)] if beside else []
    return DocumentResult(top | found | headline, beside, [*tables, _by_size(true, told)])


def _by_size(true: np.ndarray, told: np.ndarray) -> dict[str, Any]:
    rows = []
    for third in np.array_split(np.argsort(true, kind="stable"), GROUPS):
        if len(third):
            error = told[third] - true[third]
            rows.append([f"{true[third].min():g} to {true[third].max():g}", len(third), shown(float(np.abs(error).mean())),
                         shown(float(error.mean()))])  # fmt: skip
    return {
        "title": "By size of the number",
        "columns": ["number", "documents", "mean absolute error", "mean error"],
        "rows": rows,
    }
