"""`telos compare`: several recipes at equal compute, and who is better at what.

    recipes → at one budget (`budget`) → runs in turn (`turns`) → yardsticks on their models → verdicts → table, JSON, page

Tests: tests/lab/test_comparing.py, tests/end_to_end/test_compare.py.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telos import __version__
from telos.evaluate.yardsticks import Measured, Yardstick
from telos.foundation import files, machine
from telos.foundation.errors import TelosError
from telos.lab import curves, entries, folder, measures, page, turns, verdicts
from telos.lab.budget import Budget
from telos.lab.compared import Compared
from telos.lab.entries import Entry, Recipe
from telos.lab.folder import Folder, Materials
from telos.lab.verdicts import Verdict

DEFAULT_BUDGET = "3m"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is compared on what; ``notes``: what is to be said beside it."""

    folder: Folder
    entries: list[Entry]
    budget: Budget
    seeds: list[int]
    yardsticks: list[Yardstick]
    materials: Materials
    against: str | None
    notes: list[str]


def compare(
    recipes: Sequence[Recipe] | Mapping[str, Recipe],
    *,
    out: str | Path,
    budget: str = DEFAULT_BUDGET,
    seeds: int | Sequence[int] = 1,
    yardsticks: Sequence[str | Yardstick] | None = None,
    against: str | None = None,
    texts: str | Path | None = None,
    pairs: str | Path | None = None,
    labelled: str | Path | None = None,
    judge: str | Path | None = None,
    text_field: str = "text",
    label_field: str = "label",
    columns: Sequence[str] = (),
    overrides: Sequence[str] = (),
    isolated: bool = True,
) -> Compared:
    """Train every recipe with every seed within ``budget`` and measure all models with ``yardsticks``, going on with what the
    folder ``out`` holds of this comparison.

    ``recipes``: files or `telos.Run`s; a mapping gives their names.  ``budget``: of each run, in time, tokens or FLOPs.
    ``seeds``: how many (1, 2, …) or which.  ``yardsticks``: kinds, or with their settings; None: all that what is given allows.
    ``against``: the recipe that the others are held against; None: the best.  ``texts``: held-out text for all; None: what the
    corpus holds out.  ``pairs``, ``labelled``, ``judge``: for the yardsticks that need them; ``text_field``, ``label_field``,
    ``columns`` (of a table without a header line): of the labelled set.  ``overrides``: of all recipes, or of a yardstick
    (``cloze.words=100``).  ``isolated``: each run in a process of its own; without, one after another in this.

    Raises `TelosError` for what cannot be compared, and where every recipe fails."""
    allowed = Budget.parse(budget)
    settings, over_recipes = measures.split(overrides)
    entered = entries.read(recipes, over_recipes, allowed)
    if against is not None and against not in {entry.name for entry in entered}:
        raise TelosError("--against must name a recipe of the comparison", repr(against),
                         f"give one of {', '.join(entry.name for entry in entered)}")  # fmt: skip
    paths: dict[str, Any] = {name: None if path is None else str(path) for name, path in
             (("texts", texts), ("pairs", pairs), ("labelled", labelled), ("judge", judge))}  # fmt: skip
    most = min(entry.recipe.evaluate.max_bytes for entry in entered)
    fields: dict[str, Any] = {"text_field": text_field, "label_field": label_field, "columns": tuple(columns)}
    materials = Materials(**paths, **fields, max_bytes=most)
    measuring, notes = measures.choose(yardsticks, settings, materials, entered)
    asked = _Asked(Folder(Path(out)), entered, allowed, _seeds(seeds), measuring, materials, against, notes)
    asked.folder.refuse_others()
    new = not asked.folder.path.exists()
    with files.lock_folder(asked.folder.path):
        try:
            materials.fingerprint()
            asked.folder.begin(entered, allowed)
        except TelosError:
            if new:
                shutil.rmtree(asked.folder.path, ignore_errors=True)
            raise
        return _compare(asked, isolated)


def _compare(asked: _Asked, isolated: bool) -> Compared:
    failed = turns.run_all(asked.folder, asked.entries, asked.budget, asked.seeds, asked.yardsticks, asked.materials,
                           isolated=isolated)  # fmt: skip
    whole = [entry for entry in asked.entries if entry.name not in failed]
    if not whole:
        name, first = next(iter(failed.items()))
        raise TelosError("at least one recipe of a comparison must come to its end",
                         f"{name}: {first['must']}; {first['found']}", first["fix"])  # fmt: skip
    judged = [_judged(one, asked, whole) for one in asked.yardsticks]
    told = _facts(asked, failed) | {"yardsticks": [verdict.facts() for verdict in judged]}
    drawn = curves.curves(asked.folder, whole, asked.seeds, asked.budget.unit)
    page.write(asked.folder, told, judged, drawn, asked.budget.unit)
    return Compared(asked.folder.path, told)


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    found = list(range(1, seeds + 1)) if isinstance(seeds, int) else list(seeds)
    if not found or len(set(found)) < len(found) or min(found) < 0:
        raise TelosError("a comparison must have at least one seed, each given once", f"--seeds {seeds}", "give for example 3")
    return found


def _judged(yardstick: Yardstick, asked: _Asked, whole: Sequence[Entry]) -> Verdict:
    fingerprint = asked.materials.fingerprint()
    results: dict[str, list[Measured]] = {}
    left_out: dict[str, str] = {}
    for entry in whole:
        found = [asked.folder.result(yardstick, fingerprint, entry.name, seed) for seed in asked.seeds]
        measured = [one for one in found if isinstance(one, Measured)]
        if len(measured) == len(found):
            results[entry.name] = measured
        else:
            left_out[entry.name] = next(str(one) for one in found if not isinstance(one, Measured))
    return verdicts.judge(yardstick, results, left_out, asked.against)


def _facts(asked: _Asked, failed: dict[str, turns.Failure]) -> dict[str, Any]:
    rows = []
    for entry in asked.entries:
        row: dict[str, Any] = {"name": entry.name, "settings_hash": entry.recipe.hash()}
        if entry.name in failed:
            row["failed"] = failed[entry.name]
        else:
            row |= curves.costs(asked.folder, entry.name, asked.seeds)
        rows.append(row)
    path = asked.folder.path
    return {
        "telos": __version__, "budget": str(asked.budget), "unit": asked.budget.unit, "seeds": asked.seeds,
        "against": asked.against, "recipes": rows, "varied": entries.varied(asked.entries), "notes": asked.notes,
        "machine": machine.describe() | machine.versions(), "comparison": str(path), "report": str(path / folder.PAGE),
    }  # fmt: skip
