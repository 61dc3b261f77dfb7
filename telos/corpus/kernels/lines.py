"""What a document's lines begin and end with, how long they are, and which stood before."""

import numpy as np

from telos.corpus.kernels.first_seen import slots_for
from telos.corpus.kernels.repetition import repeated
from telos.corpus.kernels.words import ENDS_IN_ELLIPSIS
from telos.foundation.compiled import compiled


@compiled
def is_one_of(c: int, marks: np.ndarray) -> bool:
    """Whether a code point is in a short list."""
    held = False
    for mark in marks:
        held |= c == mark
    return held


@compiled
def count_lines(line_spans: np.ndarray, firsts: np.ndarray, lasts: np.ndarray, sizes: np.ndarray, flags: np.ndarray,
                bullets: np.ndarray, terminals: np.ndarray, short: int) -> np.ndarray:  # fmt: skip
    """int64 (documents, 4): lines that begin with one of ``bullets``, that end in an ellipsis, that end in one of
    ``terminals``, that have fewer than ``short`` characters."""
    counts = np.zeros((len(line_spans), 4), np.int64)
    for i in range(len(line_spans)):
        for p in range(line_spans[i, 0], line_spans[i, 1]):
            counts[i, 0] += is_one_of(firsts[p], bullets)
            counts[i, 1] += (flags[p] & ENDS_IN_ELLIPSIS) != 0
            counts[i, 2] += is_one_of(lasts[p], terminals)
            counts[i, 3] += sizes[p] < short
    return counts


@compiled
def repeated_characters(line_spans: np.ndarray, hashes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """int64, one a document: characters of lines that stood before."""
    longest = 1
    for i in range(len(line_spans)):
        longest = max(longest, line_spans[i, 1] - line_spans[i, 0])
    slots, seen, order = np.empty(slots_for(longest), np.int32), np.empty(longest, np.int32), np.arange(longest, dtype=np.int32)
    characters = np.zeros(len(line_spans), np.int64)
    for i in range(len(line_spans)):
        lo, hi = line_spans[i]
        characters[i] = repeated(hashes[lo:hi], sizes[lo:hi], hi - lo, slots, seen, order)[1]
    return characters
