"""Sentence order: two stretches of text that follow one another, and the model tells whether they were swapped.

    <|endoftext|> It rained all day. <|separator|> Nobody came. We stayed in.     in order
    <|endoftext|> Nobody came. We stayed in. <|separator|> It rained all day.     swapped, in half of the rows
    loss = −Σ_rows log p(in order or not | h₀) ÷ rows with a pair          (nats per pair)

The whole sentences that a row has of a document are cut in two before one of them, drawn evenly over the row.  Lan et al. 2020,
"ALBERT", section 3.1 (sentence-order prediction), who train it beside `masked`; by itself it teaches little of single words.  A
row needs two whole sentences of one document; others weigh nothing.  Layout and head: `telos.objectives._sentences`.
Tests: tests/objectives/test_sentence_order.py (the loss of transformers' BERT; pairs against the text; any split).
"""

import numpy as np

from telos.objectives._sentences import Pair, SentencePair, sentences_of
from telos.tokens.batches import Row


class SentenceOrder(SentencePair):
    """It has no settings."""

    def pair(self, row: Row, rng: np.random.Generator, end_of_text: int) -> Pair | None:
        found = sentences_of(row, end_of_text)
        cuts = np.flatnonzero(found.places > 0)
        if not len(cuts):
            return None
        cut = int(cuts[rng.integers(len(cuts))])
        place, count = int(found.places[cut]), int(found.counts[cut])
        first, second = found.joined(cut - place, place), found.joined(cut, count - place)
        in_order = bool(rng.random() < 0.5)
        return Pair(first, second, True) if in_order else Pair(second, first, False)
