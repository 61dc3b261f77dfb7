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

from telos.objectives._paired import pieces_of
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


def words_of(row: Row, end_of_text: int) -> Words:
    """The words of a row that has marks."""
    marks = marks_of(row)
    places = np.flatnonzero(row.tokens != end_of_text)
    _, pieces, _ = pieces_of(row, end_of_text)
    begins = (marks[places] & WORD).astype(bool)
    begins[:1] = True
    begins[1:] |= pieces[1:] != pieces[:-1]
    first = np.flatnonzero(begins)
    return Words(places, np.append(first, len(places)), pieces[first])


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
    total, count = len(words.places), len(words.pieces)
    edges = words.edges.tolist()
    of = np.repeat(np.arange(count), words.edges[1:] - words.edges[:-1]).tolist()
    behind = np.searchsorted(words.pieces, words.pieces, side="right").tolist()  # where each word's document ends
    lengths = (np.searchsorted(_LENGTHS_BELOW, rng.random(total), side="right") + 1).tolist()
    anchors = rng.permutation(total).tolist()
    chosen, left = bytearray(count), most
    for anchor, length in zip(anchors, lengths, strict=True):
        first = of[anchor]
        for word in range(first, min(first + length, behind[first])):
            if chosen[word]:
                if word == first:
                    break  # the token is hidden already
                continue
            size = edges[word + 1] - edges[word]
            if size > left:
                break
            chosen[word] = 1
            left -= size
        if left <= 0:
            break
    if left == most and anchors:
        chosen[of[anchors[0]]] = 1
    return np.frombuffer(chosen, np.uint8).astype(bool)
