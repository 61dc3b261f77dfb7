"""Masked language modelling: some tokens are hidden, and predicted from all others of their document.

    loss = −Σ_{t ∈ M} log p(x_t | x̃) ÷ |M|          (nats per hidden token)

M are ``mask_fraction`` of the tokens, chosen anew whenever a row is drawn (dynamic masking).  Of those, x̃ shows ``<|mask|>``,
with ``random_fraction`` another ordinary token and with ``keep_fraction`` the token itself; elsewhere x̃ = x.
Devlin et al. 2019, "BERT", section 3.1 and appendix A.1; drawn anew: Liu et al. 2019, "RoBERTa", section 4.1.  Tokens, whole
words or spans of words are hidden together: `telos.objectives._words`, with sources.
Tests: tests/objectives/test_masked.py (shares of transformers' collator, the loss against transformers' BERT),
tests/objectives/test_masked_words.py (words and spans).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from telos.models import Inputs, Pattern
from telos.objectives import Batch, Example, Loss, Objective, Weighs
from telos.objectives._chosen import by_row, nll_of
from telos.objectives._words import draw_spans, draw_words, words_of
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

MASK = "<|mask|>"


class Masked(Objective):
    """``mask_fraction``: of a row's tokens, to the nearest whole number, but at least one is hidden and one is seen.
    ``random_fraction`` and ``keep_fraction`` of the hidden tokens show another token and the token itself.  Ends of text are
    never hidden.

    ``hide``: what is hidden together.  Whole words are chosen as a whole, and what is shown is drawn for each of their tokens,
    as for tokens alone (BERT's code); of a span it is drawn once for all of its tokens (SpanBERT, section 3.1).  With both, the
    share is at most that asked for, since no word is hidden in part.
    """

    needs: ClassVar[tuple[Pattern, ...]] = ("bidirectional",)
    weighs: ClassVar[Weighs | None] = "tokens"

    hide: Literal["token", "word", "span"] = "token"
    mask_fraction: float = Field(0.15, gt=0, lt=1)
    random_fraction: float = Field(0.1, ge=0, le=1)
    keep_fraction: float = Field(0.1, ge=0, le=1)

    @model_validator(mode="after")
    def _fractions_fit(self) -> "Masked":
        if self.random_fraction + self.keep_fraction > 1:
            raise ValueError(f"random_fraction ({self.random_fraction}) and keep_fraction ({self.keep_fraction}) must add up to "
                             "at most 1")  # fmt: skip
        return self

    def special_tokens(self) -> tuple[str, ...]:
        return (MASK,)

    @property
    def least_tokens(self) -> int:
        """One to hide and one to see."""
        return 2

    @property
    def needs_marks(self) -> bool:
        return self.hide != "token"

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        targets = row.tokens.astype(np.int64)
        hidden, together = self._choose(row, rng, vocabulary.end_of_text)
        tokens, weights = targets.copy(), np.zeros(len(targets), np.float32)
        tokens[hidden] = self._shown(targets[hidden], together, rng, vocabulary)
        weights[hidden] = 1
        return {"tokens": tokens, "targets": targets, "segments": segments_from_one(row), "weights": weights}

    def _choose(self, row: Row, rng: np.random.Generator, end_of_text: int) -> tuple[np.ndarray, np.ndarray]:
        """(places of the hidden tokens, with which of them each shares what is shown: 0, 1, 2 …)."""
        if self.hide == "token":
            places = np.flatnonzero(row.tokens != end_of_text)
            hidden = rng.permutation(places)[: share_of(self.mask_fraction, len(places))]
            return hidden, np.arange(len(hidden))
        words = words_of(row, end_of_text)
        draw = draw_words if self.hide == "word" else draw_spans
        chosen = draw(words, share_of(self.mask_fraction, len(words.places)), rng)
        sizes = words.edges[1:] - words.edges[:-1]
        hidden = words.places[np.repeat(chosen, sizes)]
        if self.hide == "word":
            return hidden, np.arange(len(hidden))
        begins = chosen.copy()  # of a run of hidden words, in one document
        begins[1:] &= ~chosen[:-1] | (words.pieces[1:] != words.pieces[:-1])
        return hidden, np.repeat((np.cumsum(begins) - 1)[chosen], sizes[chosen])

    def _shown(self, targets: np.ndarray, together: np.ndarray, rng: np.random.Generator, vocabulary: Vocabulary) -> np.ndarray:
        """What stands in the place of hidden tokens."""
        lots = rng.random(int(together[-1]) + 1 if len(together) else 0)
        lot, other = lots[together], rng.integers(vocabulary.size_ordinary, size=len(targets))
        shown = np.where(lot < self.random_fraction + self.keep_fraction, targets, vocabulary.specials[MASK])
        return np.where(lot < self.random_fraction, other, shown)

    def weights(self, batch: Batch) -> Mapping[str, float]:
        return {"nll": float(batch["weights"].double().sum())}

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        return Loss({"nll": ((self._nll(model, batch) * batch["weights"][self._hidden(batch)]).sum(), 1.0)})

    def measure(self, model: Any, batch: Batch, rng: np.random.Generator) -> "dict[str, tuple[Tensor, Tensor]]":
        """Nats and number of hidden tokens of each row, (B,) each: the held-out figure."""
        nats_B = by_row(self._nll(model, batch), self._hidden(batch))
        return {"nats_per_hidden_token": (nats_B, batch["weights"].sum(1))}

    @staticmethod
    def _hidden(batch: Batch) -> "Tensor":
        """bool (B, T)"""
        return batch["weights"] > 0

    def _nll(self, model: Any, batch: Batch) -> "Tensor":
        """Nats of the hidden tokens (N,); the output layer is asked for these alone."""
        hidden = model.hidden(Inputs(batch["tokens"], segments_BT=batch["segments"], pattern="bidirectional"))
        chosen = self._hidden(batch)
        return nll_of(model, hidden, batch, chosen)


def share_of(fraction: float, tokens: int) -> int:
    """How many of a row's tokens to hide: one at least, and not the last one that would be seen."""
    return max(1, min(round(fraction * tokens), tokens - 1))


def segments_from_one(row: Row) -> np.ndarray:
    """The documents of a row counted from 1, int32 (n,): padding, which is 0, is then no document's, and nothing sees it."""
    begins = np.ones(len(row.documents), bool)
    np.not_equal(row.documents[1:], row.documents[:-1], out=begins[1:])
    return begins.cumsum(dtype=np.int32)
