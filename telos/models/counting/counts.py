"""Counts of every n-gram of a stream, as sorted tables.

An n-gram of k ≥ 2 tokens is the integer key  id(context) × V + token, where the id of a context is its rank in the table
of k − 1 tokens (of one token: the token).  So any order and any vocabulary fit 64 bits, and the n-grams of one context
lie side by side.  Tests: tests/models/test_ngram.py (equality with a plain dictionary implementation).
"""

from dataclasses import dataclass

import numpy as np

STARTS_DOCUMENT, STARTS_PIECE = 1, 2
"""Values of ``starts``: a document begins at this token; a piece cut out of the middle of a document does."""


@dataclass(slots=True)
class Counts:
    """The n-grams of one length k.

    ``keys`` (m,) int64, ascending; the tokens themselves where k is 1.  ``raw`` (m,): how often each stands in the text.
    ``suffixes`` (m,): the id of each n-gram without its first token; empty where k is 1.  ``preceded`` (m,): how many distinct
    tokens stand before it, but ``raw`` where it opens a document (nothing stands before) and at the longest length; this is the
    adjusted count of Kneser-Ney smoothing (Chen & Goodman 1999, equation 17; Heafield et al. 2013, section 3.2).
    """

    keys: np.ndarray
    raw: np.ndarray
    suffixes: np.ndarray
    preceded: np.ndarray


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


def count(tokens: np.ndarray, end: int, size: int, order: int, starts: np.ndarray | None = None) -> list[Counts]:
    """Every n-gram of 1 … ``order`` tokens of a stream of at least one token, over a vocabulary of ``size``.

    No n-gram reaches into a document or piece (``starts``: see `depths`).  Takes one sort a length; about 50 bytes a token while
    it works.
    """
    depth, whole = depths(tokens, end, starts)
    ids = tokens.astype(np.int64)
    raw, at_start = np.bincount(tokens, minlength=size), np.zeros(size, bool)
    tables = [Counts(np.arange(size), raw, np.zeros(0, np.int64), raw)]
    for length in range(2, order + 1):
        places = np.flatnonzero(depth >= length - 2)
        before = np.concatenate([[end], ids[:-1]])
        if length == 2:
            before[(depth == 0) & whole] = end  # after a piece, something else may stand there
        packed = before[places] * size + tokens[places]
        by_key = np.argsort(packed)
        packed = packed[by_key]
        first = np.flatnonzero(np.concatenate([[True], packed[1:] != packed[:-1]])) if len(packed) else packed
        seen_at = places[by_key[first]]  # one occurrence of each n-gram
        suffixes = ids[seen_at]
        shorter = tables[-1]
        shorter.preceded = np.where(at_start, shorter.raw, np.bincount(suffixes, minlength=len(shorter.keys)))
        raw = np.diff(np.append(first, len(packed)))
        at_start = (depth[seen_at] == length - 2) & whole[seen_at]
        tables.append(Counts(packed[first], raw, suffixes, raw))
        longer = np.full(len(tokens), -1)
        longer[places[by_key]] = np.repeat(np.arange(len(first)), raw)
        ids = longer
    return tables


def kept(tables: list[Counts], min_counts: tuple[int, ...]) -> list[np.ndarray]:
    """For each length, bool (m,): the n-grams that stand at least so often in the text.  ``min_counts``: for 1, 2 … tokens, the
    last one for all longer ones; ascending, so that an n-gram that stays has its context and its suffix."""
    if not min_counts:
        return [np.ones(len(table.keys), bool) for table in tables]
    least = [min_counts[min(i, len(min_counts) - 1)] for i in range(len(tables))]
    return [np.ones(len(table.keys), bool) if n <= 1 else table.raw >= n for table, n in zip(tables, least, strict=True)]
