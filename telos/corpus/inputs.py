"""What there is to read, in its order, and how it is shared out: inputs of all sources, then buckets of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from telos.corpus.compression import inner_name
from telos.corpus.sources import Input, Source
from telos.foundation.random import key

BUCKET_BYTES = 1 << 25
"""Inputs are read together until they pass this size (estimated without compression)."""
READ_AT_MOST = 4
"""Of many inputs at most about so many times the text that is wanted is read: some is dropped, some is held out."""
READ_WHOLE_BYTES = 50_000_000
"""Up to this everything is read: it takes seconds."""
_EXPANSION = 4
"""About how much larger compressed text is when it is unpacked."""


@dataclass(frozen=True, slots=True)
class Job:
    """An input and the place of its source in the list; ``path`` is unique over all sources."""

    source: int
    item: Input
    path: str

    @property
    def estimated_bytes(self) -> int:
        """Of its text, unpacked."""
        packed = inner_name(self.item.path) != self.item.path or self.item.path.endswith(".parquet")
        return self.item.size_bytes * (_EXPANSION if packed else 1)


def gather(sources: Sequence[Source]) -> list[Job]:
    """All inputs in their order: by source, then path."""
    jobs, paths = [], set()
    for number, source in enumerate(sources):
        for item in sorted(source.inputs(), key=lambda item: item.path):
            path = item.path if item.path not in paths else f"{number + 1}/{item.path}"
            paths.add(path)
            jobs.append(Job(number, item, path))
    return jobs


def within_reach(jobs: list[Job], max_bytes: int | None, seed: int) -> list[Job]:
    """All inputs, or of many that hold far more than ``max_bytes`` a part, chosen by a hash of the path, so that choosing
    takes no reading and a larger ``max_bytes`` takes them and more; in their order."""
    total = sum(job.estimated_bytes for job in jobs)
    room = total if max_bytes is None else max(READ_WHOLE_BYTES, READ_AT_MOST * max_bytes)
    if total <= room:
        return jobs
    chosen = by_hash(jobs, seed)
    ends = np.cumsum([job.estimated_bytes for job in chosen])
    taken = {job.path for job in chosen[: max(1, int(np.searchsorted(ends, room, side="right")))]}
    return [job for job in jobs if job.path in taken]


def by_hash(jobs: list[Job], seed: int) -> list[Job]:
    """In an order that only the paths and the seed decide."""
    return sorted(jobs, key=lambda job: key(seed, f"inputs {job.path}"))


def buckets(jobs: list[Job]) -> Iterator[list[Job]]:
    """Consecutive inputs of about `BUCKET_BYTES` together."""
    bucket: list[Job] = []
    size = 0
    for job in jobs:
        bucket.append(job)
        size += job.estimated_bytes
        if size >= BUCKET_BYTES:
            yield bucket
            bucket, size = [], 0
    if bucket:
        yield bucket
