"""Lines or paragraphs of a batch of texts, and the texts without some of them.

A line ends at a line feed; a paragraph is a run of lines that are not blank.  Two are equal where they differ in white space
only, by 64 bits of hash: among 10⁹ different passages two are taken for equal with probability 0.03.
Test: tests/corpus/test_passages.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from telos.corpus.texts import Texts

_AT_ONCE_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class Passages:
    """One value a passage, in the order of the texts: ``rows`` uint32, the text's; ``starts``, ``ends`` int64, its bytes in
    `Texts.data`; ``hashes`` uint64; ``characters`` uint32, without white space."""

    rows: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    hashes: np.ndarray
    characters: np.ndarray

    def totals(self, documents: int) -> np.ndarray:
        """Characters of each text."""
        return np.bincount(self.rows, self.characters, documents).astype(np.int64)

    def numbers(self) -> np.ndarray:
        """The place of each among its text's, from 0."""
        fresh = np.flatnonzero(np.diff(self.rows, prepend=np.uint32(0xFFFFFFFF)))
        return np.arange(len(self.rows)) - fresh.repeat(np.diff(fresh, append=len(self.rows)))


def passages(texts: Texts, *, by_line: bool) -> Passages:
    """All lines, or paragraphs, that are not blank."""
    from telos.corpus.kernels.passages import split

    offsets = texts.offsets
    room = int(np.count_nonzero(texts.data[offsets[0] : offsets[-1]] == ord("\n"))) + len(texts)
    made = [np.empty(room, kind) for kind in (np.uint32, np.int64, np.int64, np.uint64, np.uint32)]
    found = split(texts.data, offsets, by_line, *made)
    return Passages(*(column[:found] for column in made))


def without(texts: Texts, found: Passages, removed: np.ndarray) -> pa.LargeStringArray:
    """The texts without the passages that a bool array names."""
    from telos.corpus.kernels.passages import without as cut

    data, offsets = cut(texts.data, texts.offsets, found.rows, found.starts, found.ends, removed)
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(data))


def recurring(hashes: Callable[[], Iterator[np.ndarray]], least: int) -> np.ndarray:
    """Hashes that stand at least so many times in what ``hashes`` gives each time that it is called, sorted.  They are counted by
    ranges of hashes, so that no more than a quarter of a gigabyte is held at a time."""
    total = sum(len(part) for part in hashes())
    parts = np.uint64(max(1, -(-16 * total // _AT_ONCE_BYTES)))
    found = []
    for number in range(int(parts)):
        chosen = [part[(part >> np.uint64(32)) * parts >> np.uint64(32) == number] if parts > 1 else part for part in hashes()]
        ordered = np.sort(np.concatenate([np.zeros(0, np.uint64), *chosen]))
        firsts = np.flatnonzero(np.concatenate([np.ones(min(1, len(ordered)), bool), ordered[1:] != ordered[:-1]]))
        found.append(ordered[firsts[np.diff(firsts, append=len(ordered)) >= least]])
    return np.concatenate(found)


def numbers_in(known: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """The place of each hash in a sorted array, or −1."""
    if not len(known):
        return np.full(len(hashes), -1)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.where(known[at] == hashes, at, -1)
