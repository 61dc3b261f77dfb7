"""Rotary position embedding.

Su et al. 2021, "RoFormer", section 3.2.2, in the half-split layout of GPT-NeoX and Qwen: feature i is paired with
i + K/2, angle = position · theta^(−2i/K).  Scores depend on differences of positions only.
"""

import torch
from torch import Tensor


def angles(positions: Tensor, head_size: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines of shape (*positions.shape, K), fp32; the two halves of K are equal."""
    exponent = torch.arange(0, head_size, 2, dtype=torch.float32, device=positions.device) / head_size
    angle = positions[..., None].float() * (1.0 / theta**exponent)
    both = torch.cat([angle, angle], dim=-1)
    return both.cos(), both.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x (B, H, T, K) turned by the angles, cos and sin broadcastable to it."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin
