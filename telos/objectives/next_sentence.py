"""Next sentence: two stretches of text, and the model tells whether the second follows the first.

    <|endoftext|> It rained all day. <|separator|> Nobody came.          the next
    <|endoftext|> It rained all day. <|separator|> Trees have leaves.    from elsewhere, in half of the rows
    loss = −Σ_rows log p(next or not | h₀) ÷ rows with a pair          (nats per pair)

The first are sentences of a document from the first whole one in the row on; what follows them is cut to as many sentences as
there are elsewhere, so that lengths tell nothing.  Devlin et al. 2019, "BERT", task #2 of section 3.1.  There elsewhere is any
document of the corpus; here it is another document of the same row, and where the row has none, a later place of the same
document that does not follow at once: of long documents a harder question.  A row needs two whole sentences of a document and
one of another, or three of one; others weigh nothing.  Lan et al. 2020 found `sentence_order` the better of the two.
Layout and head: `telos.objectives._sentences`.
Tests: tests/objectives/test_next_sentence.py (pairs against the text, lengths of both answers, short rows).
"""

import numpy as np

from telos.objectives._sentences import Pair, SentencePair, sentences_of
from telos.tokens.batches import Row


class NextSentence(SentencePair):
    """It has no settings."""

    def pair(self, row: Row, rng: np.random.Generator, end_of_text: int) -> Pair | None:
        found = sentences_of(row, end_of_text)
        begins, numbers = found.places == 0, np.arange(len(found.places))
        several = int(begins.sum()) > 1
        # Alone, a document needs a sentence behind the one that is next.
        cuts = np.flatnonzero((found.places > 0) & (several | (found.places < found.counts - 1)))
        if not len(cuts):
            return None
        cut = int(cuts[rng.integers(len(cuts))])
        document = cut - int(found.places[cut])
        here = (numbers >= document) & (numbers < document + found.counts[cut])
        others = np.flatnonzero(~here if several else here & (numbers > cut))
        other = int(others[rng.integers(len(others))])
        many = int(min(found.counts[cut] - found.places[cut], found.counts[other] - found.places[other]))
        is_next = bool(rng.random() < 0.5)
        return Pair(found.joined(document, cut - document), found.joined(cut if is_next else other, many), is_next)
