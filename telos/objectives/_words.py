"""Whole words of a row, and which of them are hidden together.

A word is a token that begins one (`telos.tokens.marks`) and those behind it that begin none; so is what a row has of a word that
began before it.  Ends of text are no part of any.  None of both draws hides more tokens than asked for, unless the first word
drawn is longer.

    words    in random order, each that still fits (Devlin et al. 2019; whole-word masking as in the code published with it; for
             segmented Chinese: Cui et al. 2019, "Pre-Training with Whole Word Masking for Chinese BERT", section 3.1)
    spans    begin at the word of a token drawn from those not hidden yet; their lengths in words are ℓ ~ Geo(0.2) given ℓ ≤ 10,
             so 3.8 on average; a span ends where its document does (Joshi et al. 2020, "SpanBERT", section 3.1)

Tests: tests/objectives/test_masked.py (against a plain loop; rates and lengths, English and Chinese).
"""

from typing import NamedTuple

import numpy as np

from telos.tokens.batches import Row
from telos.tokens.marks import WORD

SPAN_PROBABILITY, LONGEST_SPAN = 0.2, 10
"""p and the most words of a span; SpanBERT's."""

_LENGTHS_BELOW = np.cumsum((1 - SPAN_PROBABILITY) ** np.arange(LONGEST_SPAN))
_LENGTHS_BELOW /= _LENGTHS_BELOW[-1]


class Words(NamedTuple):
    """``places`` (N,): of the tokens that words are made of, in the row.  ``edges`` (W + 1,): where each word begins among them,
    and N.  ``pieces`` (W,): which of the row's documents each is in."""

    places: np.ndarray
    edges: np.ndarray
    pieces: np.ndarray


def words_of(row: Row, end_of_text: int, mark: int = WORD) -> Words:
    """The words of a row that has marks, or what another mark says begins."""
    from telos.objectives.kernels.pieces import words

    return Words(*words(row.tokens, row.documents, marks_of(row), mark, end_of_text))


def marks_of(row: Row) -> np.ndarray:
    assert row.marks is not None, "an objective with needs_marks is given rows with marks"
    return row.marks


def draw_words(words: Words, most: int, rng: np.random.Generator) -> np.ndarray:
    """bool (W,): words of at most ``most`` tokens in all."""
    chosen = np.zeros(len(words.pieces), bool)
    order = rng.permutation(len(chosen))
    sizes = (words.edges[1:] - words.edges[:-1])[order]
    through = np.cumsum(sizes)
    at = int(np.searchsorted(through, most, side="right"))  # up to here every word fits
    chosen[order[:at]] = True
    left = most - int(through[at - 1]) if at else most
    while left > 0:
        fitting = np.flatnonzero(sizes[at:] <= left)
        if not len(fitting):
            break
        at += int(fitting[0])
        chosen[order[at]] = True
        left -= int(sizes[at])
        at += 1
    if not chosen.any():
        chosen[order[:1]] = True
    return chosen


def draw_spans(words: Words, most: int, rng: np.random.Generator) -> np.ndarray:
    """bool (W,): spans of words of at most ``most`` tokens in all."""
    from telos.objectives.kernels.words import spans_of_words

    lots = rng.random(len(words.places))
    anchors = rng.permutation(len(words.places))
    return spans_of_words(words.edges, words.pieces, anchors, lots, _LENGTHS_BELOW, most)
