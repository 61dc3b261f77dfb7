"""Boilerplate: lines that stand in many documents (navigation, cookie notices, 版权所有) are removed from all of them.

    removed: lines of min_characters to max_characters that stand in at least
    max(min_documents, ⌈min_fraction × documents⌉) different documents

Equal are lines that differ in white space only; a line counts once a document.  An earlier corpus counts, and stays as it is.
That lines which recur over pages are furniture is an old observation (Bar-Yossef and Rajagopalan 2002 cut templates by repeated
passages); the numbers are ours: a line that stands in 50 documents, and is no longer than 200 characters, so that a quotation or
a licence stays for `paragraph` and `exact` to judge.  Not for code, whose lines repeat for good reasons.

Cost: `observe` stores 12 bytes a different line of a document; `decide` holds a quarter of a gigabyte while it counts, then 8
bytes a line that goes.
Test: tests/corpus/dedup/test_boilerplate.py.
"""

import math
from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from telos.corpus.dedup import Bucket, Decision, Deduplication, Observed
from telos.corpus.filters import Verdict
from telos.corpus.passages import numbers_in, passages, recurring, without
from telos.corpus.texts import Texts


class Boilerplate(Deduplication):
    """``min_documents``, ``min_fraction``: in how many documents, and in what share of them, a line must stand.
    ``min_characters``, ``max_characters``: of what length (white space not counted).  ``min_left_fraction``: a document that
    keeps less of its characters, or none, is dropped."""

    reasons: ClassVar[tuple[str, ...]] = ("only_boilerplate",)
    changes_text: ClassVar[bool] = True

    min_documents: int = Field(50, ge=2)
    min_fraction: float = Field(0.0, ge=0, le=1)
    min_characters: int = Field(4, ge=1)
    max_characters: int = Field(200, ge=1)
    min_left_fraction: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _some_length(self) -> "Boilerplate":
        if self.min_characters > self.max_characters:
            raise ValueError("min_characters must be at most max_characters")
        return self

    def observe(self, texts: Texts) -> pa.Table:
        """``row`` and ``hash`` of each different line of a document."""
        found = passages(texts, by_line=True)
        some = (found.characters >= self.min_characters) & (found.characters <= self.max_characters)
        rows, hashes = found.rows[some], found.hashes[some]
        order = np.lexsort((hashes, rows))
        rows, hashes = rows[order], hashes[order]
        fresh = np.ones(len(rows), bool)
        fresh[1:] = (rows[1:] != rows[:-1]) | (hashes[1:] != hashes[:-1])
        return pa.table({"row": rows[fresh], "hash": hashes[fresh]})

    def decide(self, seen: Observed) -> Iterator[Decision]:
        """``hash`` of the lines that go from each bucket."""
        documents = sum(int(bucket.alive.sum()) for bucket in seen.buckets)
        least = max(self.min_documents, math.ceil(self.min_fraction * documents))
        gone = recurring(lambda: (_hashes(seen, bucket) for bucket in seen.buckets), least)
        for bucket in seen.buckets:
            if not bucket.fixed:
                here = np.unique(numbers_in(gone, _hashes(seen, bucket)))
                yield Decision(bucket.number, pa.table({"hash": gone[here[here >= 0]]}))

    def apply(self, texts: Texts, decision: pa.Table) -> Verdict:
        gone = decision["hash"].to_numpy()
        if not len(gone):
            return Verdict.keep_all(texts)
        found = passages(texts, by_line=True)
        removed = numbers_in(gone, found.hashes) >= 0
        lost = np.bincount(found.rows[removed], found.characters[removed], len(texts))
        left = found.totals(len(texts)) - lost
        empty = (lost > 0) & ((left == 0) | (left < self.min_left_fraction * (left + lost)))
        verdict = Verdict(empty.astype(np.uint8), {"text": without(texts, found, removed)})
        verdict.counts = Counter({
            "lines_removed": int(removed.sum()), "characters_removed": int(lost.sum()),
            "documents_changed": int((lost > 0).sum()),
        })  # fmt: skip
        return verdict


def _hashes(seen: Observed, bucket: Bucket) -> np.ndarray:
    table = seen.table(bucket, ["row", "hash"])
    return table["hash"].to_numpy()[bucket.alive[table["row"].to_numpy()]]
