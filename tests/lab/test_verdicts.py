"""Who wins: groups, common items, differences, ties."""

import json
import math

import numpy as np
import pytest

from telos.evaluate.yardsticks import Measured, Yardstick
from telos.lab import verdicts


class Lower(Yardstick):
    title = "nats"
    unit = "nats"
    better = "lower"
    measures = "How many."
    comparable = "likelihood"


class Higher(Lower):
    better = "higher"


def measured(values, comparable="likelihood", items=None, kind="exact"):
    values = np.asarray(values, np.float64)
    return Measured(items or [str(i) for i in range(len(values))], values, np.ones(len(values)), kind, comparable)


def runs(mean, seeds=3, items=60, number=0, **named):
    """Items are hard or easy for all recipes alike; a seed moves a run a little."""
    hard = np.random.default_rng(1).normal(0, 1, items)
    rng = np.random.default_rng([2, number])
    return [measured(mean + hard + 0.01 * rng.normal() + 0.1 * rng.normal(size=items), **named) for _ in range(seeds)]


def test_a_clear_winner():
    found = verdicts.judge(Lower(), {"a": runs(2.0, number=1), "b": runs(1.5, number=2), "c": runs(2.5, number=3)}, {})
    (group,) = found.groups
    assert [one.name for one in group.figures] == ["b", "a", "c"]
    assert group.winner == "b"
    assert group.reference == "b"
    assert [(one.name, one.verdict) for one in group.comparisons] == [("a", "worse"), ("c", "worse")]
    assert group.comparisons[0].difference == pytest.approx(0.5, abs=0.05)
    # Of three pairs the smallest p is held against 0.05 ÷ 3; two recipes are left then, and one pair.
    assert sorted(one.level for one in group.comparisons) == pytest.approx([0.05 / 3, 0.05])
    assert group.says.startswith("b wins: the next, a, is 0.")
    assert ", 95 % interval +" in group.says
    # Paired, the difference is known far better than the figures, whose items differ.
    low, high = group.comparisons[0].interval
    assert high - low < 0.4 * (group.figures[0].interval[1] - group.figures[0].interval[0])


def test_higher_is_better_turns_it_round():
    found = verdicts.judge(Higher(), {"a": runs(2.0, number=1), "b": runs(1.5, number=2)}, {})
    assert found.groups[0].winner == "a"


def test_a_tie_has_no_winner():
    found = verdicts.judge(Lower(), {"a": runs(2.0, number=1), "b": runs(2.0, number=2), "c": runs(3.0, number=3)}, {})
    (group,) = found.groups
    assert group.winner is None
    assert {one.name: one.verdict for one in group.comparisons}["c"] == "worse"
    assert "No winner" in group.says
    same = verdicts.judge(Lower(), {"a": runs(2.0, number=1), "b": runs(2.0, number=1)}, {})
    assert same.groups[0].winner is None
    assert same.groups[0].comparisons[0].interval == (0, 0)


def test_false_winners_are_rare():
    """Five recipes that are all the same: at most 5 % of comparisons name a winner."""
    won = 0
    for study in range(200):
        results = {name: runs(2.0, items=30, number=1000 * study + i) for i, name in enumerate("abcde")}
        won += verdicts.judge(Lower(), results, {}).groups[0].winner is not None
    assert won / 200 <= 0.05


@pytest.mark.parametrize("seeds", [1, 3])
def test_false_verdicts_are_rare(seeds):
    """Of twelve recipes that are all the same one is the best by chance; that another is worse is said in 5 % of studies."""
    wrong, studies = 0, 200
    for study in range(studies):
        rng = np.random.default_rng([seeds, study])
        hard = rng.normal(0, 1, 60)
        results = {name: [measured(5 + hard + 0.3 * rng.normal(size=60)) for _ in range(seeds)] for name in "abcdefghijkl"}
        (group,) = verdicts.judge(Lower(), results, {}).groups
        wrong += any(one.verdict == "worse" for one in group.comparisons)
    assert wrong / studies <= 0.05 + 2 * (0.05 * 0.95 / studies) ** 0.5


def test_against_a_baseline():
    results = {"a": runs(2.0, number=1), "b": runs(1.5, number=2), "c": runs(2.5, number=3), "d": runs(2.0, number=4)}
    (group,) = verdicts.judge(Lower(), results, {}, against="a").groups
    assert {one.name: one.verdict for one in group.comparisons} == {"b": "better", "d": "tie", "c": "worse"}
    assert group.winner is None
    assert group.says == "b is better than a; c is worse than a; d is not shown to differ from a."


def test_one_seed_says_so():
    (group,) = verdicts.judge(Lower(), {"a": runs(2.0, 1, number=1), "b": runs(1.5, 1, number=2)}, {}).groups
    assert group.winner == "b"
    assert group.says.endswith("One seed: how far another seed would have moved the figures is not measured.")


def test_kinds_are_never_mixed():
    results = {"a": runs(2.0, number=1), "b": runs(1.0, number=2, comparable="bound", kind="bound"), "c": runs(1.9, number=3)}
    found = verdicts.judge(Lower(), results, {"d": "it gives no likelihood"})
    assert [(g.comparable, [f.name for f in g.figures]) for g in found.groups] == [("likelihood", ["c", "a"]), ("bound", ["b"])]
    assert found.groups[1].says.startswith("Only b has a figure of this kind")
    assert found.left_out == {"d": "it gives no likelihood"}


def test_the_items_that_all_have():
    ids = [[str(i) for i in range(start, start + 40)] for start in (0, 10)]
    a = [measured(np.arange(40.0), items=ids[0])] * 2
    b = [measured(np.arange(40.0) + 11, items=ids[1])] * 2  # of item i: i + 1
    (group,) = verdicts.judge(Lower(), {"a": a, "b": b}, {}).groups
    assert (group.items, group.of_items) == (30, 50)
    assert group.figures[0].value == np.arange(10, 40).mean()
    assert group.comparisons[0].difference == pytest.approx(1)
    none = verdicts.judge(Lower(), {"a": a, "b": [measured([1.0], items=["x"])] * 2}, {})
    assert none.groups == []
    assert none.left_out == dict.fromkeys("ab", "the runs have no item in common")


def test_a_likelihood_of_nothing_is_worse():
    results = {"a": [measured([1.0, math.inf] * 10)], "b": runs(1.5, 1, 20, number=2), "c": runs(1.5, 1, 20, number=2)}
    found = verdicts.judge(Lower(), results, {})
    assert [one.name for one in found.groups[0].figures] == ["b", "c", "a"]
    assert found.groups[0].comparisons[-1].verdict == "worse"
    facts = json.dumps(found.facts(), allow_nan=False)
    assert '"value": null' in facts


def test_what_stands_beside_is_the_mean_over_seeds():
    two = [Measured(["x", "y"], np.ones(2), np.ones(2), "exact", "likelihood", "all", {"chance": 0.1, "distinct": value})
           for value in (0.2, 0.4)]  # fmt: skip
    (group,) = verdicts.judge(Lower(), {"a": two}, {}).groups
    assert group.figures[0].beside == pytest.approx({"chance": 0.1, "distinct": 0.3})


def test_no_share_above_one():
    right = np.ones(20)
    right[0] = 0
    (group,) = verdicts.judge(Higher(), {"a": [measured(right)]}, {}).groups
    low, high = group.figures[0].interval
    assert 0.8 < low < 0.95 < high == 1
