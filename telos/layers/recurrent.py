"""A recurrent layer over whole sequences: torch.nn's RNN, LSTM and GRU, several times as fast on a CPU.

    a_t = W x_t + b   for all steps in one matrix product;   then step by step  h_t = cell(a_t, U h_{t−1} + d)

The sequence is one node of the gradient's graph: the backward pass walks through time once, and the gradients of W and U are one
product each over all steps.  Parameters have torch.nn's names, shapes and order of gates, so that weights go both ways.
Tests: tests/layers/test_recurrent.py (torch.nn, values and gradients; finite differences in float64).
"""

import math

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from telos.layers.cells import Cell, Keep, Run

State = tuple[Tensor, ...]
"""h, and for an LSTM c behind it; each (B, H) in fp32, or (T, B, H) where it is of every step."""


class RecurrentLayer(nn.Module):
    """One layer of a cell.  ``weight_dropout``: while training, entries of the recurrent weights are dropped, the same at every
    step of a sequence (DropConnect; Merity et al. 2018, "Regularizing and Optimizing LSTM Language Models", section 2)."""

    def __init__(self, cell: Cell, input_size: int, hidden_size: int, weight_dropout: float = 0.0):
        super().__init__()
        self.cell, self.hidden_size, self.weight_dropout = cell, hidden_size, weight_dropout
        rows = cell.gates * hidden_size
        self.weight_ih = nn.Parameter(torch.zeros(rows, input_size))
        self.weight_hh = nn.Parameter(torch.zeros(rows, hidden_size))
        self.bias_ih = nn.Parameter(torch.zeros(rows))
        self.bias_hh = nn.Parameter(torch.zeros(rows))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Input weights uniform with variance 1/fan-in (LeCun et al. 1998), recurrent ones orthogonal gate by gate (Saxe et al.
        2014; Le et al. 2015), biases 0 but an LSTM's forget gate 1, so that it begins by remembering (Gers et al. 2000;
        Jozefowicz et al. 2015)."""
        bound = math.sqrt(3 / self.weight_ih.shape[1])
        self.weight_ih.uniform_(-bound, bound, generator=generator)
        for gate in self.weight_hh.chunk(self.cell.gates):
            nn.init.orthogonal_(gate, generator=generator)
        self.bias_ih.zero_()
        self.bias_hh.zero_()
        if self.cell.gates == 4:
            self.bias_ih[self.hidden_size : 2 * self.hidden_size] = 1.0

    def forward(self, x_TBD: Tensor, state: State, keep: Keep | None = None) -> tuple[Tensor, State]:
        """(values (T, B, H) in the type of x, the state after every step).

        ``state``: before the first step.  ``keep``: one entry a step, None or a (B, 1) mask by which the state before that step
        is multiplied (0 where a document begins).
        """
        weight_hh = functional.dropout(self.weight_hh, self.weight_dropout, self.training)
        wide = state[-1] if self.cell.wide else None
        keep = [None] * len(x_TBD) if keep is None else keep
        out, states = _Sequence.apply(
            x_TBD, self.weight_ih, weight_hh, self.bias_ih, self.bias_hh, state[0], wide, keep, self.cell
        )
        if states is None:
            return out, (out,)
        return out, ((out, states) if self.cell.parts == 2 else (states,))


class _Sequence(torch.autograd.Function):
    """All steps of one layer.  ``first``: h before the first step; ``wide``: what adds up over time, before the first step."""

    @staticmethod
    def forward(ctx, x, weight_ih, weight_hh, bias_ih, bias_hh, first, wide, keep: Keep, cell: Cell):  # noqa: PLR0917
        w, u = weight_ih.to(x.dtype), weight_hh.to(x.dtype)
        # A bias of the product is its own only where a gate stands between: in the GRU.
        bias = bias_ih if cell.gates == 3 else bias_ih + bias_hh
        a = torch.addmm(bias.to(x.dtype), x.flatten(0, 1), w.t()).view(*x.shape[:2], len(w))
        run = cell.forward(a, u, bias_hh.to(x.dtype), h=first.to(x.dtype), wide=wide, keep=keep)
        ctx.save_for_backward(x, w, u, first, wide, run.out_TBH, run.wide_TBH, *run.saved)
        ctx.keep, ctx.cell, ctx.types = keep, cell, (weight_ih.dtype, first.dtype)
        ctx.set_materialize_grads(False)
        return run.out_TBH, run.wide_TBH

    @staticmethod
    @once_differentiable
    def backward(ctx, dout, dwide):
        x, w, u, first, wide, out, states, *saved = ctx.saved_tensors
        dout = torch.zeros_like(out) if dout is None else dout.contiguous()
        run = Run(out, states, tuple(saved))
        narrow = first.to(out.dtype)
        found = ctx.cell.backward(u, run, dout, dwide, first=narrow, first_wide=wide, keep=ctx.keep)
        before = torch.cat([narrow[None], out[:-1]])
        for t, keep in enumerate(ctx.keep):
            if keep is not None:
                before[t] *= keep.to(before.dtype)
        of_inputs, of_products = found.inputs_TBG.flatten(0, 1), found.products_TBG.flatten(0, 1)
        kind, first_kind = ctx.types
        dx = (of_inputs @ w).view(x.shape)
        dweight_ih = (of_inputs.t() @ x.flatten(0, 1)).to(kind)
        dweight_hh = (of_products.t() @ before.flatten(0, 1)).to(kind)
        dbias_ih = of_inputs.sum(0, dtype=kind)
        dbias_hh = dbias_ih if found.products_TBG is found.inputs_TBG else of_products.sum(0, dtype=kind)
        return (dx, dweight_ih, dweight_hh, dbias_ih, dbias_hh, found.first_BH.to(first_kind), found.first_wide_BH, None, None)
