"""The folder of a comparison: which one it is, where its runs stand, and what yardsticks found of them.

    comparison.json               which recipes at which budget: another comparison is refused
    runs/NAME/seed-N/             a run like any other
    measured/NAME/seed-N/KIND.json    what a yardstick found of its model, under the key of all that it depends on
    shared/KEY/                   corpus, tokenizer and token stores, which the runs have as links
    comparison.html, .json        the report

Tests: tests/lab/test_folder.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from telos import __version__
from telos.corpus.sources import Source
from telos.evaluate.yardsticks import Measured, Yardstick
from telos.foundation import files
from telos.foundation.errors import TelosError
from telos.foundation.spec import Spec, stable_hash
from telos.lab.budget import Budget
from telos.lab.entries import Entry

LABELLED_FIELDS = ("text_field", "label_field", "columns")
RECORD, PAGE, COMPUTE, REPORT = "comparison.json", "report.html", "compute.json", "report.json"


class Materials(Spec):
    """What models are measured on.  ``texts``: a file or folder; None: what each corpus holds out.  ``pairs``, ``labelled``:
    files; ``text_field``, ``label_field``, ``columns``: of the labelled set (`telos.evaluate.yardsticks.Context`).  ``judge``: a
    model's folder.  ``max_bytes``: of held-out text.  ``seed``: of what yardsticks draw, one for all runs."""

    texts: str | None = None
    pairs: str | None = None
    labelled: str | None = None
    text_field: str = "text"
    label_field: str = "label"
    columns: tuple[str, ...] = ()
    judge: str | None = None
    max_bytes: int = Field(1_000_000, ge=1)
    seed: int = Field(1, ge=0)

    def fingerprint(self) -> dict[str, Any]:
        """The same as long as what is measured on is the same; `TelosError` for files that are not there."""
        found: dict[str, Any] = {"max_bytes": self.max_bytes, "seed": self.seed}
        if self.texts is not None:
            found["texts"] = Source.parse({"kind": "files", "path": self.texts}).fingerprint()
        for name, path in (("pairs", self.pairs), ("labelled", self.labelled)):
            if path is not None:
                if not Path(path).is_file():
                    raise TelosError(f"--{name} must be a file", f"no file {path}", "check the path")
                found[name] = files.sha256(Path(path))
        if self.labelled is not None:
            # Only those that are named: what was measured with the usual ones stays.
            found |= {name: getattr(self, name) for name in LABELLED_FIELDS
                      if getattr(self, name) != type(self).model_fields[name].default}  # fmt: skip
        if self.judge is not None:
            if not (Path(self.judge) / "config.json").is_file():
                raise TelosError("--judge must be a model folder", f"no config.json in {self.judge}",
                                 "give the model/ of a run")  # fmt: skip
            found["judge"] = _model_key(Path(self.judge))
        return found


