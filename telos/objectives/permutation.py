"""Permutation language modelling: tokens predicted in a random order, each from those before it in that order.

    loss = −E_z Σ_{t > c} log p(x_{z_t} | x_{z_<t}, z_t) ÷ number of such t          (nats per predicted token)

Yang et al. 2019, "XLNet", equations 3 and 5 (only the last of an order are predicted), section 2.3.  XLNet's two streams are one
row here: the tokens themselves, each seeing those before it in the order and itself (the content stream), and behind them, for
each predicted token, ``<|query|>`` at its place, which sees the tokens before it in the order and itself (the query stream; there
it does not see itself).  Both go through the same weights, as there.
Tests: tests/objectives/test_permutation.py (who sees whom, token by token; an order from left to right against `causal`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from pydantic import Field

from telos.models import Inputs, Pattern
from telos.objectives import Batch, Example, Loss, Objective
from telos.objectives._chosen import by_row, nll_of
from telos.objectives._spans import most
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

QUERY = "<|query|>"


class Permutation(Objective):
    """``predicted_fraction``: of a row's tokens, the last of the order in each document; at least one of each."""

    needs: ClassVar[tuple[Pattern, ...]] = ("dense",)

    predicted_fraction: float = Field(1 / 6, gt=0, le=1)

    def special_tokens(self) -> tuple[str, ...]:
        return (QUERY,)

    def raw_length(self, context_length: int) -> int:
        """Tokens and queries together fill the context."""
        return most(context_length, lambda raw: raw + max(1, round(raw * self.predicted_fraction)) <= context_length)

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        ids = row.tokens.astype(np.int64)
        segments = np.cumsum(np.diff(row.documents, prepend=row.documents[0]) != 0)
        lengths = np.bincount(segments)
        begins = np.cumsum(lengths) - lengths
        # A random number each, ranked within the document: documents stand together and in order.
        order = np.lexsort((rng.random(len(ids)), segments))
        ranks = np.empty(len(ids), np.int64)
        ranks[order] = np.arange(len(ids)) - begins[segments]
        counts = np.maximum(np.rint(lengths * self.predicted_fraction).astype(np.int64), 1)
        predicted = np.flatnonzero(ranks >= (lengths - counts)[segments])
        places = np.arange(len(ids)) - begins[segments]
        queries = np.full(len(predicted), vocabulary.specials[QUERY])

        def both(column: np.ndarray) -> np.ndarray:
            return np.concatenate([column, column[predicted]])

        weights = np.zeros(len(ids) + len(predicted), np.float32)
        weights[len(ids) :] = 1
        return {
            "tokens": np.concatenate([ids, queries]),
            "targets": both(ids),
            "segments": (both(segments) + 1).astype(np.int32),
            "weights": weights,
            "positions": both(places),
            "ranks": both(ranks),
        }

    def weights(self, batch: Batch) -> Mapping[str, float]:
        return {"nll": float(batch["weights"].double().sum())}

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        return Loss({"nll": (self._nll(model, batch).sum(), 1.0)})

    def measure(self, model: Any, batch: Batch, rng: np.random.Generator) -> "dict[str, tuple[Tensor, Tensor]]":
        """Nats and number of predicted tokens of each row, (B,) each."""
        nats_B = by_row(self._nll(model, batch), batch["weights"] > 0)
        return {"nats_per_predicted_token": (nats_B, batch["weights"].sum(1))}

    @staticmethod
    def _nll(model: Any, batch: Batch) -> "Tensor":
        """Nats of the predicted tokens (N,)."""
        query = batch["weights"] > 0
        inputs = Inputs(batch["tokens"], pattern="dense", positions_BT=batch["positions"],
                        visible_BTT=visible(batch["segments"], batch["ranks"], query))  # fmt: skip
        hidden = model.hidden(inputs)
        return nll_of(model, hidden, batch, query)


def visible(segments_BT: "Tensor", ranks_BT: "Tensor", query_BT: "Tensor") -> "Tensor":
    """bool (B, T, T), query and key: content of the same document and of a lower rank, and oneself."""
    same = segments_BT[:, :, None] == segments_BT[:, None]
    before = ranks_BT[:, None] < ranks_BT[:, :, None]
    oneself = torch.eye(segments_BT.shape[1], dtype=torch.bool, device=segments_BT.device)
    return (same & before & ~query_BT[:, None]) | oneself
