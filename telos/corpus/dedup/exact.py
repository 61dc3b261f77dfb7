"""Exact deduplication: of documents with equal normalised text the first by source is kept.

Equal are texts that differ in composition (NFC) and white space only: equal 128-bit hashes (`telos.corpus.clean.fingerprint`).
Of a text that several questions are asked of (`telos.corpus.annotations`), each question makes another document.
Test: tests/corpus/dedup/test_exact.py.
"""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import orjson
import pyarrow as pa

from telos.corpus.clean import fingerprint, fingerprints
from telos.corpus.dedup import Decision, Deduplication, Observed, drop_table
from telos.corpus.texts import Texts


class Exact(Deduplication):
    """It has no settings."""

    reasons: ClassVar[tuple[str, ...]] = ("exact_duplicate",)

    def observe(self, texts: Texts) -> pa.Table:
        """The two halves of each text's fingerprint, uint64."""
        halves = _with_questions(texts, fingerprints(texts))
        return pa.table({"high": halves[:, 0], "low": halves[:, 1]})

    def decide(self, seen: Observed) -> Iterator[Decision]:
        """Of documents with equal hashes all but the first; one of an earlier corpus comes before all."""
        buckets = sorted(seen.buckets, key=lambda bucket: not bucket.fixed)
        ends = np.cumsum([bucket.documents for bucket in buckets])
        hashes = [np.concatenate(part) for part in zip(*(_halves(seen.table(b)) for b in buckets), strict=True)]
        alive = np.concatenate([bucket.alive for bucket in buckets])
        places = np.flatnonzero(alive)
        high, low = hashes[0][places], hashes[1][places]
        order = np.lexsort((places, low, high))
        same = np.zeros(len(order), bool)
        same[1:] = (high[order][1:] == high[order][:-1]) & (low[order][1:] == low[order][:-1])
        first = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
        dropped, keepers = places[order[same]], places[order[first[same]]]
        by_place = np.argsort(dropped)
        dropped, keepers = dropped[by_place], keepers[by_place]
        sources = _Sources(seen, buckets, ends)
        for bucket, end in zip(buckets, ends.tolist(), strict=True):
            if not bucket.fixed:
                here = slice(*np.searchsorted(dropped, [end - bucket.documents, end]))
                rows = dropped[here] - (end - bucket.documents)
                yield Decision(bucket.number, drop_table(rows, 1, sources.of(keepers[here]), np.ones(len(rows))))


def _with_questions(texts: Texts, halves: np.ndarray) -> np.ndarray:
    """The fingerprints, those of texts with a question mixed with its own."""
    metadata = texts.table["metadata"].to_pylist() if "metadata" in texts.table.column_names else []
    asked = {row: orjson.loads(one).get("question") for row, one in enumerate(metadata) if one and '"question":' in one}
    if not asked:
        return halves
    halves = halves.copy()
    for row, question in asked.items():
        halves[row] ^= np.frombuffer(bytes.fromhex(fingerprint(str(question))), ">u8").astype(np.uint64)
    return halves


def _halves(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    return table["high"].to_numpy(), table["low"].to_numpy()


class _Sources:
    """The names of documents by their place over all buckets, read a bucket at a time as they are asked for."""

    def __init__(self, seen: Observed, buckets: list, ends: np.ndarray):
        self.seen, self.buckets, self.ends = seen, buckets, ends

    def of(self, places: np.ndarray) -> list[str | None]:
        found: list[str | None] = [None] * len(places)
        owners = np.searchsorted(self.ends, places, side="right")
        for owner in np.unique(owners).tolist():
            bucket = self.buckets[owner]
            rows = places[owners == owner] - (self.ends[owner] - bucket.documents)
            names = self.seen.facts(bucket, ["source"])["source"].take(pa.array(rows)).to_pylist()
            for place, name in zip(np.flatnonzero(owners == owner).tolist(), names, strict=True):
                found[place] = name
        return found
