"""Masked language modelling: some tokens are hidden, and predicted from all others of their document.

    loss = −Σ_{t ∈ M} log p(x_t | x̃) ÷ |M|          (nats per hidden token)

M are ``mask_fraction`` of the tokens, chosen anew whenever a row is drawn (dynamic masking).  Of those, x̃ shows ``<|mask|>``,
with ``random_fraction`` another ordinary token and with ``keep_fraction`` the token itself; elsewhere x̃ = x.
Devlin et al. 2019, "BERT", section 3.1 and appendix A.1; drawn anew: Liu et al. 2019, "RoBERTa", section 4.1.
Tests: tests/objectives/test_masked.py (shares of transformers' collator, the loss against transformers' BERT).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from telos.models import Inputs, Pattern
from telos.objectives import Batch, Example, Loss, Objective, Weighs
from telos.objectives._chosen import by_row, nll_of
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

MASK = "<|mask|>"


class Masked(Objective):
    """``mask_fraction``: of a row's tokens, to the nearest whole number but at least one.  ``random_fraction`` and
    ``keep_fraction`` of the hidden tokens show another token and the token itself.  Ends of text are never hidden."""

    needs: ClassVar[tuple[Pattern, ...]] = ("bidirectional",)
    weighs: ClassVar[Weighs | None] = "tokens"

    mask_fraction: float = Field(0.15, gt=0, le=1)
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

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        targets = row.tokens.astype(np.int64)
        places = np.flatnonzero(targets != vocabulary.end_of_text)
        hidden = rng.permutation(places)[: max(1, round(self.mask_fraction * len(places)))]
        tokens, weights = targets.copy(), np.zeros(len(targets), np.float32)
        tokens[hidden] = self._shown(targets[hidden], rng, vocabulary)
        weights[hidden] = 1
        return {"tokens": tokens, "targets": targets, "segments": segments_from_one(row), "weights": weights}

    def _shown(self, targets: np.ndarray, rng: np.random.Generator, vocabulary: Vocabulary) -> np.ndarray:
        """What stands in the place of hidden tokens."""
        lot, other = rng.random(len(targets)), rng.integers(vocabulary.size_ordinary, size=len(targets))
        kept = self.random_fraction + self.keep_fraction
        return np.select([lot < self.random_fraction, lot < kept], [other, targets], vocabulary.specials[MASK])

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


def segments_from_one(row: Row) -> np.ndarray:
    """The documents of a row counted from 1, int32 (n,): padding, which is 0, is then no document's, and nothing sees it."""
    return (np.cumsum(np.diff(row.documents, prepend=row.documents[0]) != 0) + 1).astype(np.int32)
