"""Batches of whole documents, for objectives whose unit is the document: its class, its translation, its summary.

An epoch is the documents in a permutation keyed by (seed, epoch); a row is one document without the end of text behind it, cut
at ``longest`` tokens.  Batch s holds rows s·B … s·B+B-1 of the endless sequence of epochs, so it is a pure function of (seed,
step) as those of `telos.tokens.batches` are.  Grouped by length, each `POOL` batches of the permutation share out their documents
so that those of a batch are of about one length, and little is padding (Khomenko et al. 2016, arXiv:1708.05604, sequence
bucketing); which batch comes first is drawn too.  Tests: tests/tokens/test_documents.py.
"""

import math

import numpy as np

from telos.foundation.random import generator
from telos.tokens.batches import Row
from telos.tokens.store import TokenStore

POOL = 16
"""Batches that share out their documents by length: enough that a batch of them has nearly one, few enough that a document meets
others in every epoch."""


def document_row(store: TokenStore, document: int, longest: int, number: int = 0) -> Row:
    """One document of a store as a row."""
    start, stop = int(store.starts[document]), int(store.starts[document + 1]) - 1
    stop = min(stop, start + longest)
    tokens, marks = store.read(start, stop), None if store.marks is None else store.marks.read(start, stop)
    target = None if store.targets is None else store.targets.document(document)
    negatives = tuple(stream.document(document) for stream in store.negatives)
    places = np.full(len(tokens), document, np.int64)
    weights = None if store.weights is None else np.array(store.weights[start : start + len(tokens)])
    return Row(tokens, store.end_of_text, places, number, label=store.label(document), target=target, negatives=negatives,
               beside=store.annotations.of(document), marks=marks, weights=weights)  # fmt: skip


class DocumentBatches:
    """As `telos.tokens.batches.Batches`, with documents for rows.  ``batch_tokens``: about how many tokens a step draws; its rows
    are as many as hold them on average, ``together`` or a multiple of it.  ``raw_length``: tokens of an average row.
    ``group_by_length``: documents of about one length to a batch."""

    in_lanes = False

    def __init__(
        self, store: TokenStore, longest: int, batch_tokens: int, seed: int, together: int = 1, *, group_by_length: bool = False
    ):
        assert longest > 0, longest
        self.store, self.longest, self.seed, self.group_by_length = store, longest, seed, group_by_length
        self._lengths = np.minimum(np.diff(store.starts) - 1, longest)
        self._epoch_tokens = int(self._lengths.sum())
        self.raw_length = max(1, math.ceil(self._epoch_tokens / store.num_documents))
        self.rows = max(1, batch_tokens // (self.raw_length * together)) * together
        self._orders: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def batch_at(self, step: int) -> list[Row]:
        """The rows of the step after ``step`` completed ones: numbers step·rows … step·rows + rows − 1."""
        return [self.row_at(number) for number in range(step * self.rows, (step + 1) * self.rows)]

    def row_at(self, number: int) -> Row:
        """One row of the endless sequence of epochs."""
        epoch, place = divmod(number, self.store.num_documents)
        return document_row(self.store, int(self._order(epoch)[0][place]), self.longest, number)

    def epoch_at(self, step: int) -> float:
        """Epochs drawn before this step: 1.5 is the middle of the second."""
        return step * self.rows / self.store.num_documents

    def tokens_at(self, step: int) -> int:
        """Tokens drawn before this step, exactly."""
        epoch, place = divmod(step * self.rows, self.store.num_documents)
        return epoch * self._epoch_tokens + (int(self._order(epoch)[1][place - 1]) if place else 0)

    def _order(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """(documents as they stand in the epoch, tokens drawn behind each); the last two epochs are kept."""
        if epoch not in self._orders:
            rng = generator(self.seed, "documents", epoch)
            documents = rng.permutation(self.store.num_documents)
            if self.group_by_length:
                documents = self._grouped(documents, -epoch * self.store.num_documents % self.rows, rng)
            kept = list(self._orders.items())[-1:]
            self._orders = dict(kept) | {epoch: (documents, np.cumsum(self._lengths[documents]))}
        return self._orders[epoch]

    def _grouped(self, documents: np.ndarray, first: int, rng: np.random.Generator) -> np.ndarray:
        """The documents in an order whose batches have about one length each.  ``first``: how many of them end a batch that the
        epoch before began; those, and the rest that fills no batch, stay where they are."""
        whole = (len(documents) - first) // self.rows
        if whole < 1:
            return documents
        body = documents[first : first + whole * self.rows]
        batches: list[np.ndarray] = []
        for pool in np.array_split(body, range(POOL * self.rows, len(body), POOL * self.rows)):
            by_length = pool[np.argsort(self._lengths[pool], kind="stable")].reshape(-1, self.rows)
            batches += [*by_length[rng.permutation(len(by_length))]]
        return np.concatenate([documents[:first], *batches, documents[first + len(body) :]])
