"""Output layer and negative log-likelihood together, in chunks of rows, so that the full logits are never held.

    nll_n = logsumexp_v(z_nv) − z_n,target,   z = x Wᵀ + b,  or c tanh((x Wᵀ + b) ÷ c) with a soft cap c

Backward, with g the gradient of each row's nll:  dz = g (softmax(z) − onehot), times 1 − (z ÷ c)² under a cap;  dx = dz W,
dW = dzᵀ x,  db = Σ_n dz.  The logits of a chunk are computed again in the backward pass (one product more) instead of being
kept.  Sums run in fp32 whatever the type of x.  Soft cap: Gemma 2 (arXiv:2408.00118, section 2).
Tests: tests/layers/test_cross_entropy.py (torch's cross-entropy; finite differences in float64).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

CHUNK_VALUES = 2**23
"""Logits held at a time (16 MiB in bf16)."""


def chunk_rows(vocabulary_size: int) -> int:
    return max(16, CHUNK_VALUES // vocabulary_size)


class Output(NamedTuple):
    """The output layer: ``weight`` (V, D) in the type of x, ``bias`` (V,), ``softcap``: c."""

    weight: Tensor
    bias: Tensor | None = None
    softcap: float | None = None

    def logits(self, x: Tensor) -> Tensor:
        """(N, V) of one chunk, the product in the type of x, the rest in fp32 (fp64 for fp64 input)."""
        logits = x @ self.weight.t()
        wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
        if self.bias is not None:
            wide = wide + self.bias
        return wide if self.softcap is None else self.softcap * torch.tanh(wide / self.softcap)


def _log_normaliser(x: Tensor, targets: Tensor, output: Output) -> tuple[Tensor, Tensor]:
    """nll and logsumexp of one chunk."""
    wide = output.logits(x)
    normaliser = torch.logsumexp(wide, -1)
    return normaliser - wide.gather(-1, targets[:, None])[:, 0], normaliser


def _logit_gradient(x: Tensor, targets: Tensor, normaliser: Tensor, g: Tensor, output: Output) -> Tensor:
    """g (softmax − onehot) of one chunk, behind the cap, in the type of x."""
    wide = output.logits(x)
    columns = torch.arange(output.weight.shape[0], device=x.device)
    share = torch.exp(wide - normaliser[:, None]) - (columns == targets[:, None]).to(normaliser.dtype)
    if output.softcap is not None:
        share = share * (1 - (wide / output.softcap).square())
    return (share * g[:, None]).to(x.dtype)


class Kernels:
    """The two chunk functions, replaced by compiled ones when a network compiles itself."""

    forward: Callable[..., tuple[Tensor, Tensor]] = staticmethod(_log_normaliser)
    backward: Callable[..., Tensor] = staticmethod(_logit_gradient)


class _Nll(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - autograd gives them by place
        ctx, x: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, how: tuple[float | None, Kernels]
    ) -> Tensor:
        ctx.softcap, ctx.kernels = how
        output = Output(weight.to(x.dtype), bias, ctx.softcap)
        nll = torch.empty(x.shape[0], dtype=torch.promote_types(x.dtype, torch.float32), device=x.device)
        normaliser = torch.empty_like(nll)
        rows = chunk_rows(weight.shape[0])
        for at in range(0, x.shape[0], rows):
            part = slice(at, at + rows)
            nll[part], normaliser[part] = ctx.kernels.forward(x[part], targets[part], output)
        ctx.save_for_backward(x, weight, bias, targets, normaliser)
        return nll

    @staticmethod
    def backward(ctx, g: Tensor):
        x, weight, bias, targets, normaliser = ctx.saved_tensors
        output = Output(weight.to(x.dtype), bias, ctx.softcap)
        dx = torch.empty_like(x)
        dweight = torch.zeros(weight.shape, dtype=torch.promote_types(x.dtype, torch.float32), device=x.device)
        dbias = None if bias is None else torch.zeros_like(dweight[:, 0])
        rows = chunk_rows(weight.shape[0])
        for at in range(0, x.shape[0], rows):
            part = slice(at, at + rows)
            dlogits = ctx.kernels.backward(x[part], targets[part], normaliser[part], g[part], output)
            torch.mm(dlogits, output.weight, out=dx[part])
            dweight += dlogits.t() @ x[part]
            if dbias is not None:
                dbias += dlogits.sum(0, dtype=dbias.dtype)
        return dx, dweight.to(weight.dtype), None if dbias is None else dbias.to(bias.dtype), None, None


def linear_nll(
    x: Tensor,
    weight: Tensor,
    targets: Tensor,
    kernels: Kernels | None = None,
    *,
    bias: Tensor | None = None,
    softcap: float | None = None,
) -> Tensor:
    """Nats of each target: x (N, D), weight (V, D), targets (N,) int64, bias (V,) → (N,), fp32, differentiable in x, weight
    and bias."""
    return _Nll.apply(x, weight, bias, targets, (softcap, kernels or Kernels()))
