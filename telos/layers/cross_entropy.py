"""Output layer and negative log-likelihood together, in chunks of rows, so that the full logits are never held.

    nll_n = logsumexp_v(z_nv) − z_n,target,   z = x Wᵀ

Backward, with g the gradient of each row's nll:  dz = g (softmax(z) − onehot),  dx = dz W,  dW = dzᵀ x.  The logits of a
chunk are computed again in the backward pass (one product more) instead of being kept.  Sums run in fp32 whatever the type
of x.  Tests: tests/layers/test_cross_entropy.py (torch's cross-entropy; finite differences in float64).
"""

from collections.abc import Callable

import torch
from torch import Tensor

CHUNK_VALUES = 2**23
"""Logits held at a time (16 MiB in bf16)."""


def chunk_rows(vocabulary_size: int) -> int:
    return max(16, CHUNK_VALUES // vocabulary_size)


def _log_normaliser(x: Tensor, weight: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """nll and logsumexp of one chunk, fp32 (fp64 for fp64 input)."""
    logits = x @ weight.t()
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    normaliser = torch.logsumexp(wide, -1)
    return normaliser - wide.gather(-1, targets[:, None])[:, 0], normaliser


def _logit_gradient(x: Tensor, weight: Tensor, targets: Tensor, normaliser: Tensor, g: Tensor) -> Tensor:
    """g (softmax − onehot) of one chunk in the type of x."""
    logits = x @ weight.t()
    wide = logits.to(normaliser.dtype)
    columns = torch.arange(weight.shape[0], device=x.device)
    share = torch.exp(wide - normaliser[:, None]) - (columns == targets[:, None]).to(normaliser.dtype)
    return (share * g[:, None]).to(x.dtype)


class Kernels:
    """The two chunk functions, replaced by compiled ones when a network compiles itself."""

    forward: Callable[..., tuple[Tensor, Tensor]] = staticmethod(_log_normaliser)
    backward: Callable[..., Tensor] = staticmethod(_logit_gradient)


class _Nll(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, targets: Tensor, kernels: Kernels) -> Tensor:
        used = weight.to(x.dtype)
        nll = torch.empty(x.shape[0], dtype=torch.promote_types(x.dtype, torch.float32), device=x.device)
        normaliser = torch.empty_like(nll)
        rows = chunk_rows(weight.shape[0])
        for at in range(0, x.shape[0], rows):
            part = slice(at, at + rows)
            nll[part], normaliser[part] = kernels.forward(x[part], used, targets[part])
        ctx.save_for_backward(x, weight, targets, normaliser)
        ctx.kernels = kernels
        return nll

    @staticmethod
    def backward(ctx, g: Tensor):
        x, weight, targets, normaliser = ctx.saved_tensors
        used = weight.to(x.dtype)
        dx = torch.empty_like(x)
        dweight = torch.zeros(weight.shape, dtype=torch.promote_types(x.dtype, torch.float32), device=x.device)
        rows = chunk_rows(weight.shape[0])
        for at in range(0, x.shape[0], rows):
            part = slice(at, at + rows)
            dlogits = ctx.kernels.backward(x[part], used, targets[part], normaliser[part], g[part])
            torch.mm(dlogits, used, out=dx[part])
            dweight += dlogits.t() @ x[part]
        return dx, dweight.to(weight.dtype), None, None


def linear_nll(x: Tensor, weight: Tensor, targets: Tensor, kernels: Kernels | None = None) -> Tensor:
    """Nats of each target: x (N, D), weight (V, D), targets (N,) int64 → (N,), fp32, differentiable in x and weight."""
    return _Nll.apply(x, weight, targets, kernels or Kernels())
