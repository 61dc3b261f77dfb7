"""Scaled dot-product attention, and grouped-query attention around it.

attention(q, k, v) = softmax(q kᵀ ÷ √K + mask) v        (Vaswani et al. 2017, section 3.2.1)
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from telos.layers.linear import Linear, joined
from telos.layers.norm import RMSNorm
from telos.layers.rotary import rotate

EXPLICIT_UP_TO = 512
"""Keys up to which plain batched products beat the fused CPU kernel, forward and backward: at head size 64 and 256 keys,
bf16, compiled, 2.5 times on a 2-core Zen 5 (docs/log.md); they hold (B, H, T, S) scores, so longer rows use the fused one."""


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


def causal_mask(segments_BT: Tensor | None, length: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """0 where a token may look, −inf elsewhere: (B, 1, T, T), or (1, 1, T, T) without segments."""
    allowed = torch.ones(length, length, dtype=torch.bool, device=device).tril()[None]
    if segments_BT is not None:
        allowed = allowed & (segments_BT[:, :, None] == segments_BT[:, None, :])
    return torch.zeros(allowed.shape, dtype=dtype, device=device).masked_fill_(~allowed, -math.inf)[:, None]


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """q (B, H, T, K), k and v (B, G, S, K) with G dividing H; ``mask`` additive, None for plain causal.  Gives (B, H, T, K).

    The softmax is taken in fp32 whatever the type.
    """
    groups = q.shape[1] // k.shape[1]
    if q.device.type != "cpu" or k.shape[2] > EXPLICIT_UP_TO:
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=groups > 1)
    if mask is None:
        mask = causal_mask(None, q.shape[2], q.dtype, q.device)
    if groups > 1:
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    scores = (q @ k.transpose(-1, -2)) * (1.0 / math.sqrt(q.shape[-1])) + mask
    return torch.softmax(scores, -1, dtype=torch.float32).to(v.dtype) @ v


class Attention(nn.Module):
    """Grouped-query attention (Ainslie et al. 2023) with rotary positions and per-head RMS norm of queries and keys
    (Henry et al. 2020; as Qwen3).  x (B, T, D) → (B, T, D)."""

    def __init__(self, hidden_size: int, num_heads: int, num_key_value_heads: int, head_size: int, norm_eps: float):
        super().__init__()
        self.head_size = head_size
        self.q_proj = Linear(hidden_size, num_heads * head_size)
        self.k_proj = Linear(hidden_size, num_key_value_heads * head_size)
        self.v_proj = Linear(hidden_size, num_key_value_heads * head_size)
        self.o_proj = Linear(num_heads * head_size, hidden_size)
        self.q_norm = RMSNorm(head_size, norm_eps)
        self.k_norm = RMSNorm(head_size, norm_eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None, cache: Cache | None = None) -> Tensor:
        heads = [part.unflatten(-1, (-1, self.head_size)) for part in joined(x, self.q_proj, self.k_proj, self.v_proj)]
        q = rotate(self.q_norm(heads[0]).transpose(1, 2), cos, sin)
        k = rotate(self.k_norm(heads[1]).transpose(1, 2), cos, sin)
        v = heads[2].transpose(1, 2)
        if cache is not None:
            k, v = cache.extend(k, v)
        return self.o_proj(attend(q, k, v, mask).transpose(1, 2).flatten(2))
