"""Attention of a recurrent decoder over the states of its source.

    a_j = softmax_j(score(q, m_j)),   context = Σ_j a_j m_j

    additive        score = vᵀ tanh(W q + U m)        Bahdanau, Cho and Bengio 2015, appendix A.1.2
    multiplicative  score = qᵀ W m                     Luong, Pham and Manning 2015, equation 8 ("general")

What depends on the source alone (U m, W m) is computed once a source.  Tests: tests/layers/test_source_attention.py (the formulas
in NumPy, float64; padding changes nothing).
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from telos.layers.linear import Linear

Score = Literal["additive", "multiplicative"]


@dataclass(slots=True)
class Source:
    """``values_BSD``: states of the source; ``keys_BSD``: what queries meet; ``mask_BS``: 0, and −inf at padding."""

    values_BSD: Tensor
    keys_BSD: Tensor
    mask_BS: Tensor

    def select(self, rows: Tensor) -> "Source":
        return Source(self.values_BSD[rows], self.keys_BSD[rows], self.mask_BS[rows])


class SourceAttention(nn.Module):
    """Queries (B, T, D) over a source of states (B, S, D) → contexts (B, T, D)."""

    def __init__(self, score: Score, size: int):
        super().__init__()
        self.score: Score = score
        self.key = Linear(size, size)
        if score == "additive":
            self.query = Linear(size, size)
            self.weight = nn.Parameter(torch.zeros(1, size))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Matrices uniform with variance 1/fan-in; v zero, so that attention begins even (Bahdanau et al. 2015, appendix B.1,
        has v zero too)."""
        bound = math.sqrt(3 / self.key.weight.shape[1])
        self.key.weight.uniform_(-bound, bound, generator=generator)
        if self.score == "additive":
            self.query.weight.uniform_(-bound, bound, generator=generator)

    def source(self, values_BSD: Tensor, lengths_B: Tensor | None) -> Source:
        """The part that depends on the source alone."""
        B, S, _ = values_BSD.shape
        mask_BS = values_BSD.new_zeros(B, S)
        if lengths_B is not None:
            mask_BS = mask_BS.masked_fill(torch.arange(S, device=mask_BS.device) >= lengths_B[:, None], -math.inf)
        return Source(values_BSD, self.key(values_BSD), mask_BS)

    def forward(self, query_BTD: Tensor, source: Source) -> Tensor:
        if self.score == "additive":
            joined_BTSD = torch.tanh(self.query(query_BTD)[:, :, None] + source.keys_BSD[:, None])
            scores_BTS = (joined_BTSD @ self.weight.to(joined_BTSD.dtype).t())[..., 0]
        else:
            scores_BTS = query_BTD @ source.keys_BSD.transpose(1, 2)
        share_BTS = torch.softmax(
            scores_BTS + source.mask_BS[:, None], -1, dtype=torch.promote_types(scores_BTS.dtype, torch.float32)
        )
        return share_BTS.to(source.values_BSD.dtype) @ source.values_BSD
