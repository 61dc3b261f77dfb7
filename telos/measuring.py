"""`telos evaluate MODEL --yardsticks …`: one saved model on yardsticks, each figure with what it may be compared with.

Tests: tests/test_measuring.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from telos.corpus.clean import CleanText
from telos.corpus.sources import Source
from telos.evaluate.yardsticks import Context, Measured, Subject, Yardstick
from telos.foundation import files, machine
from telos.foundation.errors import TelosError
from telos.foundation.overrides import apply
from telos.foundation.spec import Spec

ALL = "all"
"""Instead of names of yardsticks: every one for which there is material, where it applies."""


class TextsRecipe(Spec):
    """The part of a recipe that says how held-out texts are read."""

    corpus: Source
    clean: CleanText = CleanText()


@dataclass(frozen=True, slots=True)
class Yardsticks:
    """A model on yardsticks.  ``found``: each with its figure, or with the reason why there is none."""

    model: Path
    model_hash: str
    objective: str | None
    found: list[tuple[Yardstick, Measured | str]]

    def summary(self) -> dict[str, Any]:
        """The facts that one JSON line holds."""
        return {
            "model": str(self.model),
            "model_hash": self.model_hash,
            "objective": self.objective,
            "yardsticks": {one.kind(): _facts(one, found) for one, found in self.found},
        }

    def describe(self) -> str:
        """The same for people, a line or two a yardstick."""
        lines = []
        for one, found in self.found:
            if isinstance(found, str):
                lines.append(f"{one.title}: none; {found}")
                continue
            interval = "" if found.interval is None else f" (95 % interval {found.interval[0]:.4g} to {found.interval[1]:.4g})"
            beside = "".join(f"; {name.replace('_', ' ')} {value:.4g}" for name, value in found.beside.items())
            lines.append(f"{one.title}: {found.value:.4g} {one.unit}{interval}, {len(found.items):,} items{beside}")
            lines.append(f"    {found.comparable}; the model is shown {found.sees}")
        return "\n".join(lines)


def measure(model: Path, kinds: Sequence[str], overrides: list[str], *, texts: Path | None = None, **material: Any) -> Yardsticks:
    """``kinds``: names of yardsticks, or `ALL`.  ``overrides``: of a yardstick as ``cloze.words=100``, of how texts are read as
    ``corpus.text_field=body``.  ``material``: fields of `Context`."""
    settings = apply({}, overrides)
    reading: dict[str, Any] = {name: settings.pop(name) for name in ("corpus", "clean") if name in settings}
    chosen = _chosen(kinds, settings)
    held, names = _texts(texts, reading)
    context = Context(texts=held, names=names, threads=machine.cores(), **material)
    if ALL in kinds:
        chosen = [one for one in chosen if all(getattr(context, need) for need in one.needs)]
        if not chosen:
            raise TelosError("a yardstick needs something to measure on", "neither texts nor pairs nor a labelled set",
                             "add --texts PATH, --pairs FILE or --labelled FILE")  # fmt: skip
    for one in chosen:
        context.require(one.kind(), one.needs)  # before the model is loaded
    subject = Subject.load(model)
    found = [(one, one.applies(subject) or _measured(one, subject, context, alone=len(chosen) == 1)) for one in chosen]
    if len(kinds) == 1 and ALL not in kinds and isinstance(reason := found[0][1], str):
        raise TelosError(f"yardstick '{kinds[0]}' must apply to the model", reason, "take another model or yardstick")
    objective = None if subject.objective is None else subject.objective.kind()
    return Yardsticks(model, files.sha256(model / "model.safetensors")[:16], objective, found)


def _measured(one: Yardstick, subject: Subject, context: Context, *, alone: bool) -> Measured | str:
    """Its figure, or why the material allows none: what the others found is not lost for it."""
    try:
        return one.measure(subject, context)
    except TelosError as error:
        if alone:
            raise
        return f"{error.must}; found: {error.found}"


def _chosen(kinds: Sequence[str], settings: dict[str, Any]) -> list[Yardstick]:
    wanted = Yardstick.kinds() if ALL in kinds else list(dict.fromkeys(kinds))
    for name in settings:
        if name not in wanted:
            raise TelosError(f"a setting must be of a yardstick that is measured ({', '.join(wanted)}), or of corpus or clean",
                             f"'{name}'", f"write for example {wanted[0]}.NAME=VALUE")  # fmt: skip
    return [Yardstick.parse({"kind": kind, **_group(kind, settings.get(kind, {}))}) for kind in wanted]


def _group(kind: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TelosError(f"settings of a yardstick are written {kind}.NAME=VALUE", f"{kind}={value}", "name the setting")
    return value


def _texts(path: Path | None, reading: dict[str, Any]) -> tuple[list[str], list[str]]:
    """(texts, names) of a file or folder, cleaned as a corpus is."""
    if path is None:
        return [], []
    recipe = TextsRecipe.parse(reading | {"corpus": {"kind": "files", "path": str(path)} | reading.get("corpus", {})})
    texts, names = [], []
    for item in recipe.corpus.inputs():
        for raw in recipe.corpus.read(item):
            text = "" if raw.skipped else recipe.clean.text(raw.text)
            if text.strip():
                texts.append(text)
                names.append(item.path if raw.place is None else f"{item.path}:{raw.place}")
    if not texts:
        raise TelosError("held-out texts must have at least one character", f"none in {path}", "give a file or folder with text")
    return texts, names


def _facts(one: Yardstick, found: Measured | str) -> dict[str, Any]:
    if isinstance(found, str):
        return {"settings": one.dump(), "reason": found}
    facts: dict[str, Any] = {"value": found.value, "unit": one.unit, "better": one.better, "items": len(found.items),
                             "kind": found.kind, "comparable": found.comparable, "sees": found.sees, "beside": found.beside,
                             "settings": one.dump()}  # fmt: skip
    if found.interval is not None:
        facts["value_ci95"] = [float(np.float64(edge)) for edge in found.interval]
    return facts
