"""Linear maps whose weights are kept in fp32 and used in the type of the input."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Linear(nn.Module):
    """y = x Wᵀ + b, x (…, in), W (out, in).  The weight is cast to x's type on use; gradients arrive in fp32."""

    def __init__(self, in_features: int, out_features: int, bias: bool = False):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return functional.linear(x, self.weight.to(x.dtype), bias)


def joined(x: Tensor, *parts: Linear) -> list[Tensor]:
    """Several linear maps of one input as a single matrix product: one pass over x, and a wider, faster product."""
    sizes = [part.weight.shape[0] for part in parts]
    weight = torch.cat([part.weight for part in parts]).to(x.dtype)
    bias = None
    if parts[0].bias is not None:
        bias = torch.cat([part.bias for part in parts if part.bias is not None]).to(x.dtype)
    return list(functional.linear(x, weight, bias).split(sizes, dim=-1))
