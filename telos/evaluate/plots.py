"""The report's plots, as inline SVG whose text the browser sets in the page's own fonts, Chinese included.

Each returns an ``<svg>`` element.  Tests: tests/evaluate/test_plots.py.
"""

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from telos.evaluate.likelihood import Interval
from telos.foundation.units import figure_name, format_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, OTHERS, FAINT = "#0b6e99", "#7a7f87", "#b9d6e3"
_MOST_POINTS = 400


Curve = Mapping[str, Sequence[float]]
"""Equally long columns: ``steps``, ``tokens``, ``seconds`` of training, ``learning_rate_scale`` (the schedule's factor, 0–1), and
every other name is a figure, such as ``nats_per_token`` or ``accuracy``."""
_NO_FIGURES = frozenset({"steps", "tokens", "seconds", "learning_rate_scale"})


def figures(curve: Curve) -> list[str]:
    """What a curve shows, in its own order."""
    return [name for name in curve if name not in _NO_FIGURES]


def ladder(rungs: Sequence[tuple[str, float, Interval | None, bool]]) -> str:
    """Bits per byte with 95 % intervals, one line a model, best at the top.  A rung: (label, value, interval, ours).

    The label stands above its line, so that the plot stays legible on a phone."""
    ordered = sorted(rungs, key=lambda rung: -rung[1])

    def draw(axes: "Axes") -> None:
        for i, (label, value, interval, ours) in enumerate(ordered):
            color, (low, high) = OURS if ours else OTHERS, interval or (value, value)
            axes.plot([value], [i], "D" if ours else "o", color=color, markersize=7 if ours else 5)
            axes.plot([low, high], [i, i], color=color, linewidth=2, solid_capstyle="butt")
            axes.annotate(f"{value:.3f}", (high, i), (9, 0), textcoords="offset points", va="center", fontsize=9, color=color)
            axes.annotate(label, (0, i), (2, 9), xycoords=("axes fraction", "data"), textcoords="offset points",
                          fontsize=9, color=color, fontweight="bold" if ours else "normal")  # fmt: skip
        axes.set_yticks([])
        axes.set_ylim(-0.4, len(ordered) - 0.2)
        axes.margins(x=0.15)
        axes.set_xlabel("bits per byte (lower is better)")
        axes.grid(axis="x", color="#e5e7ea")

    return svg("ladder", draw, 5.2, 0.8 + 0.45 * len(ordered), left_inches=0.15)


def figure(train: Curve, validation: Curve | None, over: Literal["seconds", "tokens"], name: str = "nats_per_token") -> str:
    """A figure over time or tokens: every step faint, their running mean, and the validation points."""
    x, y = _binned(train[over], train[name])

    def draw(axes: "Axes") -> None:
        axes.plot(x, y, color=FAINT, linewidth=0.8)
        axes.plot(x, _running_mean(y), color=OURS, linewidth=1.6, label="train (running mean)")
        shown = [*y]
        if validation:
            axes.plot(validation[over], validation[name], "o-", color="#c2410c", markersize=4, label="validation")
            shown += [*validation[name]]
        if len(shown) > 20:  # the first steps would flatten the rest, high where a figure falls and low where it rises
            rises = y[0] < y[-1]
            low, high = (np.quantile(shown, 0.03), np.max(shown)) if rises else (np.min(shown), np.quantile(shown, 0.97))
            axes.set_ylim(low - 0.05 * (high - low) - 1e-9, high + 0.05 * (high - low) + 1e-9)
        axes.set_xlabel({"seconds": "seconds of training", "tokens": "tokens seen"}[over])
        axes.xaxis.set_major_formatter(lambda value, _: format_count(value))
        axes.set_ylabel(figure_name(name))
        axes.legend(frameon=False, fontsize=8)
        axes.grid(color="#e5e7ea")

    return svg(f"{name}-{over}".replace("_", "-"), draw, 5.2, 3.0, left_inches=0.7)


def learning_rate_scale(train: Curve) -> str:
    """The factor on every learning rate, 0–1, at each step."""
    x, y = _binned(train["steps"], train["learning_rate_scale"])

    def draw(axes: "Axes") -> None:
        axes.plot(x, y, color=OURS, linewidth=1.6)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("step")
        axes.set_ylabel("learning rate ÷ its peak")
        axes.grid(color="#e5e7ea")

    return svg("learning-rate-scale", draw, 5.2, 2.2, left_inches=0.7)


def svg(name: str, draw: "Callable[[Axes], None]", width: float, height: float, left_inches: float) -> str:
    """Draw one plot (sizes in inches) and give its SVG element, the same bytes for the same data."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the browser has the glyph; only measuring lacks it
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((left_inches / width, 0.5 / height, 1 - (left_inches + 0.2) / width, 1 - 0.65 / height))
        draw(axes)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :].replace("<svg", f'<svg class="plot" role="img" aria-label="{name}"', 1)


def _binned(x: Sequence[float], y: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """At most some hundred points: means over equal runs of points."""
    x_, y_ = np.asarray(x, float), np.asarray(y, float)
    kept = np.isfinite(x_) & np.isfinite(y_)
    pieces = min(_MOST_POINTS, int(kept.sum()))
    if pieces == 0:
        return x_[kept], y_[kept]
    means = [np.array([part.mean() for part in np.array_split(values[kept], pieces)]) for values in (x_, y_)]
    return means[0], means[1]


def _running_mean(y: np.ndarray) -> np.ndarray:
    """Mean over a centred window of a twentieth of the points; at the ends of those that there are."""
    half = len(y) // 40
    sums = np.concatenate([[0.0], np.cumsum(y)])
    at = np.arange(len(y))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(y))
    return (sums[high] - sums[low]) / (high - low)
