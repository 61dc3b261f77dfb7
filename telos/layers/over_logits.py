"""Scalars of each row of logits with closed-form gradients, and any function of logits in chunks, so that many are never held.

    log_normaliser   Z = log Σ_v exp z_v                    ∂Z/∂z = p = softmax(z)
    of_target        z_y                                    one-hot(y)
    mean             z̄ = Σ_v z_v ÷ V                        1 ÷ V
    negentropy       Σ_v p_v log p_v                        p (log p − Σ p log p)
    divergence       KL(p ‖ q), q = softmax(y)              ∂/∂z = p (log p − log q − KL),   ∂/∂y = q − p

Each is one pass over the logits and one for its gradient, through blocks that stay in the cache; kept for the backward pass are
the logits alone, and in `chunked` not even they: those of a chunk are computed again (Chen et al. 2016, arXiv:1604.06174).
Sums run in the type of the logits, fp32 or wider.  Tests: tests/layers/test_over_logits.py (NumPy in float64, finite
differences, chunks as one); cost beside autograd: benchmarks/bench_loss.py.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from telos.layers import cross_entropy


class Statistics(NamedTuple):
    """(N,) each; ``mean`` and ``negentropy`` where they were asked for."""

    log_normaliser: Tensor
    of_target: Tensor
    mean: Tensor | None = None
    negentropy: Tensor | None = None

    @property
    def nll(self) -> Tensor:
        return self.log_normaliser - self.of_target


class _Statistics(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits: Tensor, targets: Tensor, mean: bool, entropy: bool):
        normaliser = logits.new_empty(len(logits))
        mean_N, entropy_N = (torch.empty_like(normaliser) if wanted else None for wanted in (mean, entropy))
        for part in cross_entropy.blocks(logits):
            block = logits[part]
            most = block.amax(1, keepdim=True)
            share = (block - most).exp_()
            total = share.sum(1)
            normaliser[part] = total.log() + most[:, 0]
            if mean_N is not None:
                mean_N[part] = block.mean(1)
            if entropy_N is not None:
                entropy_N[part] = (share.mul_(block).sum(1) / total) - normaliser[part]
        of_target = logits.gather(1, targets[:, None])[:, 0]
        ctx.save_for_backward(logits, targets, normaliser, entropy_N)
        ctx.set_materialize_grads(False)
        return normaliser, of_target, mean_N, entropy_N

    @staticmethod
    def backward(ctx, by_normaliser, by_target, by_mean, by_entropy):
        logits, targets, normaliser, entropy = ctx.saved_tensors
        gradient = torch.empty_like(logits)
        for part in cross_entropy.blocks(logits):
            log_share = logits[part] - normaliser[part, None]
            factor = 0 if by_normaliser is None else by_normaliser[part, None]
            if by_entropy is not None:
                factor = factor + by_entropy[part, None] * (log_share - entropy[part, None])
            share = torch.mul(log_share.exp_(), factor, out=gradient[part])
            if by_mean is not None:
                share += by_mean[part, None] / logits.shape[1]
            if by_target is not None:
                share.scatter_add_(1, targets[part, None], by_target[part, None])
        return gradient, None, None, None


def statistics(logits: Tensor, targets: Tensor, *, mean: bool = False, entropy: bool = False) -> Statistics:
    """Of logits (N, V) and the targets' ids (N,)."""
    return Statistics(*_Statistics.apply(logits, targets, mean, entropy))


class _Divergence(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits: Tensor, others: Tensor):
        found = logits.new_empty(len(logits))
        normalisers = logits.new_empty(2, len(logits))
        for part in cross_entropy.blocks(logits):
            for place, of in enumerate((logits, others)):
                normalisers[place, part] = torch.logsumexp(of[part], 1)
            log_p = logits[part] - normalisers[0, part, None]
            apart = log_p - (others[part] - normalisers[1, part, None])
            found[part] = log_p.exp_().mul_(apart).sum(1)
        ctx.save_for_backward(logits, others, normalisers, found)
        return found

    @staticmethod
    def backward(ctx, g):
        logits, others, normalisers, found = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:2]
        by_logits, by_others = (torch.empty_like(logits) if asked else None for asked in wanted)
        for part in cross_entropy.blocks(logits):
            log_p, log_q = (of[part] - normalisers[i, part, None] for i, of in enumerate((logits, others)))
            p = log_p.exp()
            if by_others is not None:
                by_others[part] = (log_q.exp() - p).mul_(g[part, None])
            if by_logits is not None:
                by_logits[part] = p.mul_(log_p.sub_(log_q).sub_(found[part, None])).mul_(g[part, None])
        return by_logits, by_others


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """KL(softmax(logits) ‖ softmax(others)) of each row in nats, (N,), differentiable in both."""
    return _Divergence.apply(logits, others)


def chunked(function: Callable[..., Tensor], rows: Sequence[Tensor], vocabulary_size: int) -> Tensor:
    """``function`` (row-wise: tensors of n rows → (n, …)) of these rows, (N, …) each, which computes logits over a vocabulary of
    this size on its way.  It is given as many rows at a time as a network makes logits of in one piece (`Network.over_logits`).
    For the gradient they are computed again, but where they are few in all.  What the function reads beside its rows gets its
    gradient, too."""
    few = len(rows[0]) * vocabulary_size <= cross_entropy.KEPT_VALUES // 2
    parts = zip(*(tensor.split(cross_entropy.chunk_rows(vocabulary_size)) for tensor in rows), strict=True)
    if few or not torch.is_grad_enabled():
        return torch.cat([function(*part) for part in parts])
    return torch.cat([checkpoint(function, *part, use_reentrant=False, preserve_rng_state=False) for part in parts])
