"""Who is better at what: from the items of every run to figures, differences with intervals, and a winner where there is one.

Figures compare within a group: those of one yardstick with one `Measured.comparable`, so that a bound is never set beside a
likelihood.  They are compared on the items that all runs of the group were measured on.  Without a named baseline the best of k
recipes is held against each of the others: it wins where all k − 1 differences exclude 0 by Holm's procedure at 5 % together,
corrected for all pairs, since which is the best was seen in the same figures.  (To say falsely of the best of several that it is
the best needs no stricter test than that against the next one, which has the whole 5 %: Gutmann and Maymin 1987, "Is the selected
population the best?", Annals of Statistics 15: 456–461; the correction is for the other verdicts.)  With a baseline every other
recipe is held against that, corrected for their number.  What is not shown to differ is a tie.
Tests: tests/lab/test_verdicts.py.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from telos.evaluate.likelihood import Interval
from telos.evaluate.yardsticks import Measured, Yardstick
from telos.lab import crossed

Results = Mapping[str, Sequence[Measured]]
"""Name of a recipe → what was measured of its run with each seed, in the order of the seeds."""


_Kept = tuple[np.ndarray, np.ndarray, Sequence[Measured]]


@dataclass(frozen=True, slots=True)
class Figure:
    """``value``: the mean over seeds of the figure over the group's items; ``by_seed``: of each.  ``beside``: figures without
    which this one says little, as each run has them over all of its items, the mean over seeds."""

    name: str
    value: float
    interval: Interval | None
    by_seed: list[float]
    kind: str
    sees: str
    beside: dict[str, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``difference``: the recipe's figure − that of the reference; ``interval`` at ``level``, by Holm's procedure; ``p_value``
    before it; ``verdict``: of the recipe: "better", "worse", "tie", or "not judged" where there is no interval."""

    name: str
    reference: str
    difference: float
    interval: Interval | None
    level: float
    p_value: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Group:
    """Figures that compare, the best first.  ``items``: that all were measured on, ``of_items``: of how many different ones."""

    comparable: str
    items: int
    of_items: int
    figures: list[Figure]
    reference: str | None
    comparisons: list[Comparison]
    winner: str | None
    says: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One yardstick.  ``left_out``: name → why it was not measured."""

    yardstick: Yardstick
    groups: list[Group]
    left_out: dict[str, str] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "kind": self.yardstick.kind(), "title": self.yardstick.title, "unit": self.yardstick.unit,
            "better": self.yardstick.better, "measures": self.yardstick.measures, "settings": self.yardstick.dump(),
            "groups": [_facts(group) for group in self.groups], "left_out": self.left_out,
        }  # fmt: skip


def judge(yardstick: Yardstick, results: Results, left_out: dict[str, str], against: str | None = None) -> Verdict:
    """``against``: the recipe that all others are held against; None: the best one."""
    scales: dict[str, dict[str, Sequence[Measured]]] = {}
    left_out = dict(left_out)
    for name, found in results.items():
        of = {one.comparable for one in found}
        if len(of) > 1:
            left_out[name] = f"its seeds gave figures of different kinds: {', '.join(sorted(of))}"
        else:
            scales.setdefault(of.pop(), {})[name] = found
    groups = []
    for scale, members in scales.items():
        kept, items = _items(members)
        if not len(items):
            left_out |= dict.fromkeys(members, "the runs have no item in common")
            continue
        groups.append(_group(yardstick, scale, kept, len(items), against))
    return Verdict(yardstick, sorted(groups, key=lambda g: -len(g.figures)), left_out)


def _items(members: Mapping[str, Sequence[Measured]]) -> tuple[dict[str, _Kept], list[str]]:
    """Name → (values, weights) of the common items, each (seeds, items), and the results; and those items."""
    runs = [one for found in members.values() for one in found]
    common = set(runs[0].items).intersection(*(one.items for one in runs[1:]))
    items = [item for item in runs[0].items if item in common]
    kept = {}
    for name, found in members.items():
        above, below = (np.zeros((len(found), len(items))) for _ in range(2))
        for seed, one in enumerate(found):
            place = {item: i for i, item in enumerate(one.items)}
            chosen = [place[item] for item in items]
            above[seed], below[seed] = one.values[chosen], one.weights[chosen]
        kept[name] = (above, below, found)
    return kept, items


def _group(yardstick: Yardstick, scale: str, kept: dict[str, _Kept], items: int, against: str | None) -> Group:
    better = -1 if yardstick.better == "lower" else 1
    shares: dict[str, np.ndarray] = {}
    figures = []
    for name, (above, below, found) in kept.items():
        first, beside = found[0], _beside(found)
        if np.isfinite(above).all():
            shares[name] = crossed.shares(above, below)
            spread = crossed.spread(shares[name])
            by_seed = shares[name].mean(1).tolist()
            figures.append(
                Figure(name, spread.mean, _possible(spread.interval(), above, below), by_seed, first.kind, first.sees, beside)
            )
        else:  # a likelihood of 0: worse than any other, by a difference that is no number
            figures.append(Figure(name, math.inf, None, [math.inf] * len(above), first.kind, first.sees, beside))
    figures.sort(key=lambda one: -better * one.value if math.isfinite(one.value) else math.inf)
    reference = against if against is not None else figures[0].name if len(figures) > 1 else None
    comparisons: list[Comparison] = []
    if reference in shares and len(figures) > 1:
        comparisons = _against(reference, [one.name for one in figures], shares, better, chosen=against is None)
    of_items = len({item for _, _, found in kept.values() for item in found[0].items})
    seeds = len(figures[0].by_seed)
    winner = _winner(figures, comparisons, against)
    says = _says(yardstick, figures, comparisons, winner, against) + (_ONE_SEED if seeds == 1 else "")
    return Group(scale, items, of_items, figures, reference if comparisons else None, comparisons, winner, says)


def _possible(interval: Interval | None, above: np.ndarray, below: np.ndarray) -> Interval | None:
    """Nothing below 0 of what is never negative, and no share above 1."""
    if interval is None:
        return None
    low, high = interval
    return max(low, 0.0) if (above >= 0).all() else low, min(high, 1.0) if (above <= below).all() else high


def _beside(found: Sequence[Measured]) -> dict[str, float]:
    names = [name for name in found[0].beside if all(name in one.beside for one in found)]
    return {name: sum(one.beside[name] for one in found) / len(found) for name in names}


def _against(
    reference: str, names: list[str], shares: dict[str, np.ndarray], better: int, *, chosen: bool
) -> list[Comparison]:  # fmt: skip
    """``chosen``: the reference is the best of them by these figures."""
    spreads = {name: crossed.spread(shares[name] - shares[reference]) for name in names if name in shares and name != reference}
    p_values = {name: 1.0 if one.p_value is None else one.p_value for name, one in spreads.items()}
    decided = dict(zip(p_values, crossed.holm(list(p_values.values()), of_pairs=chosen), strict=True))
    found = []
    for name in names:
        if name == reference:
            continue
        if name not in spreads:
            found.append(Comparison(name, reference, math.inf, None, crossed.ALPHA, None, "worse"))
            continue
        one, (rejected, level) = spreads[name], decided[name]
        verdict = "not judged" if one.error is None else "tie"
        if rejected:
            verdict = "better" if one.mean * better > 0 else "worse"
        found.append(Comparison(name, reference, one.mean, one.interval(level), level, one.p_value, verdict))
    return found


def _winner(figures: list[Figure], comparisons: list[Comparison], against: str | None) -> str | None:
    """The best, where it is shown to be better than every other; held against a baseline there is only better and worse."""
    if against is None and comparisons and all(one.verdict == "worse" for one in comparisons):
        return figures[0].name
    return None


_ONE_SEED = " One seed: how far another seed would have moved the figures is not measured."


def _says(yardstick: Yardstick, figures: list[Figure], comparisons: list[Comparison], winner: str | None, against: str | None
          ) -> str:  # fmt: skip
    if len(figures) == 1:
        return f"Only {figures[0].name} has a figure of this kind; there is nothing to compare it with."
    if not comparisons:
        return f"Nothing is held against {against}: it has no figure here." if against else "No figure here is finite."
    if against is not None:
        parts = []
        for verdict, words in (("better", "better than"), ("worse", "worse than"), ("tie", "not shown to differ from"),
                               ("not judged", "not judged against")):  # fmt: skip
            names = [one.name for one in comparisons if one.verdict == verdict]
            if names:
                parts.append(f"{_listed(names)} {'is' if len(names) == 1 else 'are'} {words} {against}")
        return f"{'; '.join(parts)}."
    best = figures[0].name
    nearest = comparisons[0]
    between = _between(nearest)
    if winner is not None:
        return f"{winner} wins: the next, {nearest.name}, is {abs(nearest.difference):.3g} {_worse(yardstick)}{between}."
    tied = [one.name for one in comparisons if one.verdict != "worse"]
    return (f"No winner: {best} is not shown to differ from {_listed(tied)}; {nearest.name} is "
            f"{abs(nearest.difference):.3g} {_worse(yardstick)}{between}.")  # fmt: skip


def _worse(yardstick: Yardstick) -> str:
    return "higher" if yardstick.better == "lower" else "lower"


def _between(one: Comparison) -> str:
    if one.interval is None:
        return ""
    low, high = one.interval
    return f" (difference {one.difference:+.3g}, {100 * (1 - one.level):.3g} % interval {low:+.3g} to {high:+.3g})"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _facts(group: Group) -> dict[str, Any]:
    figures = [asdict(one) | {"value": _finite(one.value), "by_seed": list(map(_finite, one.by_seed))} for one in group.figures]
    comparisons = [asdict(one) | {"difference": _finite(one.difference)} for one in group.comparisons]
    for told in figures:
        told["ci95"] = told.pop("interval")
    for told in comparisons:
        told["interval_level"] = 1 - told.pop("level")
    return asdict(group) | {"figures": figures, "comparisons": comparisons}


def _finite(value: float) -> float | None:
    """Infinite is no number of JSON."""
    return value if math.isfinite(value) else None
