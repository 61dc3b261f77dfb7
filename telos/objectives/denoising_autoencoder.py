"""Denoising autoencoder: a text is damaged, and the model writes down the whole of it as it was.

    text     We stayed. It rained all day. Nobody came.
    source   Nobody came. We . It rained all          (sentences in another order, tokens deleted)
    target   We stayed. It rained all day. Nobody came.
    loss = −Σ_t log p(x_t | x_<t, x̃) ÷ |x|          (nats per token of the text)

Of the tokens of a row, ``deletion`` are left out, chosen evenly; the sentences of each document are permuted; spans that hold
``infilling`` of the tokens, of lengths ~ Poisson(``mean_span``), become one ``<|mask|>`` each, and a span of no token puts one
in between; ``rotation`` of the documents begin at a token of theirs, drawn evenly.  Lewis et al. 2020, "BART", section 2.2, where
each is said of one document; their large model permutes and fills in 30 %.  (Hidden tokens one by one are what `masked` has.)
Tests: tests/objectives/test_denoising_autoencoder.py (the target is the text; each noise by what it must keep; rates, lengths).
"""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from telos.objectives._paired import Paired, Pairs
from telos.objectives._spans import cuts, most
from telos.objectives._words import words_of
from telos.objectives.masked import MASK
from telos.tokens.batches import Row
from telos.tokens.marks import SENTENCE
from telos.tokens.vocabulary import Vocabulary


class DenoisingAutoencoder(Paired):
    """``deletion``, ``infilling``: shares of a row's tokens, to the nearest whole number, but a token is left to see.
    ``permute_sentences``: all of a
    document's (`telos.corpus.sentences`), those that a row cuts included.  ``rotation``: share of the documents.  A source is
    never longer than its text: of the spans of no token, as many are left out as would make it so."""

    deletion: float = Field(0.15, ge=0, lt=1)
    permute_sentences: bool = True
    infilling: float = Field(0.0, ge=0, lt=1)
    mean_span: float = Field(3.0, gt=0)
    rotation: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _leaves_something(self) -> Self:
        if self.deletion + self.infilling >= 1:
            raise ValueError(f"deletion ({self.deletion}) and infilling ({self.infilling}) must leave tokens to see: together "
                             "less than 1")  # fmt: skip
        if not (self.deletion or self.permute_sentences or self.infilling or self.rotation):
            raise ValueError("deletion, permute_sentences, infilling or rotation must damage the text: all are off")
        return self

    @property
    def needs_marks(self) -> bool:
        return self.permute_sentences

    def special_tokens(self) -> tuple[str, ...]:
        return (MASK,) if self.infilling else ()

    @property
    def least_tokens(self) -> int:
        """One to damage and one to see."""
        return 2

    def raw_length(self, context_length: int) -> int:
        """The most tokens of one document whose source and target fit."""
        return most(context_length, lambda raw: self._room(raw) <= context_length)

    def _room(self, raw: int) -> int:
        source, target = raw - round(self.deletion * raw) + 1, raw + 1
        return max(source, target) if self.layout == "encoder_decoder" else source + target

    def pairs(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Pairs:
        from telos.objectives.kernels.pieces import pieces

        text, documents, count = pieces(row.tokens, row.documents, vocabulary.end_of_text)
        source, places = text, documents
        if self.permute_sentences:
            sentences = words_of(row, vocabulary.end_of_text, SENTENCE)
            source = source[permuted(sentences.edges, sentences.pieces, rng)]
        if deleted := max(0, min(round(self.deletion * len(text)), len(text) - 1)):
            kept = np.ones(len(text), bool)
            kept[rng.permutation(len(text))[:deleted]] = False
            source, places = source[kept], places[kept]
        if self.infilling:
            hidden = max(0, min(round(self.infilling * len(text)), len(source) - 1))
            source, places = infilled(source, places, hidden, self.mean_span, vocabulary.specials[MASK], rng)
        if self.rotation:
            source = source[rotated(places, count, self.rotation, rng)]
        return Pairs(source, places, text, documents, count)


def permuted(edges: np.ndarray, documents: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Where to take each token from (n,), the sentences of each document in random order.

    ``edges`` (S + 1,): where each sentence begins, and n.  ``documents`` (S,), rising: which document each is in.
    """
    from telos.objectives.kernels.pieces import in_order

    return in_order(edges, np.lexsort((rng.random(len(documents)), documents)))


def infilled(  # noqa: PLR0917
    ids: np.ndarray, documents: np.ndarray, hidden: int, mean_span: float, mask: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(ids, documents) with ``hidden`` tokens in spans of Poisson lengths behind one mask each, and masks put in between.

    The last span is cut where ``hidden`` is reached; a span that crosses into another document is one in each.
    """
    if not hidden:
        return ids, documents
    from telos.objectives.kernels.infilling import behind_masks, cut_to, put_in

    at_once = int(1.5 * hidden / mean_span) + 2
    lengths = rng.poisson(mean_span, at_once)
    spans, empty, enough = cut_to(lengths, hidden)
    while not enough:
        lengths = np.append(lengths, rng.poisson(mean_span, at_once))
        spans, empty, enough = cut_to(lengths, hidden)
    gaps = cuts(len(ids) - hidden + len(spans) + 1, len(spans) + 1, rng)
    source, places = behind_masks(ids, documents, spans, gaps, mask)
    extra = min(empty, len(ids) - len(source))
    if not extra:
        return source, places
    # The same numbers either way; one costs a quarter of an array of one.
    end = len(source) + 1
    before = np.array([rng.integers(end) for _ in range(extra)]) if extra < 4 else rng.integers(end, size=extra)
    return put_in(source, places, before, mask)


def rotated(documents: np.ndarray, count: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Where to take each token from (n,): of a share of the ``count`` documents, from a place drawn evenly on, and round."""
    order = np.arange(len(documents))
    edges = np.searchsorted(documents, np.arange(count + 1)).tolist()
    for document, (lot, place) in enumerate(rng.random((count, 2)).tolist()):
        start, stop = edges[document], edges[document + 1]
        if lot < share and stop - start > 1:
            order[start:stop] = np.roll(order[start:stop], -int(place * (stop - start)))
    return order
