"""What a model of whole documents is set beside, document by document: the same figure of something that learns nothing.

    figure = Σ_d sum_d ÷ Σ_d weight_d          difference = ours − theirs, its interval over differences document by document

Tests: tests/evaluate/test_document_baselines.py.
"""

from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from telos.evaluate.likelihood import Interval, bootstrap
from telos.evaluate.verdict import Verdict, verdict
from telos.foundation.units import figure_name


class DocumentBaseline(TypedDict):
    """``figure``: its name in the headline.  ``difference``: ours − theirs."""

    name: str
    label: str
    figure: str
    value: float
    value_ci95: Interval | None
    difference: float
    difference_ci95: Interval | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class DocumentResult:
    """``headline``: figures with their intervals.  ``baselines``: what stands beside ours.  ``tables``: for the report."""

    headline: dict[str, Any]
    baselines: list[Any]
    tables: list[dict[str, Any]]


def against(  # noqa: PLR0917
    name: str, label: str, figure: str, ours: np.ndarray, theirs: np.ndarray, weights: np.ndarray, *, higher_is_better: bool
) -> DocumentBaseline:
    """``ours`` and ``theirs``: one sum a document, of the same ``weights``."""
    interval = bootstrap(ours - theirs, weights)
    cost = interval if interval is None or not higher_is_better else (-interval[1], -interval[0])
    total = float(weights.sum())
    return {
        "name": name,
        "label": label,
        "figure": figure,
        "value": float(theirs.sum()) / total,
        "value_ci95": bootstrap(theirs, weights),
        "difference": float((ours - theirs).sum()) / total,
        "difference_ci95": interval,
        "verdict": verdict(cost),
    }


def table(value: float | None, interval: Interval | None, beside: list[DocumentBaseline]) -> dict[str, Any]:
    """Ours above theirs, for the report."""
    figure = figure_name(beside[0]["figure"])
    rows: list[list[Any]] = [["this model", shown(value), between(interval), ""]]
    rows += [[b["label"], shown(b["value"]), between(b["value_ci95"]), b["verdict"]] for b in beside]
    return {
        "title": figure[:1].upper() + figure[1:],
        "columns": ["model", figure, "95 % interval", "this model is"],
        "rows": rows,
    }


def shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def between(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
