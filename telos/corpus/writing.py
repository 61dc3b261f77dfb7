"""The last step: documents that stayed go to their splits, in their order, cut and repeated as was decided."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from telos.corpus import shards
from telos.corpus.account import keep_smallest, smallest, snippet
from telos.corpus.clean import document_id
from telos.corpus.funnel import Stage
from telos.corpus.passes import batches
from telos.corpus.sample import cut_to
from telos.corpus.split import SPLITS, Split, SplitName, pieces
from telos.corpus.texts import HAN, Texts
from telos.corpus.work import Work

_LENGTH_BINS = 32
_SHARE_BINS = 20


class Writer:
    """Writes documents to their splits, cut by position where ``by_position`` is given, and counts what it writes."""

    def __init__(self, folder: Path, by_position: Split | None, documents: int):
        self.folder, self.by_position, self.at_line_ends = folder, by_position, documents > 1
        self.writers = {name: shards.ShardWriter(folder / name) for name in SPLITS}
        self.splits = {name: {"documents": 0, "bytes": 0, "characters": 0, "parts": 0} for name in SPLITS}
        self.sampled = Stage("sampled")
        self.ids = {name: hashlib.blake2b(digest_size=16) for name in SPLITS}
        self.described = Described()

    def take(self, table: pa.Table, target: np.ndarray, limit: np.ndarray, copies: np.ndarray | None) -> None:
        """Documents: the place in `SPLITS` of each, how many bytes of it may be trained on, and how often."""
        self.described.add(table)
        for place, name in enumerate(SPLITS):
            rows = target == place
            chosen, allowed = table.filter(pa.array(rows)), limit[rows]
            sizes = chosen["bytes"].to_numpy()
            if self.by_position is not None:
                self._take_in_parts(chosen, allowed)
            elif place:
                self._take_whole(name, chosen)
            elif copies is not None:
                self._take_copies(name, chosen, copies[rows])
            elif (sizes <= allowed).all():
                self._take_whole(name, chosen)
            else:
                self._drop(chosen.filter(pa.array(allowed == 0)))
                self._take_in_parts(chosen.filter(pa.array(allowed > 0)), allowed[allowed > 0])

    def _take_whole(self, name: SplitName, table: pa.Table) -> None:
        if table.num_rows:
            size = int(table["bytes"].to_numpy().sum())
            self.sampled.keep(size, size, table.num_rows)
            self._write(name, table)

    def _take_copies(self, name: SplitName, table: pa.Table, copies: np.ndarray) -> None:
        """Each document as often as its part of a mixture wants it; copies follow each other, with ids of their own."""
        self._drop(table.filter(pa.array(copies == 0)))
        self._take_whole(name, table.filter(pa.array(copies > 0)))
        for again in range(2, int(copies.max(initial=0)) + 1):
            more = table.filter(pa.array(copies >= again))
            ids = [document_id(f"copy {again}", one) for one in more["id"].to_pylist()]
            more = more.set_column(more.column_names.index("id"), "id", pa.array(ids, pa.string()))
            self.sampled.repeat(int(more["bytes"].to_numpy().sum()), more.num_rows)
            self._write(name, more)

    def _drop(self, table: pa.Table) -> None:
        if table.num_rows:
            self.sampled.drop("not_sampled", int(table["bytes"].to_numpy().sum()), table.num_rows)

    def _take_in_parts(self, table: pa.Table, limit: np.ndarray) -> None:
        made: dict[SplitName, list[dict[str, Any]]] = {name: [] for name in SPLITS}
        for row, allowed in zip(table.to_pylist(), limit.tolist(), strict=True):
            split, text = self.by_position, row["text"]
            parts = [text, "", ""] if split is None else pieces(text, split, self.at_line_ends)
            whole = sum(len(part.encode()) for part in parts)
            parts[0] = cut_to(parts[0], allowed)
            sizes = [len(part.encode()) for part in parts]
            self._count_cut(whole, sum(sizes))
            for name, part, size in zip(SPLITS, parts, sizes, strict=True):
                if part:
                    new = {"id": document_id(row["source"], part), "bytes": size, "characters": len(part), "text": part}
                    made[name].append(row | new)
        for name, rows in made.items():
            if rows:
                self._write(name, pa.Table.from_pylist(rows, schema=shards.schema()))

    def _count_cut(self, whole: int, kept: int) -> None:
        if kept:
            self.sampled.keep(kept, kept)
        if whole > kept:
            self.sampled.drop("not_sampled", whole - kept, documents=0 if kept else 1)

    def _write(self, name: SplitName, table: pa.Table) -> None:
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


def write_routed(work: Work, folder: Path) -> dict[str, int]:
    """Documents in other languages go to ``routed/LANGUAGE/``, as they were when they were found out; language → documents."""
    writers: dict[str, shards.ShardWriter] = {}
    counts: Counter[str] = Counter()
    for bucket in range(work.buckets - work.earlier):
        file = work.bucket(0, bucket) / "routed.parquet"
        for _, texts in batches(file) if file.exists() else ():
            table = with_sizes(texts)
            for language in pc.unique(table["language"]).to_pylist():
                writer = writers.setdefault(language, shards.ShardWriter(folder / "routed" / language))
                part = table.filter(pc.equal(table["language"], language))
                writer.append(part)
                counts[language] += part.num_rows
    for writer in writers.values():
        writer.close()
    return dict(sorted(counts.items()))


def with_sizes(texts: Texts) -> pa.Table:
    """The documents with their ``bytes`` and ``characters``."""
    table = texts.table.append_column("bytes", pa.array(texts.sizes))
    return table.append_column("characters", pc.cast(pc.utf8_length(texts.text), pa.int64()))


class Described:
    """Distributions over the documents that stayed, before they were sampled: what a report draws."""

    def __init__(self) -> None:
        self.characters = np.zeros(_LENGTH_BINS, np.int64)
        self.languages: Counter[str] = Counter()
        self.origins: dict[str, list[int]] = {}
        self.confidence, self.score = np.zeros(_SHARE_BINS, np.int64), np.zeros(_SHARE_BINS, np.int64)
        self.scripts: Counter[str] = Counter()
        self.samples: list[dict[str, Any]] = []

    def add(self, table: pa.Table) -> None:
        lengths = np.maximum(table["characters"].to_numpy(), 1)
        self.characters += np.bincount(np.log2(lengths).astype(np.int64), minlength=_LENGTH_BINS)[:_LENGTH_BINS]
        for language in table["language"].drop_null().to_pylist():
            self.languages[language] += 1
        for name, held in (("language_confidence", self.confidence), ("score", self.score)):
            shares = table[name].drop_null().to_numpy()
            np.add(held, np.histogram(np.clip(shares, 0, 1), _SHARE_BINS, (0, 1))[0], out=held)
        for source, size in zip(table["source"].to_pylist(), table["bytes"].to_pylist(), strict=True):
            origin = self.origins.setdefault(source.partition("/")[0].partition(":")[0], [0, 0])
            origin[0] += 1
            origin[1] += size

        self.scripts.update(np.where(Texts(table).scripts == HAN, "han", "spaced").tolist())
        self._draw(table)

    def _draw(self, table: pa.Table) -> None:
        ids = table["id"].to_pylist()
        for place in smallest(ids, self.samples):
            text = table["text"][place].as_py()
            self.samples.append({"id": ids[place], "source": table["source"][place].as_py(), "text": snippet(text),
                                 "characters": len(text)})  # fmt: skip
        keep_smallest(self.samples)

    def as_dict(self) -> dict[str, Any]:
        """``characters``: documents by ⌊log2 of their characters⌋; ``language_confidence`` and ``score``: documents by twentieths
        of 0–1; ``languages``: code → documents; ``scripts``: of `Texts.scripts` → documents; ``origins``: first part of the
        source → [documents, bytes], the largest 50."""
        largest = sorted(self.origins.items(), key=lambda item: (-item[1][1], item[0]))[:50]
        return {
            "characters": self.characters.tolist(), "languages": dict(sorted(self.languages.items())),
            "scripts": dict(sorted(self.scripts.items())),
            "language_confidence": self.confidence.tolist(), "score": self.score.tolist(), "origins": dict(largest),
        }  # fmt: skip
