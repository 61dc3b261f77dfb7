"""Masked diffusion: a share t of the tokens is hidden, t drawn anew for each row, and all of them are predicted at once.

    loss = E_t [ (1 ÷ t) Σ_{i hidden} −log p(x_i | x̃_t) ] ÷ |x|          (nats per token)

an upper bound on the nats of the text under the process that unmasks tokens in random order, one at a time: the continuous-time
limit of absorbing-state diffusion with the linear schedule, whose weight is 1 ÷ t.
Sahoo et al. 2024, "Simple and Effective Masked Diffusion Language Models", equation 10; Nie et al. 2025, "LLaDA"
(arXiv:2502.09992), equation 3; Austin et al. 2021, "D3PM".
Text is written by `telos.generate.unmasking`.
Tests: tests/objectives/test_masked_diffusion.py (the bound against the exact value over all maskings of a short text).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from telos.models import Inputs, Pattern
from telos.objectives import Batch, Example, Loss, Objective, Weighs
from telos.objectives.masked import MASK, segments_from_one
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor


class MaskedDiffusion(Objective):
    """``least_hidden``: the smallest t; below it the weight 1 ÷ t grows without bound, and a row has next to nothing to learn.
    Ends of text are hidden and predicted as any token is, so that a text's length is learned."""

    needs: ClassVar[tuple[Pattern, ...]] = ("bidirectional",)
    weighs: ClassVar[Weighs | None] = "tokens"

    least_hidden: float = Field(1e-3, gt=0, lt=1)

    @property
    def writes(self) -> Literal["by unmasking"]:
        return "by unmasking"

    def special_tokens(self) -> tuple[str, ...]:
        return (MASK,)

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        targets = row.tokens.astype(np.int64)
        t = rng.uniform(self.least_hidden, 1)
        hidden = rng.random(len(targets)) < t
        return {
            "tokens": np.where(hidden, vocabulary.specials[MASK], targets),
            "targets": targets,
            "segments": segments_from_one(row),
            "weights": (hidden / t).astype(np.float32),
            "counted": np.ones(len(targets), np.float32),
        }

    def weights(self, batch: Batch) -> Mapping[str, float]:
        return {"nll_bound": float(batch["counted"].double().sum())}

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        return Loss({"nll_bound": (self._weighted(model, batch)[0].sum(), 1.0)})

    def measure(self, model: Any, batch: Batch, rng: np.random.Generator) -> "dict[str, tuple[Tensor, Tensor]]":
        """The bound in nats and the number of tokens of each row, (B,) each; over many rows the mean of the bound."""
        nats_N, rows_N = self._weighted(model, batch)
        bound_B = nats_N.new_zeros(batch.rows).double().index_add_(0, rows_N, nats_N.double())
        return {"nats_per_token_bound": (bound_B, batch["counted"].sum(1))}

    @staticmethod
    def _weighted(model: Any, batch: Batch) -> "tuple[Tensor, Tensor]":
        """Nats ÷ t of each hidden token (N,), and the row that it is in."""
        chosen = batch["weights"] > 0
        hidden = model.hidden(Inputs(batch["tokens"], segments_BT=batch["segments"], pattern="bidirectional"))
        nll_N = model.nll(hidden.at(chosen), batch["targets"][chosen][None])[0]
        return nll_N * batch["weights"][chosen], chosen.nonzero()[:, 0]
