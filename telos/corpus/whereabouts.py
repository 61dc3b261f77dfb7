"""What became of a document: in which split it is, or at which stage it went and why."""

from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from telos.corpus import shards
from telos.corpus.corpus import Corpus
from telos.corpus.splits import SPLITS
from telos.corpus.survivors import DROPPED_FILE
from telos.foundation.errors import TelosError, nearest

_SHOWN = 20


def find(folder: str | Path, name: str) -> dict[str, Any]:
    """Everything that the corpus knows of a document, by its path, ``path:place`` or id.

    ``kept``: split, source, id of each that stayed; ``dropped``: source, id, stage, reason, detail of each that went; ``inputs``:
    what could not be read.  A path stands for all documents in it.  `TelosError` where nothing is known under that name."""
    corpus = Corpus.open(folder)
    kept = [{"split": split} | row for split in SPLITS for part in shards.parts(corpus.folder / split)
            for row in _matching(part, ["source", "id", "characters", "language"], name)]  # fmt: skip
    dropped = _matching(corpus.folder / DROPPED_FILE, ["source", "id", "stage", "reason", "detail", "bytes"], name)
    inputs = [entry | {"outcome": outcome} for outcome in ("skipped", "quarantined", "repaired")
              for entry in corpus.facts[outcome] if _matches(entry["source"], name)]  # fmt: skip
    if not (kept or dropped or any(entry["outcome"] != "repaired" for entry in inputs)):
        files = [*(part for split in SPLITS for part in shards.parts(corpus.folder / split)), corpus.folder / DROPPED_FILE]
        known = [name for file in files for name in pq.read_table(file, columns=["source"])["source"].to_pylist()]
        meant = nearest(name, known[:20_000])
        fix = f"write '{meant}'" if meant else "give its path as it stands in the corpus, path:line, or its id"
        raise TelosError(f"{folder} must know the document", f"nothing under '{name}', neither kept nor dropped",
                         fix)  # fmt: skip
    return {"document": name, "kept": kept, "dropped": dropped, "inputs": inputs}


def _matching(file: Path, columns: list[str], name: str) -> list[dict[str, Any]]:
    source = pc.field("source")
    wanted = (source == name) | (pc.field("id") == name) | pc.starts_with(source, name + ":") | pc.starts_with(source, name + "/")
    return pq.read_table(file, columns=columns, filters=wanted).to_pylist()


def _matches(source: str, name: str) -> bool:
    return source == name or source.startswith((f"{name}:", f"{name}/"))


def render(found: dict[str, Any]) -> str:
    """Lines for the terminal."""
    lines = []
    for row in found["dropped"]:
        why = f": {row['detail']}" if row["detail"] else ""
        lines.append(f"{row['source']}  dropped by {row['stage']} for {row['reason']}{why}  ({row['bytes']} bytes, {row['id']})")
    for entry in found["inputs"]:
        what = entry.get("reason") or f"read as {entry['encoding']}"
        lines.append(f"{entry['source']}  {entry['outcome']}: {what}")
    lines += [f"{row['source']}  kept, in {row['split']}  ({row['characters']} characters, {row['id']})" for row in found["kept"]]
    more = f"\n… and {len(lines) - _SHOWN} more (all with --json)" if len(lines) > _SHOWN else ""
    return "\n".join(lines[:_SHOWN]) + more
