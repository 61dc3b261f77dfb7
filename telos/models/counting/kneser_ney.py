"""Counts and discounts of interpolated modified Kneser-Ney smoothing, as sorted tables.

    p_k(w | c) = (a(c w) − D_k(a(c w))) / a(c ·)  +  γ_k(c) · p_{k−1}(w | c without its first token)
    γ_k(c)     = Σ_w D_k(a(c w)) / a(c ·)                      p_0(w) = 1 / V

Chen & Goodman 1999, "An empirical study of smoothing techniques for language modeling", section 3.  The adjusted count
a is the raw count at the highest order, and below it the number of distinct tokens that precede (equation 17); an n-gram
that begins at a document's start has none, and keeps its raw count, as in Heafield et al. 2013, section 3.2.

An n-gram of k ≥ 2 tokens is the integer key  id(context) × V + token, where the id of a context is its rank in the table
of k − 1 tokens (of one token: the token).  So any order and any vocabulary fit 64 bits, and the n-grams of one context
lie side by side.  Tests: tests/models/test_ngram.py (equality with a plain dictionary implementation).
"""

from dataclasses import dataclass

import numpy as np

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""Used where counts of counts say nothing (KenLM's choice for ``--discount_fallback``)."""


def discounts(counts: np.ndarray) -> np.ndarray:
    """(0, D1, D2, D3+), float64: what is taken off counts of 0, 1, 2 and 3 or more.

    With n_i the number of n-grams whose count is i and Y = n1 / (n1 + 2 n2):
    D1 = 1 − 2Y n2/n1,  D2 = 2 − 3Y n3/n2,  D3+ = 3 − 4Y n4/n3   (Chen & Goodman 1999, equation 26).
    Where one of n1 … n4 is zero or a D is not positive (small or regular texts), one discount Y for all (Ney et al. 1994)
    if n1 and n2 allow it; else `FALLBACK_DISCOUNTS`.
    """
    n1, n2, n3, n4 = (int((counts == i).sum()) for i in (1, 2, 3, 4))
    if n1 and n2:
        y = n1 / (n1 + 2 * n2)
        if n3 and n4:
            each = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
            if min(each) > 0:
                return np.array([0.0, *each])
        return np.array([0.0, y, y, y])
    return np.array([0.0, *FALLBACK_DISCOUNTS])


@dataclass(slots=True)
class Table:
    """The n-grams of one length.

    ``keys`` (m,) int64, ascending; ``counts`` (m,) uint32, adjusted.  Per context, that is per n-gram of the length
    below: ``totals`` uint32, a(c ·), and ``backoffs`` float64, γ(c), which is 1 where the context was never followed.
    """

    keys: np.ndarray
    counts: np.ndarray
    discounts: np.ndarray
    totals: np.ndarray
    backoffs: np.ndarray

    @classmethod
    def of(cls, keys: np.ndarray, counts: np.ndarray, contexts: int, size: int) -> "Table":
        """Discounts and the facts of each of ``contexts`` contexts, for a vocabulary of ``size`` tokens."""
        taken = discounts(counts)
        context = keys // size
        totals = np.bincount(context, weights=counts, minlength=contexts)
        off = np.bincount(context, weights=taken[np.minimum(counts, 3)], minlength=contexts)
        backoffs = np.divide(off, totals, out=np.ones(contexts), where=totals > 0)
        return cls(keys, counts, taken, totals.astype(np.uint32), backoffs)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Rank of each key, int64; -1 where the n-gram was not seen."""
        ranks = np.searchsorted(self.keys, keys)
        ranks[ranks == len(self.keys)] = 0
        seen = self.keys[ranks] == keys if len(self.keys) else np.zeros(len(keys), bool)
        return np.where(seen, ranks, -1)

    def left(self, ranks: np.ndarray) -> np.ndarray:
        """a − D(a) of the n-grams with these ranks, 0 for rank -1; float64."""
        counts = np.where(ranks >= 0, self.counts[ranks], 0) if len(self.counts) else np.zeros(len(ranks), np.uint32)
        return counts - self.discounts[np.minimum(counts, 3)]

    @property
    def state_bytes(self) -> int:
        return sum(a.nbytes for a in (self.keys, self.counts, self.totals, self.backoffs))


def unigram(counts: np.ndarray) -> np.ndarray:
    """p_1 over the vocabulary, float64 (V,), from the adjusted count of each token."""
    total = int(counts.sum())
    if total == 0:
        return np.full(len(counts), 1 / len(counts))
    off = discounts(counts)[np.minimum(counts, 3)]
    return (counts - off + off.sum() / len(counts)) / total


STARTS_DOCUMENT, STARTS_PIECE = 1, 2
"""Values of ``starts``: a document begins at this token; a piece cut out of the middle of a document does."""


def depths(tokens: np.ndarray, end: int, starts: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """For each token of a stream: how many tokens of its own document stand before it, int64 (n,), and whether the document
    is there from its start, bool (n,).  ``starts`` (n,): see above; None where every document is whole.  What stands before
    a piece is unknown, so its tokens count from -1."""
    marks = np.zeros(len(tokens), np.int8) if starts is None else starts.copy()
    begins = np.concatenate([[True], tokens[:-1] == end])
    marks[begins & (marks == 0)] = STARTS_DOCUMENT
    first = np.flatnonzero(marks)
    lengths = np.diff(np.append(first, len(tokens)))
    whole = np.repeat(marks[first] == STARTS_DOCUMENT, lengths)
    return np.arange(len(tokens)) - np.repeat(first, lengths) - ~whole, whole


def count(
    tokens: np.ndarray, end: int, size: int, order: int, starts: np.ndarray | None = None
) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Adjusted counts of every n-gram of a stream of at least one token: those of the ``size`` tokens, uint32 (V,), and
    for each length 2 … ``order`` (keys, counts).  No n-gram reaches into a document or piece (``starts``: see `depths`).
    Takes one sort a length; about 50 bytes a token while it works."""
    depth, whole = depths(tokens, end, starts)
    ids = tokens.astype(np.int64)
    raw, at_start = np.bincount(tokens, minlength=size), np.zeros(size, bool)
    keys, adjusted, tables = np.arange(size), raw, []
    for length in range(2, order + 1):
        places = np.flatnonzero(depth >= length - 2)
        before = np.concatenate([[end], ids[:-1]])
        if length == 2:
            before[(depth == 0) & whole] = end  # after a piece, something else may stand there
        context = before[places]
        packed = context * size + tokens[places]
        by_key = np.argsort(packed)
        packed = packed[by_key]
        first = np.flatnonzero(np.concatenate([[True], packed[1:] != packed[:-1]])) if len(packed) else packed
        seen_at = places[by_key[first]]  # one occurrence of each n-gram
        extensions = np.bincount(ids[seen_at], minlength=len(keys))
        adjusted = np.where(at_start, raw, extensions)
        tables.append((keys, adjusted.astype(np.uint32)))
        keys, raw, at_start = (
            packed[first],
            np.diff(np.append(first, len(packed))),
            (depth[seen_at] == length - 2) & whole[seen_at],
        )
        longer = np.full(len(tokens), -1)
        longer[places[by_key]] = np.repeat(np.arange(len(first)), raw)
        ids = longer
    tables.append((keys, raw.astype(np.uint32)))
    return tables[0][1], tables[1:]
