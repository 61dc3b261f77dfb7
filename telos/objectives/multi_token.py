"""Multi-token prediction: at each place the next n tokens, by a head each.

    loss = −Σ_t log p_1(x_{t+1} | x_≤t) ÷ N_1  −  λ Σ_{k=2}^{n} Σ_t log p_k(x_{t+k} | …) ÷ N_k          (nats per token)

    parallel     h_k = f_k(h)                                       each head reads the model's last values
    sequential   h_k = f_k(M_k [norm(h_{k−1}) ; norm(e(x_{t+k−1}))])    each goes on from the one before and the token between

Gloeckle et al. 2024, "Better & Faster Large Language Models via Multi-token Prediction" (arXiv:2404.19737), section 2
(parallel, λ = 1); DeepSeek-V3 (arXiv:2412.19437), section 2.2 (sequential, λ = 0.3, 0.1 later, shared embedding and output
layer).  All heads share the output layer.  f(x) = x + W₂ silu(W₁ norm(x)), a residual layer as in Medusa (Cai et al. 2024,
section 3.1.1), where the papers have a Transformer layer, so that it serves any family.  The first head is the model itself,
which writes and is scored.
Tests: tests/objectives/test_multi_token.py (terms by hand, causality, `causal` as the first term).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from telos.layers.linear import Linear
from telos.layers.norm import RMSNorm
from telos.models import Hidden, Inputs
from telos.objectives import Batch, Loss
from telos.objectives._width import width_of
from telos.objectives.causal import Causal
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from telos.models import Role


class MultiToken(Causal):
    """``tokens``: n, how many are predicted at each place, the next one among them.  ``weight``: λ.  What lies behind the row or
    in another document is not predicted."""

    needs_values: ClassVar[bool] = True
    compares: ClassVar[bool] = False

    tokens: int = Field(4, ge=2)
    form: Literal["parallel", "sequential"] = "parallel"
    weight: float = Field(1.0, gt=0)

    @property
    def scores_text(self) -> bool:
        return True

    @property
    def least_tokens(self) -> int:
        """So many that the last head has something to predict."""
        return self.tokens

    def build(self, model: Any, vocabulary: Vocabulary) -> "Heads":
        width, device = width_of(model, "causal")
        embedding = None
        if self.form == "sequential":
            embedding = model.token_embeddings(torch.zeros(1, 1, dtype=torch.int64, device=device)).shape[-1]
        with device:
            return Heads(width, self.tokens - 1, embedding)

    def weights(self, batch: Batch) -> Mapping[str, float]:
        ahead = {f"nll_{k}": float(self._weights(batch, k).double().sum()) for k in range(2, self.tokens + 1)}
        return dict(super().weights(batch)) | ahead

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        hidden, targets = model.hidden(Inputs(batch["tokens"], segments_BT=batch["segments"])), batch["targets"]
        terms = {"nll": ((model.nll(hidden, targets) * batch["weights"]).sum(), 1.0)}
        values = hidden.values_BTD
        for k, head in enumerate(model.owned.heads, 2):
            if self.form == "parallel":
                read = head(hidden.values_BTD)
            else:
                # At place t the token between is the target of the head before: t + k − 1.
                values = read = head(values, model.token_embeddings(_ahead(targets, k - 2)))
            nll = model.nll(Hidden(read), _ahead(targets, k - 1))
            terms[f"nll_{k}"] = ((nll * self._weights(batch, k)).sum(), self.weight)
        return Loss(terms)

    @staticmethod
    def _weights(batch: Batch, k: int) -> Tensor:
        """(B, T): that of the target k − 1 places on, where it is in the same document."""
        segments = batch["segments"]
        same = _ahead(segments, k - 1, fill=-1) == segments
        return _ahead(batch["weights"], k - 1) * same


def _ahead(column_BT: Tensor, places: int, fill: int = 0) -> Tensor:
    """What stands so many places further on; ``fill`` beyond the end."""
    return functional.pad(column_BT[:, places:], (0, min(places, column_BT.shape[1])), value=fill)


class Heads(nn.Module):
    """The heads of the second to the last token.  ``embedding_size``: of the tokens between, where they are read."""

    def __init__(self, width: int, count: int, embedding_size: int | None):
        super().__init__()
        self.heads = nn.ModuleList(HeadLayer(width, embedding_size) for _ in range(count))

    def roles(self) -> "dict[str, Role]":
        return {name: "matrix" if parameter.ndim == 2 else "vector" for name, parameter in self.named_parameters()}


class HeadLayer(nn.Module):
    """A residual layer, behind the joint of values and embedding where there is one.  It begins as the identity, or as what joins
    them: the second matrix is 0."""

    def __init__(self, width: int, embedding_size: int | None):
        super().__init__()
        self.norm, self.up, self.down = RMSNorm(width, 1e-6), Linear(width, width), Linear(width, width)
        nn.init.orthogonal_(self.up.weight)
        nn.init.zeros_(self.down.weight)
        self.joint: Linear | None = None
        if embedding_size is not None:
            self.joint = Linear(width + embedding_size, width)
            self.values_norm, self.embedding_norm = RMSNorm(width, 1e-6), RMSNorm(embedding_size, 1e-6)
            nn.init.orthogonal_(self.joint.weight)

    def forward(self, values_BTD: Tensor, embedded_BTE: Tensor | None = None) -> Tensor:
        x = values_BTD
        if self.joint is not None and embedded_BTE is not None:
            x = self.joint(torch.cat([self.values_norm(x), self.embedding_norm(embedded_BTE).to(x.dtype)], -1))
        return x + self.down(functional.silu(self.up(self.norm(x))))
