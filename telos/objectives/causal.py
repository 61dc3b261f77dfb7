"""Causal language modelling: each token from all tokens before it in its document.

    loss = −Σ_t w_t log p(x_t | x_<t) ÷ Σ_t w_t          (nats per token)

Bengio et al. 2003, "A Neural Probabilistic Language Model", equation 1, for a network; the maximum-likelihood objective.
Tests: tests/objectives/test_causal.py (agreement with transformers' loss, equal gradients for any micro-batch split).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from telos.models import Inputs
from telos.objectives import Batch, Example, Loss, Objective, Weighs
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary


class Causal(Objective):
    """Predict the next token.  A row of T drawn tokens gives T targets; its inputs are shifted by one, the first being
    the token before the row in the stream (``begin_of_text`` where a document starts), so each token is a target once.

    ``mask_documents``: a token sees its own document only.

    Column ``continues`` (rows in lanes only): whether the first token goes on from the state that the row before left.
    """

    weighs: ClassVar[Weighs | None] = "tokens"

    mask_documents: bool = True

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        targets = row.tokens.astype(np.int64)
        inputs = np.concatenate([[np.int64(row.previous)], targets[:-1]])
        if vocabulary.begin_of_text != vocabulary.end_of_text:
            inputs[inputs == vocabulary.end_of_text] = vocabulary.begin_of_text
        segments = (row.documents - row.documents[0]).astype(np.int32)
        if not self.mask_documents:
            segments = np.zeros_like(segments)
        example = {"tokens": inputs, "targets": targets, "segments": segments, "weights": np.ones(len(targets), np.float32)}
        if row.follows is None:
            return example
        new_document = self.mask_documents and row.previous == vocabulary.end_of_text
        return example | {"continues": np.array(row.follows and not new_document)}

    def weights(self, batch: Batch) -> Mapping[str, float]:
        return {"nll": float(batch["weights"].double().sum())}  # exact enough to be the same for any split

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        hidden = model.hidden(Inputs(batch["tokens"], segments_BT=batch["segments"]))
        nll_BT = model.nll(hidden, batch["targets"])
        return Loss({"nll": ((nll_BT * batch["weights"]).sum(), 1.0)})
