"""Batches whose content is a pure function of (seed, step).

An epoch is the documents in a permutation keyed by (seed, epoch), joined to one stream, cut into rows of equal length;
the rows are permuted again.  Every token is in exactly one row of the epoch, nothing is cropped, and only the epoch's last
row may be short.  Batch s holds rows s·B … s·B+B-1 of the endless sequence of epochs, so nothing but the step
need be remembered.  Tests: tests/tokens/test_batches.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from telos.foundation.random import generator
from telos.tokens.store import TokenStore


@dataclass(frozen=True, slots=True)
class Row:
    """``tokens`` (n,): the drawn ids, n = raw length (less in an epoch's last row).  ``previous``: the token before them
    in the stream (``end_of_text`` at the start).  ``documents`` (n,) int64: ordinal in the store of each token's document.
    ``number``: the row's place in the endless sequence, which keys its random draws.  A row that is one document may have its
    ``label`` (class id), its ``target`` (the ids of the text that it is paired with), ``negatives`` (those of texts that it is
    not to be taken for) and what else stands ``beside`` it (`telos.tokens.annotations.Annotations.of`).  ``follows``: in lanes,
    whether the row goes on where the same row of the step before ended; None where rows are independent.  ``marks`` (n,) uint8:
    which tokens begin words and sentences (`telos.tokens.marks`); None of a store without them.  ``weights`` (n,) float32: what
    each token counts in training; None where the data do not say."""

    tokens: np.ndarray
    previous: int
    documents: np.ndarray
    number: int
    label: int | None = None
    target: np.ndarray | None = None
    negatives: tuple[np.ndarray, ...] = ()
    beside: Mapping[str, Any] = field(default_factory=dict)
    follows: bool | None = None
    marks: np.ndarray | None = None
    weights: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class _Epoch:
    """One epoch's order.  ``documents``: ordinals as they stand in its stream; ``ends``: where each ends there;
    ``rows``: the stream's full rows as they are drawn (the short one, if any, comes after them)."""

    documents: np.ndarray
    ends: np.ndarray
    rows: np.ndarray


class Batches:
    """The batches of a store: rows of ``raw_length`` tokens, ``rows`` of them a step.

    A pure function of (seed, step): `batch_at` needs no history and gives the same in every process.  A new epoch costs a
    permutation of the documents (the last two are kept); a step costs nothing that grows with the store.  A store with
    fewer tokens than a row gives one short row an epoch, and a batch then goes through several epochs.
    """

    in_lanes = False
    """Whether rows follow one another over steps, as in `telos.tokens.lanes.Lanes`."""

    def __init__(self, store: TokenStore, raw_length: int, rows: int, seed: int):
        assert raw_length > 0, raw_length
        assert rows > 0, rows
        self.store, self.raw_length, self.rows, self.seed = store, raw_length, rows, seed
        self.rows_per_epoch = -(-store.num_tokens // raw_length)
        self._lengths = np.diff(store.starts)
        self._epochs: dict[int, _Epoch] = {}

    def batch_at(self, step: int) -> list[Row]:
        """The rows of the step after ``step`` completed ones: numbers step·rows … step·rows + rows − 1."""
        return [self.row_at(number) for number in range(step * self.rows, (step + 1) * self.rows)]

    def row_at(self, number: int) -> Row:
        """One row of the endless sequence of epochs."""
        epoch, place = divmod(number, self.rows_per_epoch)
        order = self._epoch(epoch)
        start = int(order.rows[place]) * self.raw_length if place < len(order.rows) else len(order.rows) * self.raw_length
        stop = min(start + self.raw_length, self.store.num_tokens)
        return row_of(self.store, order.documents, order.ends, slice(start, stop), number=number)

    def epoch_at(self, step: int) -> float:
        """Epochs drawn before this step, in rows: 1.5 is the middle of the second."""
        return step * self.rows / self.rows_per_epoch

    def tokens_at(self, step: int) -> int:
        """Tokens drawn before this step, exactly."""
        epoch, place = divmod(step * self.rows, self.rows_per_epoch)
        return epoch * self.store.num_tokens + place * self.raw_length

    def _epoch(self, number: int) -> _Epoch:
        if number not in self._epochs:
            documents = generator(self.seed, "documents", number).permutation(self.store.num_documents)
            full_rows = self.store.num_tokens // self.raw_length
            rows = generator(self.seed, "rows", number).permutation(full_rows)
            kept = list(self._epochs.items())[-1:]
            self._epochs = dict(kept) | {number: _Epoch(documents, np.cumsum(self._lengths[documents]), rows)}
        return self._epochs[number]


def row_of(
    store: TokenStore, documents: np.ndarray, ends: np.ndarray, place: slice, *, number: int, follows: bool | None = None
) -> Row:
    """A piece of the stream in which these ``documents`` of the store stand one after another and end at ``ends``."""
    start, stop = place.start, place.stop
    first, last = np.searchsorted(ends, [start, stop - 1], side="right")
    documents, ends = documents[first : last + 1], ends[first : last + 1]
    # Stream place + shift = store place, constant within a document.
    shifts = store.starts[documents + 1] - ends
    counts = np.diff(np.minimum(ends, stop), prepend=start)
    places = np.arange(start, stop) + np.repeat(shifts, counts)
    tokens, marks = store.take(places), None if store.marks is None else store.marks.take(places)
    weights = None if store.weights is None else store.weights[places]
    before = int(start + shifts[0])
    at_start = before == store.starts[documents[0]]
    previous = store.end_of_text if at_start else int(store.read(before - 1, before)[0])
    return Row(tokens, previous, np.repeat(documents, counts), number, follows=follows, marks=marks, weights=weights)
