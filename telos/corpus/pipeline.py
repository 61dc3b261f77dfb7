"""From sources to a corpus: read → clean → deduplicate → split → sample → Parquet.

Text passes through memory a bucket of inputs at a time: a Daft plan reads and cleans each bucket, and a Parquet file takes
the survivors in their order.  Only ids and hashes enter the group-by that finds duplicates, and only numbers the split.
What an input breaks travels as a value in its row and is raised when the plan has ended, so that an error is ours and names
its file and line.

Deterministic: inputs are sorted by path, documents keep their order in them, ties go to the first, ids are hashes, parts
have our own names.  The same inputs and settings give the same bytes.  Test: tests/corpus/test_pipeline.py.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from telos.corpus import shards
from telos.corpus.clean import Clean, document_id
from telos.corpus.corpus import FACTS, FORMAT, Corpus
from telos.corpus.funnel import Stage
from telos.corpus.sample import byte_limits, cut_to
from telos.corpus.sources import ADD_TEXT, Source
from telos.corpus.split import SPLITS, Documents, Split, SplitName, pieces
from telos.corpus.staging import Staging, first_of_each, gather, stage, within_reach
from telos.foundation.errors import TelosError
from telos.foundation.files import commit_folder, require_free, write_json, writing
from telos.foundation.progress import progress

_LISTED = 1000
"""How many skipped and repaired files corpus.json names; the funnel counts all."""


def build_corpus(
    sources: Sequence[Source] | Source, clean: Clean | None = None, split: Split | None = None, out: str | Path = "corpus", *,
    max_bytes: int | None = None, seed: int = 1,
) -> Corpus:  # fmt: skip
    """Build the corpus of one or more sources in the folder ``out`` (replaced as a whole, or not at all).

    ``max_bytes``: keep about that much training text, chosen by content hash (see `telos.corpus.sample`); validation and
    test stay as they are.  Where many files hold far more, only some are read (`staging.within_reach`), and ``unread`` in
    corpus.json says how many were not.  ``seed`` keys split and sample.  `TelosError` for what a user can mend.
    """
    sources = [sources] if isinstance(sources, Source) else list(sources)
    clean, split, out = clean or Clean(), split or Split.parse({}), Path(out)
    _refuse_to_replace(out)
    everything = gather(sources)
    jobs = within_reach(everything, max_bytes, seed)
    on_disk = sum(job.item.size_bytes * job.expansion for job in jobs)
    require_free(out.parent, 2 * on_disk, "building the corpus")
    with writing(out), commit_folder(out) as folder:
        with progress("corpus", sum(job.item.size_bytes for job in jobs), "B") as advance:
            staging = stage(folder / ".staging", sources, jobs, clean, advance)
        facts = _finish(folder, staging, split, deduplicate=clean.deduplicate, max_bytes=max_bytes, seed=seed)
        staging.remove()
        settings = {"sources": [s.dump() for s in sources], "clean": clean.dump(), "split": split.dump(),
                    "max_bytes": max_bytes, "seed": seed}  # fmt: skip
        unread = {"files": len(everything) - len(jobs),
                  "bytes": sum(j.item.size_bytes for j in everything) - sum(j.item.size_bytes for j in jobs)}  # fmt: skip
        write_json(folder / FACTS, {"format": FORMAT, "settings": settings, "unread": unread} | facts)
    return Corpus.open(out)


def _finish(
    folder: Path, staging: Staging, split: Split, *, deduplicate: bool, max_bytes: int | None, seed: int
) -> dict[str, Any]:
    """Decide from hashes and sizes what goes where, write the splits, and return the facts for corpus.json."""
    if staging.clean.documents_out == 0:
        raise _nothing_left(staging)
    keep = first_of_each(staging) if deduplicate else np.ones(staging.clean.documents_out, bool)
    duplicates = _stage_of("deduplicate", staging.sizes, keep, "exact_duplicate")
    documents = Documents(staging.keys[keep], staging.sizes[keep], staging.characters[keep])
    assignment = split.assign(documents, seed)

    target = np.full(len(keep), len(SPLITS), np.uint8)
    target[keep] = 0 if assignment.split is None else assignment.split
    limits = byte_limits(documents, split, assignment, max_bytes, seed)
    limit = np.zeros(len(keep), np.int64)
    limit[keep] = limits
    written = _Written(folder, split if assignment.split is None else None, len(documents))
    offset = 0
    for table in staging.tables():
        rows = slice(offset, offset + table.num_rows)
        written.take(table, target[rows], limit[rows])
        offset += table.num_rows
    written.close()
    stages = [staging.read, staging.clean, duplicates, *([written.sampled] if max_bytes is not None else [])]
    assert stages[-1].bytes_out == sum(s["bytes"] for s in written.splits.values()), "bytes were lost between stages"
    return {
        "hash": written.hash(), "split_note": assignment.note, "splits": written.splits,
        "funnel": [s.as_dict() for s in stages], "repaired": staging.repaired[:_LISTED], "skipped": staging.skipped[:_LISTED],
    }  # fmt: skip


def _refuse_to_replace(out: Path) -> None:
    """What is replaced must be a corpus: never a folder that holds somebody's texts."""
    if not out.exists() or (out / FACTS).exists():
        return
    names = sorted(p.name for p in out.iterdir()) if out.is_dir() else []
    if names or not out.is_dir():
        found = f"a folder with {', '.join(names[:3])}{' …' if len(names) > 3 else ''}" if names else "a file"
        raise TelosError(f"{out} must be a new folder, an empty one, or an earlier corpus", found, "choose another --out")


