"""A stream of token ids on disk, cut into shards and read through memory maps: what a token store is made of.

Shards are files of ``shard_tokens`` values (little-endian), the last one shorter; ``starts`` (int64) says where each document
begins, so a document may cross shards.  Beside a stream there may be others of one value a token, in shards of their own.
Tests: tests/tokens/test_store.py, tests/tokens/test_marked_store.py.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

INT64 = np.dtype("<i8")


class Shards:
    """Values of one type, one a token of a stream, in files ``{name}-00000.bin`` …."""

    def __init__(self, folder: Path, num_tokens: int, shard_tokens: int, dtype: np.dtype, name: str):
        self.num_tokens, self.shard_tokens, self.dtype = num_tokens, shard_tokens, dtype
        self._shards = [open_map(folder / shard_name(i, name), dtype) for i in range(-(-num_tokens // shard_tokens))]

    def read(self, start: int, stop: int) -> np.ndarray:
        """The values from ``start`` up to ``stop``; no copy where they lie in one shard."""
        assert 0 <= start <= stop <= self.num_tokens, (start, stop, self.num_tokens)
        first, last = start // self.shard_tokens, max(start, stop - 1) // self.shard_tokens
        if first == last and start < stop:
            return self._shards[first][start - first * self.shard_tokens : stop - first * self.shard_tokens]
        parts = []
        while start < stop:
            shard, offset = divmod(start, self.shard_tokens)
            end = min(stop, (shard + 1) * self.shard_tokens)
            parts.append(self._shards[shard][offset : offset + end - start])
            start = end
        return np.concatenate(parts) if parts else np.zeros(0, self.dtype)

    def take(self, places: np.ndarray) -> np.ndarray:
        """The values at these places (int64), in their order."""
        if len(self._shards) == 1:
            return self._shards[0][places]
        shards, offsets = np.divmod(places, self.shard_tokens)
        taken = np.empty(len(places), self.dtype)
        for shard in np.unique(shards):
            here = shards == shard
            taken[here] = self._shards[shard][offsets[here]]
        return taken


class Stream(Shards):
    """An open stream: ``num_tokens`` ids in files ``{prefix}tokens-00000.bin`` …, and ``{prefix}starts.bin``."""

    def __init__(self, folder: Path, num_tokens: int, shard_tokens: int, dtype: np.dtype, prefix: str = ""):
        super().__init__(folder, num_tokens, shard_tokens, dtype, f"{prefix}tokens")
        self.starts = open_map(folder / f"{prefix}starts.bin", INT64)

    def document(self, i: int) -> np.ndarray:
        """The ids of one document, what ends it included."""
        return self.read(int(self.starts[i]), int(self.starts[i + 1]))


class ShardWriter:
    """Appends values to the files of `Shards`."""

    def __init__(self, folder: Path, shard_tokens: int, dtype: np.dtype, name: str):
        assert shard_tokens > 0
        self.folder, self.shard_tokens, self.dtype, self.name = folder, shard_tokens, dtype, name
        self.num_tokens = 0

    def append(self, values: np.ndarray) -> None:
        """Going on in the next shard where one is full."""
        done = 0
        while done < len(values):
            shard, offset = divmod(self.num_tokens, self.shard_tokens)
            part = values[done : done + self.shard_tokens - offset].astype(self.dtype, copy=False)
            append(self.folder / shard_name(shard, self.name), part)
            done += len(part)
            self.num_tokens += len(part)


class StreamWriter(ShardWriter):
    """Appends documents to a stream's files; its memory does not grow with their number."""

    def __init__(self, folder: Path, shard_tokens: int, dtype: np.dtype, prefix: str = ""):
        super().__init__(folder, shard_tokens, dtype, f"{prefix}tokens")
        self.prefix = prefix
        append(folder / f"{prefix}starts.bin", np.zeros(1, INT64))

    def add(self, documents: Sequence[np.ndarray], end: int) -> None:
        """Append documents, each with ``end`` behind it."""
        lengths = np.array([len(ids) + 1 for ids in documents], INT64)
        append(self.folder / f"{self.prefix}starts.bin", self.num_tokens + np.cumsum(lengths, dtype=INT64))
        last = np.array([end], self.dtype)
        self.append(np.concatenate([part for ids in documents for part in (ids.astype(self.dtype), last)]))


def shard_name(number: int, name: str) -> str:
    return f"{name}-{number:05d}.bin"


def open_map(path: Path, dtype: np.dtype) -> np.ndarray:
    # A view as plain ndarray: slicing np.memmap itself costs several microseconds.
    return np.memmap(path, dtype, mode="r").view(np.ndarray)


def append(path: Path, values: np.ndarray) -> None:
    with open(path, "ab") as file:
        file.write(values.tobytes())
