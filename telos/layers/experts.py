"""A mixture of experts in place of one feed-forward layer.

    p = softmax(W_r x),   y = Σ_{e in the k largest p} g_e FF_e(x)  (+ FF_shared(x)),   g = p, or p ÷ their sum

Shazeer et al. 2017, "Outrageously Large Neural Networks", equation 1; the balance penalty is Fedus et al. 2022, "Switch
Transformers", equations 4–6, with the k choices of a token counted each:  E Σ_e f_e P_e,  f_e: choices of e per token, P_e:
mean of p_e; it is k where all are equal.  Shared experts: DeepSeekMoE (arXiv:2401.06066), gated as in Qwen1.5-MoE.
Tests: tests/layers/test_experts.py (a dense formula; transformers' balancing loss), tests/models/hugging_face/ (Mixtral,
Qwen3-MoE).
"""

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from telos.foundation.spec import Spec
from telos.layers.feed_forward import Activation, FeedForward
from telos.layers.linear import Linear


class Experts(Spec):
    """Settings.  ``intermediate_size``: of each expert; None: the model's.  ``renormalize``: the chosen shares add up to 1.
    ``shared_intermediate_size``: of an expert that every token uses besides; None: there is none.  ``shared_gate``: it
    counts by a sigmoid of its own.  ``balance``: coefficient of the penalty that keeps experts evenly used.  ``layers``: those
    that have experts, counted from 0 (None: all); each other has one feed-forward layer of the model's own size."""

    num_experts: int = Field(8, ge=1)
    experts_per_token: int = Field(2, ge=1)
    intermediate_size: int | None = Field(None, ge=1)
    renormalize: bool = True
    shared_intermediate_size: int | None = Field(None, ge=1)
    shared_gate: bool = False
    balance: float = Field(0.01, ge=0)
    layers: tuple[int, ...] | None = None

    @model_validator(mode="after")
    def _enough(self) -> "Experts":
        if self.experts_per_token > self.num_experts:
            raise ValueError(f"experts_per_token ({self.experts_per_token}) must be at most num_experts ({self.num_experts})")
        layers = self.layers
        if layers is not None and (not layers or min(layers) < 0 or list(layers) != sorted(set(layers))):
            raise ValueError(f"layers must be numbers of layers from 0, rising, or null for all ({list(layers)})")
        return self

    def stand_in(self, layer: int) -> bool:
        """Whether a layer has experts."""
        return self.layers is None or layer in self.layers


class MixtureOfExperts(nn.Module):
    """x (B, T, D) → y (B, T, D), and the balance penalty (without its coefficient)."""

    def __init__(
        self, experts: Experts, hidden_size: int, intermediate_size: int, *, activation: Activation, gated: bool, bias: bool
    ):
        super().__init__()
        self.experts_per_token, self.renormalize = experts.experts_per_token, experts.renormalize
        size = experts.intermediate_size or intermediate_size

        def expert(size: int) -> FeedForward:
            return FeedForward(hidden_size, size, activation=activation, gated=gated, bias=bias)

        self.gate = Linear(hidden_size, experts.num_experts)
        self.experts = nn.ModuleList(expert(size) for _ in range(experts.num_experts))
        shared = experts.shared_intermediate_size
        self.shared_expert = expert(shared) if shared else None
        self.shared_expert_gate = Linear(hidden_size, 1) if shared and experts.shared_gate else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        flat = x.flatten(0, -2)
        shares_NE = torch.softmax(self.gate(flat).float(), -1)
        weights_NJ, chosen_NJ = shares_NE.topk(self.experts_per_token, -1)
        if self.renormalize:
            weights_NJ = weights_NJ / weights_NJ.sum(-1, keepdim=True)
        weights_NJ = weights_NJ.to(x.dtype)
        y = torch.zeros_like(flat)
        for index, expert in enumerate(self.experts):
            # An expert without tokens runs on no rows, so that its gradient is zero and not missing.
            rows, place = torch.where(chosen_NJ == index)
            y = y.index_add(0, rows, expert(flat[rows]) * weights_NJ[rows, place, None])
        if self.shared_expert is not None:
            shared = self.shared_expert(flat)
            y = y + (shared if self.shared_expert_gate is None else torch.sigmoid(self.shared_expert_gate(flat)) * shared)
        return y.view(x.shape), balance(shares_NE, chosen_NJ)


def balance(shares_NE: Tensor, chosen_NJ: Tensor) -> Tensor:
    """E Σ_e f_e P_e of one layer; differentiable by the shares."""
    count = shares_NE.shape[1]
    chosen = chosen_NJ.flatten()
    used_E = torch.zeros_like(shares_NE[0]).scatter_add(0, chosen, torch.ones_like(chosen, dtype=shares_NE.dtype))
    return count * (used_E / len(shares_NE) * shares_NE.mean(0)).sum()
