"""Which yardsticks a comparison takes: those that are asked for, or all for which there is material.

Tests: tests/lab/test_measures.py.
"""

from collections.abc import Sequence
from typing import Any

from telos.evaluate.yardsticks import Yardstick
from telos.foundation import overrides as laid_over
from telos.foundation.errors import TelosError
from telos.lab import entries
from telos.lab.entries import Entry
from telos.lab.folder import Materials


def split(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """(overrides of yardsticks, as ``cloze.words=100``; those of recipes)."""
    kinds = set(Yardstick.kinds())
    own = [override for override in overrides if laid_over.parse(override)[0][0] in kinds]
    return own, [override for override in overrides if override not in own]


def choose(
    asked: Sequence[str | Yardstick] | None, settings: Sequence[str], materials: Materials, entered: Sequence[Entry]
) -> tuple[list[Yardstick], list[str]]:
    """(yardsticks, what is to be said of others); ``asked``: None for all; ``settings``: overrides of yardsticks.

    `TelosError` where one is asked for without its material, or with a held-out text that is not the same for all recipes; where
    none is left; and for a setting of one that is not taken."""
    data = laid_over.apply({}, list(settings))
    wanted = [one if isinstance(one, Yardstick) else _made(one, data) for one in (Yardstick.kinds() if asked is None else asked)]
    kinds = [one.kind() for one in wanted]
    for kind in data:
        if kind not in kinds:
            raise TelosError(f"a setting must be of a yardstick that is taken ({', '.join(kinds)})", f"{kind}.…",
                             f"add {kind} to --yardsticks, or leave the setting out")  # fmt: skip
    chosen, notes = [], []
    for one in wanted:
        if kinds.count(one.kind()) > 1:
            raise TelosError("each yardstick must be given once", f"{one.kind()} twice", "leave one out")
        problem = _problem(one, materials, entered)
        if problem is None:
            chosen.append(one)
        elif asked is not None:
            raise problem
        else:
            notes.append(f"{one.title} is left out: {problem.must}; found: {problem.found}.")
    if not chosen:
        raise TelosError("a comparison needs at least one yardstick", " ".join(notes) or "none", "see telos list yardsticks")
    return chosen, notes


def _made(kind: str, data: dict[str, Any]) -> Yardstick:
    settings = data.get(kind, {})
    if not isinstance(settings, dict):
        raise TelosError(f"settings of a yardstick are written {kind}.NAME=VALUE", f"{kind}={settings}", "name the setting")
    return Yardstick.parse({"kind": kind, **settings})


def _problem(one: Yardstick, materials: Materials, entered: Sequence[Entry]) -> TelosError | None:
    """Why a yardstick has nothing to measure on; None where it has."""
    missing = next((need for need in one.needs if need != "texts" and getattr(materials, need) is None), None)
    if missing is not None:
        return TelosError(f"yardstick '{one.kind()}' needs --{missing} FILE", f"no --{missing}",
                          f"add it, or leave {one.kind()} out of --yardsticks")  # fmt: skip
    if "texts" in one.needs and materials.texts is None and not entries.with_one_corpus(entered):
        apart = [path for path in entries.varied(entered) if path.split(".")[0] in ("corpus", "clean", "split")]
        return TelosError(f"yardstick '{one.kind()}' needs the same held-out text for all recipes",
                          f"recipes of different corpora ({', '.join(apart)})",
                          "give held-out text for all: --texts PATH, or leave it out of --yardsticks")  # fmt: skip
    return None
