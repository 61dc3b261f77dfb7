"""Sequences of unequal lengths side by side, without padding: time after time, at each time those that are not over.

The sequences stand in falling order of their lengths, so that those at time t + 1 are the first ones of those at time t.  A
packed array (n, …) holds time 0 of all sequences, then time 1 of those of at least two tokens, and so on.
Tests: tests/models/test_hmm.py (any split into sequences gives the same numbers).
"""

from collections.abc import Iterator

import numpy as np


class Packed:
    """``lengths`` and ``first``: of each sequence of a stream, tokens and place of the first one.

    ``places`` (n,) int64: place in the stream of each packed element.  ``rows[t]``: sequences that have a token at time t.
    """

    def __init__(self, first: np.ndarray, lengths: np.ndarray):
        order = np.argsort(-lengths, kind="stable")
        first, lengths = first[order], lengths[order]
        self.first = first
        longest = int(lengths[0]) if len(lengths) else 0
        self.rows = np.searchsorted(-lengths, -np.arange(longest), side="left")
        self._begins = np.concatenate([[0], np.cumsum(self.rows)])
        self.places = np.concatenate([first[:n] + t for t, n in enumerate(self.rows)]) if longest else np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self.places)

    def times(self) -> Iterator[slice]:
        """Where each time's elements stand, from the first time on."""
        for begin, rows in zip(self._begins[:-1].tolist(), self.rows.tolist(), strict=True):
            yield slice(begin, begin + rows)

    def befores(self) -> np.ndarray:
        """For each element after time 0, the packed place of the one before it in its sequence, int64 (n - rows[0],)."""
        after = np.arange(self._begins[1] if len(self.rows) else 0, len(self))
        return after - np.repeat(self.rows[:-1], self.rows[1:])


def sequences(tokens: np.ndarray, end: int) -> tuple[np.ndarray, np.ndarray]:
    """(first, lengths), int64, of the documents of a stream, each with the end of text that ends it."""
    first = np.flatnonzero(np.concatenate([[True], tokens[:-1] == end])) if len(tokens) else np.zeros(0, np.int64)
    return first, np.diff(np.append(first, len(tokens)))


def pieces(first: np.ndarray, lengths: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(first, lengths, whether it begins a sequence) of the sequences cut into pieces of at most ``most`` tokens."""
    each = -(-lengths // most)
    of = np.repeat(np.arange(len(first)), each)
    number = np.arange(len(of)) - np.repeat(np.cumsum(each) - each, each)
    return first[of] + number * most, np.minimum(most, lengths[of] - number * most), number == 0
