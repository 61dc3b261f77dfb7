"""The recipes of a comparison: their names, their settings at equal compute, and in what they differ.

Tests: tests/lab/test_entries.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telos import recipe as recipes
from telos.foundation import overrides as laid_over
from telos.foundation.errors import TelosError
from telos.foundation.units import Duration
from telos.lab.budget import Budget
from telos.recipe import Run

EQUAL = ("train.budget", "train.seed")
"""Settings that are the comparison's, not a recipe's."""
Recipe = str | Path | Run
"""A recipe's file, or the recipe."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the comparison.  ``recipe``: with the budget (but for one in FLOPs) and the first seed."""

    name: str
    recipe: Run

    def with_seed(self, seed: int) -> Run:
        return self.recipe.replace(train=self.recipe.training.replace(seed=seed))


def read(given: Sequence[Recipe] | Mapping[str, Recipe], overrides: Sequence[str], budget: Budget) -> list[Entry]:
    """Recipes with their names: those of a mapping, else the stems of their files, made distinct.

    ``overrides`` go over every recipe.  `TelosError` for fewer than two recipes, one that is given twice, a budget or seed
    among the overrides, and whatever is wrong with a recipe by itself."""
    for override in overrides:
        path = ".".join(laid_over.parse(override)[0])
        if path in EQUAL or path == "train":
            option = "--seeds" if path == "train.seed" else "--budget"
            raise TelosError("budget and seeds are the comparison's, equal for all recipes", override, f"give {option}")
    listed = list(given.values()) if isinstance(given, Mapping) else list(given)
    _refuse_twice(listed)
    if len(listed) < 2:
        raise TelosError("a comparison needs at least two recipes", str(len(listed)),
                         "write for example: telos compare recipes/models/ngram.yaml recipes/models/lstm.yaml")  # fmt: skip
    names = list(given) if isinstance(given, Mapping) else _names(listed)
    return [Entry(name, _resolved(one, list(overrides), budget)) for name, one in zip(names, listed, strict=True)]


def _refuse_twice(listed: list[Recipe]) -> None:
    paths = [Path(one).resolve() for one in listed if not isinstance(one, Run)]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise TelosError("each recipe of a comparison must be given once", f"{twice.name} twice",
                         "leave one out; how much runs of one recipe differ is what --seeds shows")  # fmt: skip


def _names(listed: list[Recipe]) -> list[str]:
    """Stems of files; where two are the same, with the folder's name before it, and else with a number."""
    paths = [None if isinstance(one, Run) else Path(one).resolve() for one in listed]
    names = ["recipe" if path is None else path.stem for path in paths]
    longer = [name if path is None or names.count(name) == 1 else f"{path.parent.name}-{name}"
              for name, path in zip(names, paths, strict=True)]  # fmt: skip
    made: list[str] = []
    for name in longer:
        numbers = (name, *(f"{name}-{number}" for number in range(2, len(longer) + 2)))
        made.append(next(one for one in numbers if one not in made))
    return made


def _resolved(one: Recipe, overrides: list[str], budget: Budget) -> Run:
    """At the comparison's budget.  How many steps FLOPs are is known when the text is; until then no recipe may have a budget of
    its own, by which less text would be read."""
    said = [] if budget.unit == "FLOPs" else [f"train.budget={budget}"]
    if isinstance(one, Run):
        made = Run.parse(laid_over.apply(one.dump(), overrides + said))
    else:
        made = recipes.resolve(recipes.from_file(one), overrides + said)[0]
    return made if said else made.replace(train=made.training.replace(budget=Duration(1.0, "steps")))


# -- in what they differ ----------------------------------------------------------------------------------------------


def varied(entries: Sequence[Entry]) -> dict[str, dict[str, Any]]:
    """Dotted path of each setting that is not the same for all → name → value; budget and seed are not among them.

    Of parts of different kinds the kind is told, and of their own settings only those that all of them have."""
    dumps = {entry.name: _leaves(entry.recipe.dump()) for entry in entries}
    paths = list(dict.fromkeys(path for leaves in dumps.values() for path in leaves))
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        values = {name: leaves.get(path) for name, leaves in dumps.items()}
        first = next(iter(values.values()))
        if path in EQUAL or all(value == first for value in values.values()):
            continue
        kinds = f"{path.rpartition('.')[0]}.kind"
        apart = len({leaves.get(kinds) for leaves in dumps.values()}) > 1
        if path.endswith(".kind") or not apart or all(path in leaves for leaves in dumps.values()):
            found[path] = values
    return found


def _leaves(data: Any, path: str = "") -> dict[str, Any]:
    if isinstance(data, dict) and data:
        return {leaf: value for key, inner in data.items() for leaf, value in _leaves(inner, f"{path}.{key}".strip(".")).items()}
    return {path: data}


def with_one_corpus(entries: Sequence[Entry]) -> bool:
    """Whether all learn from one corpus, split alike: only then is what is held out of it the same text."""
    parts = [[entry.recipe.dump()[name] for name in ("corpus", "clean", "split")] for entry in entries]
    return all(part == parts[0] for part in parts)
