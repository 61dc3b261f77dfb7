"""Output layer and negative log-likelihood together, in chunks of rows, so that many logits are never held at once.

    nll_n = logsumexp_v(z_nv) − z_n,target,   z = x Wᵀ + b,  or with a soft cap c:  z = c tanh((x Wᵀ + b) ÷ c)

Backward, with g the gradient of each row's nll and D = softmax(z) − onehot, under a cap times 1 − (z ÷ c)²:  dx = g (D W),
dW = Dᵀ (g x),  db = Dᵀ g.  Soft cap: Gemma 2 (arXiv:2408.00118, section 2).  Few logits are one chunk, whose D is made at once
in their place and kept for the backward pass; of many, those of a chunk are computed again there (one product more).  Sums run
in fp32 whatever the type of x.  Tests: tests/layers/test_cross_entropy.py (torch's cross-entropy; finite differences in float64).
"""

from collections.abc import Callable
from typing import NamedTuple

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


class After(NamedTuple):
    """What follows the product: a bias (V,), and a soft cap c."""

    bias: Tensor | None = None
    softcap: float | None = None

    def logits(self, product: Tensor, dtype: torch.dtype) -> Tensor:
        """Logits in ``dtype`` from x Wᵀ."""
        wide = product.to(dtype)
        if self.bias is not None:
            wide = wide + self.bias
        return wide if self.softcap is None else self.softcap * torch.tanh(wide / self.softcap)

    def slope(self, logits: Tensor) -> Tensor | None:
        """Derivative of the logits by what the cap is put on; None without one."""
        return None if self.softcap is None else 1 - (logits / self.softcap).square()


