"""Prefix language modelling: the first part of a text is seen by all, each token behind it is predicted.

    loss = −Σ_{t ≥ p} log p(x_t | x_<t) ÷ number of such t          (nats per token)

with attention in both directions among x_<p.  Liu et al. 2018, "Generating Wikipedia by Summarizing Long Sequences" (decoder
alone); Raffel et al. 2020 (T5), section 3.2.1; Dong et al. 2019, "UniLM", section 3.2.
Tests: tests/objectives/test_prefix.py (agreement with `causal` at a prefix of nothing, the mask by hand, any split).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from telos.models import Inputs, Pattern
from telos.objectives import Batch, Example, Loss, Objective, Weighs
from telos.objectives._chosen import nll_of
from telos.objectives._paired import shifted
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor


class Prefix(Objective):
    """``least`` and ``most``: bounds of the prefix, in shares of what a row has of a document; its length is drawn evenly between
    them.  At 0 nothing but the token before the text is seen by all, which is causal language modelling."""

    needs: ClassVar[tuple[Pattern, ...]] = ("prefix",)
    weighs: ClassVar[Weighs | None] = "tokens"

    least: float = Field(0.0, ge=0, le=1)
    most: float = Field(1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _is_a_range(self) -> "Prefix":
        if self.least > self.most:
            raise ValueError(f"least ({self.least}) must not be above most ({self.most})")
        return self

    @property
    def scores_text(self) -> bool:
        """With a prefix of nothing the model tells how probable a text is."""
        return True

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        targets = row.tokens.astype(np.int64)
        segments = np.cumsum(np.diff(row.documents, prepend=row.documents[0]) != 0)
        begins = np.flatnonzero(np.diff(segments, prepend=-1))
        lengths = np.diff(begins, append=len(targets))
        # One token of each piece is predicted, whatever the share.
        shares = rng.uniform(self.least, self.most, len(lengths))
        prefixes = np.minimum((shares * lengths).astype(np.int64), lengths - 1)
        places = np.arange(len(targets)) - begins[segments]
        inputs = shifted(targets, segments, vocabulary.begin_of_text)
        if row.previous != vocabulary.end_of_text:
            inputs[0] = row.previous
        return {
            "tokens": inputs,
            "targets": targets,
            "segments": (segments + 1).astype(np.int32),
            # Of n tokens in the prefix the model reads n and the one before: it predicts from the n-th on.
            "prefix": places <= prefixes[segments],
            "weights": (places >= prefixes[segments]).astype(np.float32),
        }

    def weights(self, batch: Batch) -> Mapping[str, float]:
        return {"nll": float(batch["weights"].double().sum())}

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        return Loss({"nll": ((self._nll(model, batch) * batch["weights"][batch["weights"] > 0]).sum(), 1.0)})

    def _nll(self, model: Any, batch: Batch) -> "Tensor":
        """Nats of the predicted tokens (N,); the output layer is asked for these alone."""
        chosen = batch["weights"] > 0
        hidden = model.hidden(Inputs(batch["tokens"], batch["segments"], "prefix", prefix_BT=batch["prefix"]))
        return nll_of(model, hidden, batch, chosen)
