"""The plots of a comparison, as inline SVG.  Tests: tests/lab/test_page.py."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from telos.evaluate.plots import svg
from telos.foundation.units import format_count
from telos.lab.budget import Unit
from telos.lab.curves import Curve
from telos.lab.verdicts import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#0b6e99", "#c2410c", "#14723c", "#7c3aed", "#b45309", "#be185d", "#4d7c0f", "#475569", "#0891b2", "#a16207")
STYLES = ("-", "--", ":", "-.")
AXES: dict[Unit, str] = {"seconds": "seconds of training", "tokens": "tokens seen", "FLOPs": "FLOPs"}


def color(place: int) -> str:
    return COLORS[place % len(COLORS)]


def figures(verdict: Verdict, names: Sequence[str]) -> str:
    """A yardstick's figures with 95 % intervals, one line a recipe, the best at the top of its group; groups one below the other.
    Small dots are single seeds; a winner is bold.  ``names``: of all recipes, whose places choose the colours."""
    lines = [(group, one) for group in verdict.groups for one in group.figures if one.value not in (float("inf"), float("-inf"))]

    def draw(axes: "Axes") -> None:
        last = None
        for place, (group, one) in enumerate(lines):
            y, paint = -place, color(names.index(one.name))
            low, high = one.interval or (one.value, one.value)
            axes.plot([low, high], [y, y], color=paint, linewidth=2, solid_capstyle="butt")
            axes.plot(one.by_seed, [y] * len(one.by_seed), ".", color=paint, markersize=4, alpha=0.6)
            axes.plot([one.value], [y], "D", color=paint, markersize=6)
            axes.annotate(f"{one.value:.3f}", (high, y), (9, 0), textcoords="offset points", va="center", fontsize=9, color=paint)
            label = f"{one.name} · {group.comparable}" if len(verdict.groups) > 1 else one.name
            axes.annotate(label, (0, y), (2, 9), xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=9,
                          color=paint, fontweight="bold" if group.winner == one.name else "normal")  # fmt: skip
            if last is not None and last is not group:
                axes.axhline(y + 0.72, color="#e2e5e9", linewidth=1)
            last = group
        axes.set_yticks([])
        axes.set_ylim(-len(lines) + 0.6, 0.8)
        axes.margins(x=0.15)
        axes.set_xlabel(f"{verdict.yardstick.unit} ({verdict.yardstick.better} is better)")
        axes.grid(axis="x", color="#e5e7ea")

    return svg(f"figures-{verdict.yardstick.kind()}".replace("_", "-"), draw, 5.2, 0.8 + 0.45 * max(1, len(lines)), 0.15)


def learning(figure: str, drawn: Sequence[Curve], unit: Unit, names: Sequence[str]) -> str:
    """A validation figure of every run over compute; runs of one recipe have one colour, another seed another dash."""

    def draw(axes: "Axes") -> None:
        told: set[str] = set()
        seeds = sorted({one.seed for one in drawn})
        for one in drawn:
            label = None if one.name in told else one.name
            told.add(one.name)
            style = STYLES[seeds.index(one.seed) % len(STYLES)]
            axes.plot(one.compute, one.values, style, marker="o", markersize=3, linewidth=1.3, label=label,
                      color=color(names.index(one.name)))  # fmt: skip
        axes.set_xlabel(AXES[unit])
        axes.xaxis.set_major_formatter(lambda value, _: format_count(value))
        axes.set_ylabel(figure.replace("_", " "))
        axes.legend(frameon=False, fontsize=8)
        axes.grid(color="#e5e7ea")

    return svg(f"learning-{figure}".replace("_", "-"), draw, 5.2, 3.2, left_inches=0.7)