def blocks(logits: Tensor) -> list[slice]:
    """Rows that several operations go through at a time."""
    rows = max(1, logits.shape[0])
    if not torch.compiler.is_compiling() and logits.device.type == "cpu":
        rows = max(1, CACHED_VALUES // logits.shape[1])
    return [slice(at, at + rows) for at in range(0, logits.shape[0], rows)]


def _wide(logits: Tensor) -> torch.dtype:
    return torch.promote_types(logits.dtype, torch.float32)


def _log_normaliser(logits: Tensor, targets: Tensor, after: After) -> tuple[Tensor, Tensor]:
    """nll and logsumexp of one chunk, fp32 (fp64 for fp64 input)."""
    nll = torch.empty(logits.shape[0], dtype=_wide(logits), device=logits.device)
    normaliser = torch.empty_like(nll)
    for part in blocks(logits):
        wide = after.logits(logits[part], nll.dtype)
        normaliser[part] = torch.logsumexp(wide, -1)
        nll[part] = normaliser[part] - wide.gather(-1, targets[part, None])[:, 0]
    return nll, normaliser


def _excess(logits: Tensor, targets: Tensor, normaliser: Tensor, after: After) -> Tensor:
    """D of one chunk in the type of the logits."""
    excess = torch.empty_like(logits)
    columns = torch.arange(logits.shape[1], device=logits.device)
    for part in blocks(logits):
        wide = after.logits(logits[part], normaliser.dtype)
        share = (wide - normaliser[part, None]).exp()
        if torch.compiler.is_compiling():  # one pass over all, where a scatter would be a second
            share = share - (columns == targets[part, None]).to(share.dtype)
        else:
            share = _less_one(share, targets[part])
        slope = after.slope(wide)
        excess[part] = share if slope is None else share * slope
    return excess


def _nll_and_excess(logits: Tensor, targets: Tensor, after: After) -> tuple[Tensor, Tensor]:
    """nll of a chunk, and what D is divided by: the logits become D Σ exp(z − max z), which takes one exponential of each."""
    nll = torch.empty(logits.shape[0], dtype=_wide(logits), device=logits.device)
    sums = torch.empty_like(nll)
    for part in blocks(logits):
        at, wide = targets[part, None], after.logits(logits[part], nll.dtype)
        of_target, most = wide.gather(1, at), wide.amax(1, keepdim=True)
        slope = after.slope(wide)
        share = (wide - most).exp_()
        total = share.sum(1, keepdim=True)
        nll[part] = (total.log() + most - of_target)[:, 0]
        sums[part] = total[:, 0]
        share.scatter_add_(1, at, -total)
        logits[part] = share if slope is None else share * slope
    return nll, sums


def _less_one(share: Tensor, targets: Tensor) -> Tensor:
    """One less at each row's target, in place."""
    return share.scatter_add_(1, targets[:, None], share.new_full((len(share), 1), -1.0))


class Kernels:
    """The two chunk functions, replaced by compiled ones when a network compiles itself."""

    forward: Callable[..., tuple[Tensor, Tensor]] = staticmethod(_log_normaliser)
    backward: Callable[..., Tensor] = staticmethod(_excess)

    @classmethod
    def compiled(cls, device: torch.device) -> "Kernels":
        """As they are on a CPU, where blocks in the cache are faster than what compiles to passes over all logits
        (docs/log.md)."""
        kernels = cls()
        if device.type != "cpu":
            kernels.forward = torch.compile(cls.forward, fullgraph=True, dynamic=False)
            kernels.backward = torch.compile(cls.backward, fullgraph=True, dynamic=False)
        return kernels

    def both(self, logits: Tensor, targets: Tensor, after: After) -> tuple[Tensor, Tensor, Tensor | None]:
        """nll, D, and what each row of D is to be divided by, None for nothing; the logits are used up."""
        if self.forward is Kernels.forward:
            nll, sums = _nll_and_excess(logits, targets, after)
            return nll, logits, sums
        nll, normaliser = self.forward(logits, targets, after)
        return nll, self.backward(logits, targets, normaliser, after), None


class _Nll(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - autograd gives them by place
        ctx, x: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, how: tuple[float | None, Kernels]
    ) -> Tensor:
        softcap, kernels = how
        after, used = After(bias, softcap), weight.to(x.dtype)
        ctx.softcap, ctx.kernels, ctx.weight_dtype = softcap, kernels, weight.dtype
        if x.shape[0] * weight.shape[0] <= KEPT_VALUES and any(ctx.needs_input_grad[:3]):
            nll, excess, sums = kernels.both(x @ used.t(), targets, after)
            ctx.save_for_backward(x, used, bias, targets, sums, excess)
            return nll
        nll = torch.empty(x.shape[0], dtype=_wide(x), device=x.device)
        normaliser = torch.empty_like(nll)
        rows = chunk_rows(weight.shape[0])
        for at in range(0, x.shape[0], rows):
            part = slice(at, at + rows)
            nll[part], normaliser[part] = kernels.forward(x[part] @ used.t(), targets[part], after)
        ctx.save_for_backward(x, used, bias, targets, normaliser, None)
        return nll

    @staticmethod
    def backward(ctx, g: Tensor):
        x, used, bias, targets, normaliser, excess = ctx.saved_tensors
        if excess is not None and normaliser is not None:
            g = g / normaliser
        weighted = (x * g[:, None]).to(x.dtype)
        dbias: Tensor | None = None
        if excess is not None:
            dx, dweight = excess @ used, excess.t() @ weighted
            if bias is not None:
                dbias = (excess * g[:, None]).sum(0)
        else:
            after = After(bias, ctx.softcap)
            dx, dweight = torch.empty_like(x), torch.zeros(used.shape, dtype=_wide(used), device=x.device)
            dbias = None if bias is None else torch.zeros(bias.shape, dtype=_wide(used), device=x.device)
            rows = chunk_rows(used.shape[0])
            for at in range(0, x.shape[0], rows):
                part = slice(at, at + rows)
                excess = ctx.kernels.backward(x[part] @ used.t(), targets[part], normaliser[part], after)
                torch.mm(excess, used, out=dx[part])
                dweight += excess.t() @ weighted[part]
                if dbias is not None:
                    dbias += (excess * g[part, None]).sum(0)
        if dbias is not None:
            dbias = dbias.to(bias.dtype)
        return dx.mul_(g[:, None]), dweight.to(ctx.weight_dtype), dbias, None, None


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
