"""Near deduplication: of documents whose shingles largely agree one is kept.

    J(A, B) = |A ∩ B| ÷ |A ∪ B|   over the sets of shingles
    P(A and B share the key of a band) = 1 − (1 − J^r)^b   for b bands of r rows (Leskovec, Rajaraman, Ullman, section 3.4)

Shingles are n words in a row, in lower case, where words are set apart by spaces, and n characters in a row in Chinese and
Japanese (`Texts.scripts`, chosen for each document); only letters, marks and digits count (`telos.corpus.folding`).  A text
with fewer than n words or characters has one shingle, its whole folded text; a text with none matches nothing.

n = 5 and 112 hash functions are FineWeb's (Penedo et al. 2024, section 3.4; there 14 bands of 8 rows); J ≥ 0.8 is that of Lee
et al. 2022, section 4.2.  28 bands of 4 rows are ours: they find a pair with J = 0.8 with probability 1 − 4·10⁻⁷, and one with
J = 0.87 (two Chinese paragraphs of 150 characters that differ in one block of 4 %) with 1 − 10⁻¹⁰, where 14 × 8 finds 0.924
and 0.994.  That more pairs with small J meet, too, costs time only, since every pair is verified.

A document is dropped only where its exact similarity with the one that is kept reaches the threshold.  The choice is greedy
in the order of preference (an earlier corpus first, then the longest or the earliest, then the id): a document is kept unless
a kept one before it matches.  Documents joined by verified pairs, also through dropped ones, are one cluster, which a split
does not part.

Cost.  `observe` stores 8 bytes a band and 4 a document.  `decide` holds 28 bytes for each document (its set; one band's keys
and their order), or 64 MB where that is more; for each that shares a key with another, 4 bytes a band and 120 more; and 22
bytes a band for the documents that are compared in one go: 250,000, or more where one component of the graph of shared keys
is larger.  Shingle sets (8 bytes a shingle of documents that share a key) stay in memory up to 512 MB and lie in a temporary
file beyond.  Each text is read back at most once.  Time is linear in documents: of the documents under one key the first 256
kept ones and the first 256 dropped ones are looked at, and a document is compared with at most 64 of each, those with the most
keys in common first; n copies of one text take n comparisons.

Test: tests/corpus/dedup/test_near.py, against exact similarities of real and planted pairs in both languages.
"""

import functools
import os
import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from telos.corpus import folding
from telos.corpus.dedup import FACTS, Decision, Deduplication, Observed, drop_table
from telos.corpus.places import Places
from telos.corpus.texts import HAN, Texts
from telos.foundation.machine import cores
from telos.foundation.random import generator

_LONGEST_LIST, _MOST_COMPARED = 256, 64
_TOGETHER = 250_000
_READ_BYTES = 1 << 25
_IN_MEMORY_BYTES = 1 << 29
_SURE = 0.95


