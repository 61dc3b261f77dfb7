"""Scaled dot-product attention, and grouped-query attention around it.

attention(q, k, v) = softmax(scale · q kᵀ + mask) v,  scale = 1/√K by default     (Vaswani et al. 2017, section 3.2.1)

Under a soft cap c the scores are c tanh(scale · q kᵀ ÷ c) (Gemma 2, arXiv:2408.00118, section 2).
Tests: tests/layers/test_attention.py (both kernels against each other), tests/models/hugging_face/ (inside whole models).
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from telos.layers.linear import Linear, joined
from telos.layers.masks import causal_mask
from telos.layers.norm import RMSNorm
from telos.layers.rotary import rotate

Kernel = Literal["explicit", "fused"]
"""Plain batched products, or torch's fused kernel."""

EXPLICIT_UP_TO = 512
"""Keys up to which plain batched products beat the fused CPU kernel, forward and backward: at head size 64 and 256 keys,
bf16, compiled, 2.5 times on a 2-core Zen 5 (docs/log.md); they hold (B, H, T, S) scores, so longer rows use the fused one.
Training measures instead (`telos.layers.attention_kernel`)."""


@dataclass(slots=True)
class Cache:
    """Keys and values of one layer: (B, H, capacity, K) each; ``positions_BT``: where the new ones go; ``held``: how many
    columns hold anything after that."""

    keys: Tensor
    values: Tensor
    positions_BT: Tensor
    held: int

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store the new keys and values (B, H, T, K), give all that are held."""
        rows = torch.arange(k.shape[0], device=k.device)[:, None]
        self.keys[rows, :, self.positions_BT] = k.transpose(1, 2)
        self.values[rows, :, self.positions_BT] = v.transpose(1, 2)
        return self.keys[:, :, : self.held], self.values[:, :, : self.held]


def usual_kernel(device: torch.device, keys: int) -> Kernel:
    """What is used where nothing was measured."""
    return "fused" if device.type != "cpu" or keys > EXPLICIT_UP_TO else "explicit"


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    *,
    scale: float | None = None,
    softcap: float | None = None,
    dropout: float = 0.0,
    kernel: Kernel | None = None,
) -> Tensor:
    """q (B, H, T, K), k and v (B, G, S, K) with G dividing H; ``mask`` additive, None for plain causal.  Gives (B, H, T, K).

    ``dropout``: of the weights.  ``kernel``: None for the usual choice; a soft cap is always explicit.  The softmax is taken
    in fp32 whatever the type.
    """
    groups = q.shape[1] // k.shape[1]
    kernel = kernel or usual_kernel(q.device, k.shape[2])
    if kernel == "fused" and softcap is None:
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout, is_causal=mask is None,
                                                       scale=scale, enable_gqa=groups > 1)  # fmt: skip
    if mask is None:
        mask = causal_mask(None, q.shape[2], q.dtype, q.device)
    if groups > 1:
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    scores = (q @ k.transpose(-1, -2)) * (1.0 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    weights = torch.softmax(scores + mask, -1, dtype=torch.float32).to(v.dtype)
    return (functional.dropout(weights, dropout) if dropout else weights) @ v


class Attention(nn.Module):
    """Grouped-query attention (Ainslie et al. 2023), by choice with rotary positions and per-head RMS norm of queries and
    keys (Henry et al. 2020; as Qwen3).  x (B, T, D) → (B, T, D)."""

    def __init__(
        self,
        hidden_size: int,
        num_heads: int,
        num_key_value_heads: int,
        head_size: int,
        norm_eps: float,
        *,
        query_key_norm: bool = True,
        bias: bool = False,
        scale: float | None = None,
        softcap: float | None = None,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.head_size, self.scale, self.softcap, self.dropout = head_size, scale, softcap, dropout
        self.kernel: Kernel | None = None
        self.q_proj = Linear(hidden_size, num_heads * head_size, bias)
        self.k_proj = Linear(hidden_size, num_key_value_heads * head_size, bias)
        self.v_proj = Linear(hidden_size, num_key_value_heads * head_size, bias)
        self.o_proj = Linear(num_heads * head_size, hidden_size, bias)
        self.q_norm = RMSNorm(head_size, norm_eps) if query_key_norm else None
        self.k_norm = RMSNorm(head_size, norm_eps) if query_key_norm else None

    def forward(
        self, x: Tensor, cos: Tensor | None, sin: Tensor | None, mask: Tensor | None, cache: Cache | None = None
    ) -> Tensor:
        """Self-attention; ``cos`` and ``sin`` None where positions are not rotary."""
        heads = [part.unflatten(-1, (-1, self.head_size)) for part in joined(x, self.q_proj, self.k_proj, self.v_proj)]
        q, k = self._normed(heads[0], self.q_norm), self._normed(heads[1], self.k_norm)
        if cos is not None and sin is not None:
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        v = heads[2].transpose(1, 2)
        if cache is not None:
            k, v = cache.extend(k, v)
        return self._mixed(q, k, v, mask)

    def keys_and_values(self, source_BSD: Tensor) -> tuple[Tensor, Tensor]:
        """What `cross` reads of another sequence, (B, G, S, K) each."""
        k, v = (part.unflatten(-1, (-1, self.head_size)) for part in joined(source_BSD, self.k_proj, self.v_proj))
        return self._normed(k, self.k_norm), v.transpose(1, 2)

    def cross(self, x: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        """Attention to another sequence's keys and values."""
        return self._mixed(self._normed(self.q_proj(x).unflatten(-1, (-1, self.head_size)), self.q_norm), k, v, mask)

    def _normed(self, part_BTHK: Tensor, norm: RMSNorm | None) -> Tensor:
        return (part_BTHK if norm is None else norm(part_BTHK)).transpose(1, 2)

    def _mixed(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        mixed = attend(q, k, v, mask, scale=self.scale, softcap=self.softcap, dropout=dropout, kernel=self.kernel)
        return self.o_proj(mixed.transpose(1, 2).flatten(2))