def _nothing_left(staging: Staging) -> TelosError:
    reasons = staging.read.dropped + staging.clean.dropped
    counts = ", ".join(f"{n} {reason}" for reason, n in sorted(reasons.items())) or "no documents in the files"
    names = ", ".join(s["source"] for s in staging.skipped[:3])
    return TelosError("the corpus must hold text", f"no document with any: {counts}{f' ({names})' if names else ''}", ADD_TEXT)


def _stage_of(name: str, sizes: np.ndarray, keep: np.ndarray, reason: str) -> Stage:
    made = Stage(name)
    kept = int(sizes[keep].sum())
    made.keep(kept, kept, int(keep.sum()))
    if not keep.all():
        made.drop(reason, int(sizes[~keep].sum()), int((~keep).sum()))
    return made


class _Written:
    """Writes documents to their splits, cut by position where ``by_position`` is given, and counts what it writes."""

    def __init__(self, folder: Path, by_position: Split | None, documents: int):
        self.by_position, self.at_line_ends = by_position, documents > 1
        self.writers = {name: shards.ShardWriter(folder / name) for name in SPLITS}
        self.splits = {name: {"documents": 0, "bytes": 0, "characters": 0, "parts": 0} for name in SPLITS}
        self.sampled = Stage("sampled")
        self.ids = {name: hashlib.blake2b(digest_size=16) for name in SPLITS}

    def take(self, table: Any, target: np.ndarray, limit: np.ndarray) -> None:
        """Staged documents: the place in `SPLITS` of each (past the end: dropped), and how many bytes it may train."""
        import pyarrow as pa

        for place, name in enumerate(SPLITS):
            chosen, allowed = table.filter(pa.array(target == place)), limit[target == place]
            sizes = chosen["bytes"].to_numpy()
            if self.by_position is not None:
                self._take_in_parts(chosen, allowed)
            elif place or (sizes <= allowed).all():
                self._take_whole(name, chosen)
            else:
                self._drop(chosen.filter(pa.array(allowed == 0)))
                self._take_in_parts(chosen.filter(pa.array(allowed > 0)), allowed[allowed > 0])

    def _take_whole(self, name: SplitName, table: Any) -> None:
        if table.num_rows:
            size = int(table["bytes"].to_numpy().sum())
            self.sampled.keep(size, size, table.num_rows)
            self._write(name, table)

    def _drop(self, table: Any) -> None:
        if table.num_rows:
            self.sampled.drop("not_sampled", int(table["bytes"].to_numpy().sum()), table.num_rows)

    def _take_in_parts(self, table: Any, limit: np.ndarray) -> None:
        import pyarrow as pa

        made: dict[SplitName, list[tuple[str, str, int, int, str]]] = {name: [] for name in SPLITS}
        for row, allowed in zip(table.select(["source", "text"]).to_pylist(), limit.tolist(), strict=True):
            parts = (
                [row["text"], "", ""] if self.by_position is None else pieces(row["text"], self.by_position, self.at_line_ends)
            )
            whole = sum(len(part.encode()) for part in parts)
            parts[0] = cut_to(parts[0], allowed)
            sizes = [len(part.encode()) for part in parts]
            self._count_cut(whole, sum(sizes))
            for name, part, size in zip(SPLITS, parts, sizes, strict=True):
                if part:
                    made[name].append((document_id(row["source"], part), row["source"], size, len(part), part))
        for name, rows in made.items():
            if rows:
                columns = [pa.array(column) for column in zip(*rows, strict=True)]
                self._write(name, pa.Table.from_arrays(columns, names=list(shards.COLUMNS)))

    def _count_cut(self, whole: int, kept: int) -> None:
        if kept:
            self.sampled.keep(kept, kept)
        if whole > kept:
            self.sampled.drop("not_sampled", whole - kept, documents=0 if kept else 1)

    def _write(self, name: SplitName, table: Any) -> None:
        self.writers[name].append(table)
        facts = self.splits[name]
        facts["documents"] += table.num_rows
        facts["bytes"] += int(table["bytes"].to_numpy().sum())
        facts["characters"] += int(table["characters"].to_numpy().sum())
        self.ids[name].update("".join(table["id"].to_pylist()).encode())

    def hash(self) -> str:
        """Over the ids of each split in their order, however they were grouped on the way."""
        return hashlib.blake2b(b"".join(self.ids[name].digest() for name in SPLITS), digest_size=16).hexdigest()

    def close(self) -> None:
        for name, writer in self.writers.items():
            writer.close()
            self.splits[name]["parts"] = writer.parts