class Near(Deduplication):
    """``threshold``: the Jaccard similarity from which two documents are copies.  ``shingle_words``, ``shingle_characters``: n
    where words are set apart by spaces, and in Chinese.  ``bands``, ``rows``: as above.  ``keep``: the longest of the copies,
    or the earliest by the field "date" (ISO 8601, compared as text; documents without one come last)."""

    reasons: ClassVar[tuple[str, ...]] = ("near_duplicate",)

    threshold: float = Field(0.8, gt=0, le=1)
    shingle_words: int = Field(5, ge=1, le=64)
    shingle_characters: int = Field(5, ge=1, le=64)
    bands: int = Field(28, ge=1, le=256)
    rows: int = Field(4, ge=1, le=64)
    keep: Literal["longest", "earliest"] = "longest"

    @model_validator(mode="after")
    def _finds_what_it_should(self) -> "Near":
        if self.probability(self.threshold) < _SURE:
            raise ValueError(
                f"bands and rows must find pairs at the threshold with probability {_SURE}: 1 − (1 − {self.threshold:g}^"
                f"{self.rows})^{self.bands} is {self.probability(self.threshold):.2f}; more bands or fewer rows find more"
            )
        return self

    def probability(self, jaccard: float) -> float:
        """That a pair of that similarity shares a band."""
        return 1 - (1 - jaccard**self.rows) ** self.bands

    # -- observe --------------------------------------------------------------------------------------------------------

    def observe(self, texts: Texts) -> pa.Table:
        """The key of each band (uint64, 0 for a text without shingles), and how many shingles there are."""
        from telos.corpus.kernels.minhash import band_keys

        a, b = _functions(self.bands * self.rows)
        keys, counts = band_keys(texts.data, texts.offsets, *self._shingles(texts), a, b, self.bands, self.rows)
        columns = {name: keys[band] for band, name in enumerate(self._names())}
        return pa.table(columns | {"shingles": counts.astype(np.uint32)})

    def _shingles(self, texts: Texts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The folding of characters; whether a text's shingles are of characters; and of how many units."""
        by_character = texts.scripts == HAN
        return folding.table(), by_character, np.where(by_character, self.shingle_characters, self.shingle_words)

    def _names(self) -> list[str]:
        return [f"band_{band:03d}" for band in range(self.bands)]

    # -- decide ---------------------------------------------------------------------------------------------------------

    def decide(self, seen: Observed) -> Iterator[Decision]:
        """Copies, verified; with clusters."""
        places = Places(seen)
        meeting = self._meeting(places)
        sets, starts, sizes = self._sets(places, meeting)
        keepers, alike, first = self._choose(meeting, sets, starts, sizes)
        at, key = meeting.places, meeting.content_keys
        clusters = _smallest(first, key, meeting.fixed)
        dropped = np.flatnonzero(keepers >= 0)
        dropped = dropped[np.argsort(at[dropped])]
        kept = at[keepers[dropped]]
        names = np.unique(kept)
        sources = places.facts(names, ["source"])["source"] if len(names) else pa.array([], pa.string())
        by_place = np.argsort(at)
        for bucket, start, end in places.spans():
            if bucket.fixed:
                continue
            low, high = np.searchsorted(at[dropped], [start, end]).tolist()
            keeper = sources.take(pa.array(np.searchsorted(names, kept[low:high]))).to_pylist()
            ties = seen.facts(bucket, ["key"])["key"].to_numpy().copy()
            here = by_place[slice(*np.searchsorted(at[by_place], [start, end]))]
            ties[at[here] - start] = clusters[here]
            rows = at[dropped[low:high]] - start
            yield Decision(bucket.number, drop_table(rows, 1, keeper, alike[dropped[low:high]]), ties)

    def _meeting(self, places: Places) -> "_Meeting":
        """Documents that share a key with another, in the order of preference in each component of the graph of shared keys."""
        from telos.corpus.kernels.copies import roots, union_equal

        assert places.documents < 2**31, "one near deduplication takes up to 2^31 documents"
        alive = np.concatenate([np.zeros(0, bool), *(bucket.alive for bucket in places.buckets)])
        parent = np.arange(places.documents, dtype=np.int32)
        for _, keys in places.columns(self._names()):
            keys[~alive] = 0
            union_equal(keys, np.argsort(keys), parent)
        roots(parent)
        at = np.flatnonzero(np.bincount(parent, minlength=places.documents)[parent] > 1)
        facts = places.facts(at, ["id", "key", "bytes", "date"]) if len(at) else FACTS.empty_table()
        order = np.lexsort((*self._preference(facts), at >= places.fixed, parent[at]))
        at = at[order]
        keys = np.empty((self.bands, len(at)), np.uint32)
        for band, (_, column) in enumerate(places.columns(self._names())):
            keys[band] = column[at]
        return _Meeting(at, parent[at], at < places.fixed, facts["key"].to_numpy()[order], facts["bytes"].to_numpy()[order], keys)

    def _preference(self, facts: pa.Table) -> list[np.ndarray]:
        """Sorting keys, the last the first to look at."""
        ids = np.frombuffer(bytes.fromhex("".join(facts["id"].to_pylist())), ">u8").astype(np.uint64).reshape(-1, 2)
        if self.keep == "longest":
            return [ids[:, 1], ids[:, 0], -facts["bytes"].to_numpy()]
        return [ids[:, 1], ids[:, 0], _order(facts["date"].combine_chunks())]

    def _sets(self, places: Places, meeting: "_Meeting") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Their shingle sets, sorted, in one array; where each starts in it, and its size."""
        from telos.corpus.kernels.shingles import shingle_sets

        by_place = np.argsort(meeting.places)
        at, sizes = meeting.places[by_place], meeting.bytes[by_place]
        tables = [(rows, places.seen.table(bucket, ["shingles"])) for bucket, rows, _ in places.by_bucket(at)]
        counts = [table["shingles"].to_numpy()[rows] for rows, table in tables]
        ends = np.cumsum(np.concatenate([np.zeros(1, np.int64), *counts]), dtype=np.int64)
        sets = _array(int(ends[-1]))
        distinct = np.zeros(len(at), np.int64)

        def fill(texts: pa.LargeStringArray, part: slice) -> None:
            batch = Texts(pa.table({"text": texts}))
            distinct[part] = shingle_sets(batch.data, batch.offsets, *self._shingles(batch), ends[part], sets)

        with ThreadPoolExecutor(max_workers=cores()) as pool:
            waiting: deque[Future[None]] = deque()
            for bucket, rows, where in places.by_bucket(at):
                for part in _parts(sizes[where], _READ_BYTES):
                    texts = places.seen.texts(bucket, rows[part])
                    waiting.append(pool.submit(fill, texts, slice(where.start + part.start, where.start + part.stop)))
                    if len(waiting) > cores():
                        waiting.popleft().result()
            for future in waiting:
                future.result()
        starts, found = np.empty(len(at), np.int64), np.empty(len(at), np.int64)
        starts[by_place], found[by_place] = ends[:-1], distinct
        return sets, starts, found

    def _choose(
        self, meeting: "_Meeting", sets: np.ndarray, starts: np.ndarray, sizes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For each: its keeper (−1: it is kept), the similarity, and the first of its cluster; component by component."""
        from telos.corpus.kernels.copies import choose

        keepers = np.full(len(meeting.places), -1, np.int64)
        alike, first = np.zeros(len(keepers)), np.zeros(len(keepers), np.int64)
        ends = np.flatnonzero(np.diff(meeting.components, append=-1)) + 1
        start = 0
        while start < len(keepers):
            end = int(ends[max(np.searchsorted(ends, start + _TOGETHER, "right") - 1, np.searchsorted(ends, start, "right"))])
            here = slice(start, end)
            groups = _groups(meeting.components[here], meeting.keys[:, here])
            found, alike[here], tied = choose(
                groups, meeting.fixed[here], sets, starts[here], sizes[here], self.threshold, _MOST_COMPARED, _LONGEST_LIST
            )
            keepers[here] = np.where(found >= 0, found + start, -1)
            first[here] = tied + start
            start = end
        return keepers, alike, first


@dataclass(frozen=True, slots=True)
class _Meeting:
    """Documents that share a key with another, sorted by component and there by preference.  ``components``: the component's
    first place.  ``keys``: (bands, documents) uint32, halves of their keys: equal in one component for another reason than an
    equal key is a pair more to compare."""

    places: np.ndarray
    components: np.ndarray
    fixed: np.ndarray
    content_keys: np.ndarray
    bytes: np.ndarray
    keys: np.ndarray


def _smallest(first: np.ndarray, keys: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """The smallest content key of each document's cluster: among those of an earlier corpus, whose split is known, if any."""
    smallest, known = np.full((2, len(keys)), np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(smallest, first, keys)
    np.minimum.at(known, first[fixed], keys[fixed])
    has_known = np.zeros(len(keys), bool)
    has_known[first[fixed]] = True
    return np.where(has_known, known, smallest)[first]


@functools.cache
def _functions(count: int) -> tuple[np.ndarray, np.ndarray]:
    """a (odd) and b of ``count`` hash functions, rounded up to a multiple of four; the same in every corpus."""
    drawn = generator(0, "minhash").bit_generator.random_raw(-(-count // 4) * 4)
    return drawn.astype(np.uint32) | np.uint32(1), (drawn >> np.uint64(32)).astype(np.uint32)


def _groups(components: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """As `telos.corpus.kernels.copies.choose` asks for them."""
    groups = np.full(keys.shape, -1, np.int32)
    for band, halves in enumerate(keys):
        code = (components.astype(np.uint64) << np.uint64(32)) | halves
        order = np.argsort(code)
        fresh = np.concatenate([[True], np.diff(code[order]) != 0])
        firsts = np.flatnonzero(fresh)
        members = np.diff(firsts, append=len(order))
        groups[band, order] = np.where(members > 1, firsts, -1).repeat(members)
    return groups


def _order(dates: pa.StringArray) -> np.ndarray:
    """A number by which dates sort as their texts do; those that are null or empty come last."""
    coded = pc.if_else(pc.equal(dates, ""), None, dates).dictionary_encode()
    ranks = np.empty(len(coded.dictionary), np.int64)
    ranks[pc.array_sort_indices(coded.dictionary).to_numpy()] = np.arange(len(ranks))
    return np.append(ranks, len(ranks))[coded.indices.fill_null(len(ranks)).to_numpy(zero_copy_only=False)]


def _array(length: int) -> np.ndarray:
    """Room for that many uint64, in memory or in a temporary file that goes with the last reference to it."""
    if 8 * length <= _IN_MEMORY_BYTES:
        return np.empty(length, np.uint64)
    with tempfile.TemporaryFile() as file:
        if hasattr(os, "posix_fallocate"):  # a full disk is an error now, not a signal later
            os.posix_fallocate(file.fileno(), 0, 8 * length)
        file.truncate(8 * length)
        return np.memmap(file, np.uint64, "r+", shape=(length,))


def _parts(sizes: np.ndarray, most: int) -> Iterator[slice]:
    """Slices whose sizes sum up to at most so much, or hold one."""
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + most, "right")))
        yield slice(start, stop)
        start = stop
