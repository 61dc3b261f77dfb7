"""Negative log-likelihood of a softmax over sums of table rows, in chunks, so that the full logits are never held.

    z_n = b + Σ_i W_i[x_ni],   nll_n = logsumexp_v(z_nv) − z_n,target

which is the linear map of k one-hot vectors.  Backward, with g the gradient of each nll:  dz = g (softmax(z) − onehot(target)),
db = Σ_n dz_n, and dz_n is added to row x_ni of dW_i.  The logits of a chunk are computed again in the backward pass.
Tests: tests/layers/test_one_hot.py (torch's embedding and cross-entropy; finite differences in float64).
"""

import torch
from torch import Tensor

from telos.layers.cross_entropy import chunk_rows


def table_logits(tables_KVV: Tensor, bias_V: Tensor, ids_NK: Tensor) -> Tensor:
    """z (N, V): row n is the bias and row ``ids_NK[n, i]`` of table i, for each i."""
    logits = bias_V + tables_KVV[0][ids_NK[:, 0]]
    for i in range(1, tables_KVV.shape[0]):
        logits += tables_KVV[i][ids_NK[:, i]]
    return logits


class _Nll(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tables: Tensor, bias: Tensor, ids: Tensor, targets: Tensor) -> Tensor:
        nll, normaliser = (torch.empty(ids.shape[0], dtype=bias.dtype, device=bias.device) for _ in range(2))
        rows = chunk_rows(bias.shape[0])
        for at in range(0, ids.shape[0], rows):
            part = slice(at, at + rows)
            logits = table_logits(tables, bias, ids[part])
            normaliser[part] = torch.logsumexp(logits, -1)
            nll[part] = normaliser[part] - logits.gather(-1, targets[part, None])[:, 0]
        ctx.save_for_backward(tables, bias, ids, targets, normaliser)
        return nll

    @staticmethod
    def backward(ctx, g: Tensor):
        tables, bias, ids, targets, normaliser = ctx.saved_tensors
        dtables, dbias = torch.zeros_like(tables), torch.zeros_like(bias)
        rows = chunk_rows(bias.shape[0])
        for at in range(0, ids.shape[0], rows):
            part = slice(at, at + rows)
            dlogits = (table_logits(tables, bias, ids[part]) - normaliser[part, None]).exp_()
            dlogits.scatter_add_(1, targets[part, None], torch.full_like(dlogits[:, :1], -1.0))
            dlogits *= g[part, None]
            dbias += dlogits.sum(0)
            for i in range(tables.shape[0]):
                dtables[i].index_add_(0, ids[part, i], dlogits)
        return dtables, dbias, None, None


def one_hot_nll(tables_KVV: Tensor, bias_V: Tensor, ids_NK: Tensor, targets_N: Tensor) -> Tensor:
    """Nats of each target: tables (k, V, V), bias (V,), ids (N, k) and targets (N,) int64 → (N,) in the type of the bias,
    differentiable in tables and bias."""
    return _Nll.apply(tables_KVV, bias_V, ids_NK, targets_N)
