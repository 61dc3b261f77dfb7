"""Positions other than rotary ones: sinusoids added to the embeddings, and biases added to the attention scores.

Tests: tests/layers/test_positions.py (transformers' DistilBERT, BLOOM and T5).
"""

import math

import torch
from torch import Tensor, nn


def sinusoidal(positions: Tensor, width: int) -> Tensor:
    """(*positions.shape, width), fp32: feature 2i is sin(position ÷ 10000^(2i/width)), feature 2i+1 its cosine.

    Vaswani et al. 2017, "Attention Is All You Need", section 3.5.
    """
    pair = torch.arange(0, width, 2, dtype=torch.float32, device=positions.device) / width
    angle = positions[..., None].float() / 10_000.0**pair
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(-2)[..., :width]


def alibi_slopes(num_heads: int) -> Tensor:
    """Slope of each head, fp32 (H,): 2^(−8h/H) for h = 1 … H where H is a power of two; else those of the power below, then
    every second one of the power above.

    Press et al. 2022, "Train Short, Test Long", section 3, and the authors' code for other numbers of heads.
    """

    def powers(count: int) -> list[float]:
        return [2.0 ** (-8.0 * h / count) for h in range(1, count + 1)]

    below = 2 ** math.floor(math.log2(num_heads))
    return torch.tensor(powers(below) + powers(2 * below)[0::2][: num_heads - below], dtype=torch.float32)


def alibi(distances: Tensor, num_heads: int) -> Tensor:
    """−slope · |distance|: distances (B, T, S) → (B, H, T, S)."""
    return -alibi_slopes(num_heads).to(distances.device)[:, None, None] * distances[:, None].abs()


class RelativeBias(nn.Module):
    """A learned bias for each head and each bucket of distances (key's position − query's), which are exact when small and
    logarithmic above; beyond ``max_distance`` all share one.

    Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", section 2.1.
    """

    def __init__(self, num_buckets: int, max_distance: int, num_heads: int, both_directions: bool):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_buckets, num_heads))
        self.max_distance, self.both_directions = max_distance, both_directions

    def buckets(self, distances: Tensor) -> Tensor:
        count = self.weight.shape[0]
        offset: Tensor | int = 0
        if self.both_directions:
            count //= 2
            offset = (distances > 0).long() * count
            away = distances.abs()
        else:
            away = (-distances).clamp(min=0)
        exact = count // 2
        ratio = away.float().clamp(min=1) / exact
        far = exact + (torch.log(ratio) / math.log(self.max_distance / exact) * (count - exact)).long()
        return offset + torch.where(away < exact, away, far.clamp(max=count - 1))

    def forward(self, distances: Tensor) -> Tensor:
        """distances (B, T, S) → (B, H, T, S)."""
        return self.weight[self.buckets(distances)].permute(0, 3, 1, 2)
