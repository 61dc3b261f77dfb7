"""Normalisation over the last axis, in fp32 whatever the type of x.

Agreement: tests/layers/test_norm.py (torch.nn.LayerNorm, torch.nn.RMSNorm), and inside whole models
tests/models/hugging_face/.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

NormKind = Literal["rms", "layer"]


class RMSNorm(nn.Module):
    """y = w · x ÷ √(mean(x²) + eps), the mean over the last axis.

    Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", equation 4.
    """

    def __init__(self, size: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        normed = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return (normed * self.weight).to(x.dtype)


class LayerNorm(nn.Module):
    """y = w · (x − mean(x)) ÷ √(var(x) + eps) + b.   Ba et al. 2016, "Layer Normalization", equation 4."""

    def __init__(self, size: int, eps: float, bias: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size)) if bias else None
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x.float(), self.weight.shape, self.weight, self.bias, self.eps).to(x.dtype)


def norm(kind: NormKind, size: int, eps: float, bias: bool) -> nn.Module:
    """A norm of that kind; ``bias`` is of layer norms only."""
    return RMSNorm(size, eps) if kind == "rms" else LayerNorm(size, eps, bias)