@dataclass(frozen=True, slots=True)
class Folder:
    """``path``: of the comparison."""

    path: Path

    @property
    def shared(self) -> Path:
        return self.path / "shared"

    def run(self, name: str, seed: int) -> Path:
        return self.path / "runs" / name / f"seed-{seed}"

    def measured(self, name: str, seed: int) -> Path:
        return self.path / "measured" / name / f"seed-{seed}"

    def is_trained(self, name: str, seed: int) -> bool:
        return (self.run(name, seed) / "report.json").exists()

    def refuse_others(self) -> None:
        """`TelosError` where the folder holds something that is no comparison."""
        if self.path.exists() and not self.path.is_dir():
            raise TelosError(f"{self.path} must be a new folder, an empty one, or a comparison's", "it is a file",
                             "choose another --out")  # fmt: skip
        there = sorted(p.name for p in self.path.iterdir() if p.name != ".lock") if self.path.exists() else []
        if there and RECORD not in there:
            shown = f"{', '.join(there[:3])}{' …' if len(there) > 3 else ''}"
            raise TelosError(f"{self.path} must be a new folder, an empty one, or a comparison's", f"it holds {shown}",
                             "choose another --out")  # fmt: skip

    def begin(self, entries: Sequence[Entry], budget: Budget) -> None:
        """Write which comparison this is, or check that the folder holds it: recipes may be added to it, none changed."""
        asked = {entry.name: _settings(entry) for entry in entries}
        record = self.path / RECORD
        known: dict[str, Any] = (
            files.read_facts(record) if record.exists() else {"budget": str(budget), "recipes": {}, "texts": {}}
        )
        texts = {entry.name: entry.recipe.corpus.fingerprint() for entry in entries}
        must, remedy = f"{self.path} must be a new folder, or one of the same comparison", "choose another --out"
        if (its := str(Budget.parse(known["budget"]))) != str(budget):  # however it was written
            raise TelosError(must, f"its budget is {its}, not {budget}", remedy)
        for name, settings in asked.items():
            if name in known["recipes"] and (changed := _first_change(known["recipes"][name], settings)):
                path, old, new = changed
                raise TelosError(must, f"its recipe '{name}' has other settings: {path} {old!r} → {new!r}", remedy)
            if known["texts"].get(name, texts[name]) != texts[name]:
                raise TelosError(must, f"the texts of '{name}' have changed since it began", remedy)
        if known["recipes"] and not set(asked) & set(known["recipes"]):
            raise TelosError(must, f"it compares {', '.join(known['recipes'])}", remedy)
        files.write_json(record, {"telos": __version__, "budget": str(budget), "recipes": known["recipes"] | asked,
                                  "texts": known["texts"] | texts})  # fmt: skip

    # -- what was measured ----------------------------------------------------------------------------------------------

    def key(self, yardstick: Yardstick, materials: dict[str, Any], name: str, seed: int) -> str:
        """The hash of what a yardstick's result depends on, for a run that is trained."""
        return stable_hash([__version__, yardstick.dump(), materials, _model_key(self.run(name, seed) / "model")])

    def result(self, yardstick: Yardstick, materials: dict[str, Any], name: str, seed: int) -> "Measured | str | None":
        """What was found, or why there is nothing to find; None where it was not measured, or on something else."""
        path = self.measured(name, seed) / f"{yardstick.kind()}.json"
        if not path.exists() or not self.is_trained(name, seed):
            return None
        facts = files.read_facts(path)
        if facts.get("key") != self.key(yardstick, materials, name, seed):
            return None
        if "left_out" in facts:
            return str(facts["left_out"])
        return Measured(facts["items"], _floats(facts["values"]), _floats(facts["weights"]), facts["kind"], facts["comparable"],
                        facts["sees"], facts["beside"])  # fmt: skip

    def keep(self, yardstick: Yardstick, key: str, found: "Measured | str", name: str, seed: int) -> None:
        """Write what was found, or why there is nothing to find."""
        to = self.measured(name, seed)
        to.mkdir(parents=True, exist_ok=True)
        if isinstance(found, str):
            facts: dict[str, Any] = {"left_out": found}
        else:
            facts = {column: getattr(found, column) for column in ("items", "values", "weights", "kind", "comparable", "sees",
                                                                   "beside")}  # fmt: skip
        files.write_json(to / f"{yardstick.kind()}.json", {"key": key, "yardstick": yardstick.dump(), **facts})


def _floats(values: list[float | None]) -> np.ndarray:
    """JSON has no infinity, and null in its place."""
    return np.array([math.inf if value is None else value for value in values], np.float64)


def _model_key(folder: Path) -> str:
    """The hash of a model folder's manifest, and so of its files; of its weights where it has none."""
    path = folder / (files.MANIFEST if (folder / files.MANIFEST).exists() else "model.safetensors")
    if not path.is_file():
        raise TelosError("a model must be a folder with config.json and model.safetensors", f"no model.safetensors in {folder}",
                         "give the model/ of a run")  # fmt: skip
    return files.sha256(path)


def _settings(entry: Entry) -> dict[str, Any]:
    """What makes a recipe this one, whatever the seed and the budget that follows from FLOPs."""
    dump = entry.recipe.dump()
    return dump | {"train": {name: value for name, value in dump["train"].items() if name not in ("seed", "budget")}}


def _first_change(old: Any, new: Any, path: str = "") -> tuple[str, Any, Any] | None:
    if isinstance(old, dict) and isinstance(new, dict):
        names = [*old, *(name for name in new if name not in old)]
        return next((c for n in names if (c := _first_change(old.get(n), new.get(n), f"{path}.{n}".strip(".")))), None)
    return None if old == new else (path, old, new)
