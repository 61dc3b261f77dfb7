"""The documents of all buckets counted through, those of an earlier corpus first: a document's place is one number.

Test: tests/corpus/test_places.py.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from telos.corpus.dedup import Bucket, Observed


class Places:
    """``buckets`` in the order of places; bucket k holds ``starts[k]`` to ``starts[k + 1]``."""

    def __init__(self, seen: Observed):
        self.seen = seen
        self.buckets = sorted(seen.buckets, key=lambda bucket: not bucket.fixed)
        self.starts = np.concatenate([[0], np.cumsum([bucket.documents for bucket in self.buckets])]).astype(np.int64)
        self.documents = int(self.starts[-1])
        self.fixed = int(sum(bucket.documents for bucket in self.buckets if bucket.fixed))
        """Places below this are of an earlier corpus."""

    def spans(self) -> Iterator[tuple[Bucket, int, int]]:
        """(bucket, its first place, the place after its last)."""
        yield from zip(self.buckets, self.starts[:-1].tolist(), self.starts[1:].tolist(), strict=True)

    def by_bucket(self, places: np.ndarray) -> Iterator[tuple[Bucket, np.ndarray, slice]]:
        """For each bucket in which some of these sorted places lie: the bucket, their rows, and which of the places they are."""
        for bucket, start, end in self.spans():
            low, high = np.searchsorted(places, [start, end]).tolist()
            if high > low:
                yield bucket, places[low:high] - start, slice(low, high)

    def columns(self, names: list[str]) -> Iterator[tuple[str, np.ndarray]]:
        """Whole uint64 columns of observations with one row a document, by name, read in groups that fit into memory."""
        together = max(1, _TOGETHER_BYTES // (8 * max(1, self.documents)))
        for first in range(0, len(names), together):
            group = names[first : first + together]
            tables = [self.seen.table(bucket, group) for bucket in self.buckets]
            for name in group:
                yield name, np.concatenate([np.zeros(0, np.uint64), *(table[name].to_numpy() for table in tables)])

    def facts(self, places: np.ndarray, names: list[str]) -> pa.Table:
        """Facts of the documents at these sorted places; each bucket is read once."""
        tables = [self.seen.facts(bucket, names).select(names).take(pa.array(rows)) for bucket, rows, _ in self.by_bucket(places)]
        return pa.concat_tables(tables).combine_chunks()


_TOGETHER_BYTES = 1 << 26
