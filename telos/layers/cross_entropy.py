"""Output layer and negative log-likelihood together, in chunks of rows, so that many logits are never held at once.

    nll_n = logsumexp_v(z_nv) − z_n,target,   z = x Wᵀ

Backward, with g the gradient of each row's nll:  dz = g (softmax(z) − onehot),  dx = dz W,  dW = dzᵀ x.  Few logits are one
chunk and are kept for the backward pass; of many, those of a chunk are computed again there (one product more).  Sums run in
fp32 whatever the type of x.  Tests: tests/layers/test_cross_entropy.py (torch's cross-entropy; finite differences in float64).
"""

from collections.abc import Callable

import torch
from torch import Tensor

CHUNK_VALUES = 2**23
"""Logits held at a time (16 MiB in bf16), where they are more than `KEPT_VALUES` in all."""
KEPT_VALUES = 2**25
"""Up to so many logits (64 MiB in bf16) are kept from the forward to the backward pass."""
CACHED_VALUES = 2**18
"""Uncompiled, sums over logits go through so many at a time on a CPU: what several operations read and write stays in the
cache."""


def chunk_rows(vocabulary_size: int) -> int:
    return max(16, CHUNK_VALUES // vocabulary_size)


def _blocks(logits: Tensor) -> list[slice]:
    rows = max(1, logits.shape[0])
    if not torch.compiler.is_compiling() and logits.device.type == "cpu":
        rows = max(1, CACHED_VALUES // logits.shape[1])
    return [slice(at, at + rows) for at in range(0, logits.shape[0], rows)]


def _log_normaliser(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """nll and logsumexp of one chunk, fp32 (fp64 for fp64 input)."""
    nll = torch.empty(logits.shape[0], dtype=torch.promote_types(logits.dtype, torch.float32), device=logits.device)
    normaliser = torch.empty_like(nll)
    for part in _blocks(logits):
        wide = logits[part].to(nll.dtype)
        normaliser[part] = torch.logsumexp(wide, -1)
        nll[part] = normaliser[part] - wide.gather(-1, targets[part, None])[:, 0]
    return nll, normaliser


def _logit_gradient(logits: Tensor, targets: Tensor, normaliser: Tensor, g: Tensor) -> Tensor:
    """g (softmax − onehot) of one chunk in the type of the logits."""
    gradient = torch.empty_like(logits)
    columns = torch.arange(logits.shape[1], device=logits.device)
    for part in _blocks(logits):
        share = (logits[part].to(normaliser.dtype) - normaliser[part, None]).exp()
        if torch.compiler.is_compiling():  # one pass over all, where a scatter would be a second
            share = share - (columns == targets[part, None]).to(share.dtype)
        else:
            share.scatter_add_(1, targets[part, None], torch.full_like(normaliser[part, None], -1.0))
        gradient[part] = share.mul_(g[part, None])
    return gradient


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
        few = x.shape[0] * weight.shape[0] <= KEPT_VALUES
        ctx.rows = max(1, x.shape[0]) if few else chunk_rows(weight.shape[0])
        ctx.kept = None
        for at in range(0, x.shape[0], ctx.rows):
            part = slice(at, at + ctx.rows)
            logits = x[part] @ used.t()
            nll[part], normaliser[part] = kernels.forward(logits, targets[part])
            if few and any(ctx.needs_input_grad[:2]):
                ctx.kept = logits
        ctx.save_for_backward(x, used, targets, normaliser)
        ctx.kernels, ctx.weight_dtype = kernels, weight.dtype
        return nll

    @staticmethod
    def backward(ctx, g: Tensor):
        x, used, targets, normaliser = ctx.saved_tensors
        dx = torch.empty_like(x)
        dweight: Tensor | None = None
        for at in range(0, x.shape[0], ctx.rows):
            part = slice(at, at + ctx.rows)
            logits = x[part] @ used.t() if ctx.kept is None else ctx.kept
            dlogits = ctx.kernels.backward(logits, targets[part], normaliser[part], g[part])
            torch.mm(dlogits, used, out=dx[part])
            product = dlogits.t() @ x[part]
            dweight = product.to(normaliser.dtype) if dweight is None else dweight.add_(product)
        if dweight is None:
            dweight = torch.zeros_like(used)
        return dx, dweight.to(ctx.weight_dtype), None, None


def linear_nll(x: Tensor, weight: Tensor, targets: Tensor, kernels: Kernels | None = None) -> Tensor:
    """Nats of each target: x (N, D), weight (V, D), targets (N,) int64 → (N,), fp32, differentiable in x and weight."""
    return _Nll.apply(x, weight, targets, kernels or Kernels())
