"""Normalisation over the last axis."""

import torch
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """y = w · x ÷ √(mean(x²) + eps), the mean over the last axis, in fp32 whatever the type of x.

    Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", equation 4.  Agreement: tests/models/test_transformer.py
    (transformers' Qwen3RMSNorm inside whole models).
    """

    def __init__(self, size: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        normed = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return (normed * self.weight).to(x.dtype)
