"""Batches for models that carry a state: row b of a step goes on where row b of the step before it ended.

An epoch is the documents in a permutation keyed by (seed, epoch), joined to one stream, cut into as many lanes of equal length
as a step has rows (some one token longer); step s of the epoch reads the next ``raw_length`` tokens of every lane.  Every token
is in exactly one row of the epoch, and what a step holds is a pure function of (seed, step).

    row b of step s > 0:   lane b from min(s·L, n − (S − s)) on,     L raw_length, n tokens of a short lane, S steps an epoch

So only the last rows of an epoch are short, and none is empty.  A share `ANEW` of the rows starts anew where its lane goes on:
a model of long documents would else hardly ever begin without a state, as it does whenever it is asked (docs/log.md).
Tests: tests/tokens/test_lanes.py.
"""

from dataclasses import dataclass

import numpy as np

from telos.foundation.random import generator
from telos.tokens.batches import Row, row_of
from telos.tokens.store import TokenStore

ANEW = 0.02
"""Share of the rows that do not go on from the state that their lane left."""


@dataclass(frozen=True, slots=True)
class _Epoch:
    """``documents``: ordinals as they stand in the epoch's stream; ``ends``: where each ends there."""

    documents: np.ndarray
    ends: np.ndarray


class Lanes:
    """As `telos.tokens.batches.Batches`, in lanes.  A store with fewer tokens than ``rows`` has as many rows as tokens."""

    in_lanes = True

    def __init__(self, store: TokenStore, raw_length: int, rows: int, seed: int):
        assert raw_length > 1, "a row of one token would leave no room for lanes of unequal length"
        assert rows > 0, rows
        self.store, self.raw_length, self.rows, self.seed = store, raw_length, min(rows, store.num_tokens), seed
        self._short, self._longer = divmod(store.num_tokens, self.rows)  # tokens of a short lane; lanes with one more
        self.steps_per_epoch = -(-(self._short + (self._longer > 0)) // raw_length)
        self._lengths = np.diff(store.starts)
        self._epochs: dict[int, _Epoch] = {}

    def batch_at(self, step: int) -> list[Row]:
        """The rows of the step after ``step`` completed ones, one of each lane."""
        return [self.row_at(number) for number in range(step * self.rows, (step + 1) * self.rows)]

    def row_at(self, number: int) -> Row:
        """Row ``number`` mod rows of step ``number`` ÷ rows."""
        step, lane = divmod(number, self.rows)
        epoch, place = divmod(step, self.steps_per_epoch)
        begin = lane * self._short + min(lane, self._longer)
        last = place + 1 == self.steps_per_epoch
        length = self._short + (lane < self._longer) if last else self._cut(place + 1)
        order, piece = self._epoch(epoch), slice(begin + self._cut(place), begin + length)
        return row_of(self.store, order.documents, order.ends, piece, number=number,
                      follows=place > 0 and generator(self.seed, "anew", number).random() >= ANEW)  # fmt: skip

    def _cut(self, place: int) -> int:
        """Tokens of a lane before this step of the epoch: enough are left for each step to have one."""
        return min(place * self.raw_length, self._short - (self.steps_per_epoch - place)) if place else 0

    def epoch_at(self, step: int) -> float:
        """Epochs drawn before this step: 1.5 is the middle of the second."""
        return step / self.steps_per_epoch

    def tokens_at(self, step: int) -> int:
        """Tokens drawn before this step, exactly."""
        epoch, place = divmod(step, self.steps_per_epoch)
        return epoch * self.store.num_tokens + self.rows * self._cut(place)

    def _epoch(self, number: int) -> _Epoch:
        if number not in self._epochs:
            documents = generator(self.seed, "documents", number).permutation(self.store.num_documents)
            kept = list(self._epochs.items())[-1:]
            self._epochs = dict(kept) | {number: _Epoch(documents, np.cumsum(self._lengths[documents]))}
        return self._epochs[number]
