"""Recurrent cells, step by step, with what does not depend on the step before taken out of the loop.

LSTM (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000):

    i, f, o = σ(W x + U h + b),  g = tanh(W x + U h + b),  c′ = f ⊙ c + i ⊙ g,  h′ = o ⊙ tanh(c′)

GRU (Cho et al. 2014, with the reset gate behind the product, as cuDNN and torch have it):

    r, z = σ(W x + U h + b),  n = tanh(W x + b + r ⊙ (U h + b′)),  h′ = (1 − z) ⊙ n + z ⊙ h

Gates stand in torch's order (LSTM i, f, g, o; GRU r, z, n).  Tests: tests/layers/test_recurrent_step.py (torch.nn.LSTM and GRU:
values and gradients).
"""

from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["lstm", "gru"]
GATES = {"lstm": 4, "gru": 3}
KEPT = {"lstm": 2, "gru": 1}
"""Vectors that a cell carries from step to step: h, and c of an LSTM."""


class Cell(nn.Module):
    """One layer.  Weights W (G·D, in), U (G·D, D) and two biases, in fp32; products in the type of the input."""

    def __init__(self, kind: Kind, input_size: int, hidden_size: int):
        super().__init__()
        self.kind: Kind = kind
        self.hidden_size = hidden_size
        rows = GATES[kind] * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias_ih = nn.Parameter(torch.zeros(rows))
        self.bias_hh = nn.Parameter(torch.zeros(rows))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Input weights uniform with variance 1/fan-in (LeCun et al. 1998); each gate's recurrent weights orthogonal (Saxe et al.
        2013; Bahdanau et al. 2015, appendix B.1); the LSTM's forget gate open, bias 1 (Jozefowicz et al. 2015, section 5)."""
        bound = (3 / self.weight_ih.shape[1]) ** 0.5
        self.weight_ih.uniform_(-bound, bound, generator=generator)
        for gate in self.weight_hh.chunk(GATES[self.kind]):
            nn.init.orthogonal_(gate, generator=generator)
        if self.kind == "lstm":
            self.bias_ih[self.hidden_size : 2 * self.hidden_size] = 1


class Steps:
    """A `Cell` at work: its weights in the type of the products, cast once for all steps."""

    def __init__(self, cell: Cell, dtype: torch.dtype):
        self.kind = cell.kind
        self._input = cell.weight_ih.to(dtype)
        self._weight, self._second_bias = cell.weight_hh.to(dtype).t(), cell.bias_hh.to(dtype)
        self._bias = (cell.bias_ih + cell.bias_hh if cell.kind == "lstm" else cell.bias_ih).to(dtype)

    def read(self, x: Tensor) -> Tensor:
        """W x + b of any number of steps at once, x (…, n) → (…, G·D), by the first n columns of W."""
        return nn.functional.linear(x, self._input[:, : x.shape[-1]], self._bias)

    def also(self, fed: Tensor) -> Tensor:
        """W x for the part of the input that is known a step at a time only: the last columns of W."""
        return nn.functional.linear(fed, self._input[:, -fed.shape[-1] :])

    def step(self, read: Tensor, kept: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """``read`` (B, G·D), ``kept`` (h,) or (h, c), each (B, D); gives the new ones."""
        if self.kind == "gru":
            reset, update, new = read.chunk(3, -1)
            reset_h, update_h, new_h = torch.addmm(self._second_bias, kept[0], self._weight).chunk(3, -1)
            z = torch.sigmoid(update + update_h)
            n = torch.tanh(new + torch.sigmoid(reset + reset_h) * new_h)
            return (torch.lerp(n, kept[0], z),)
        i, f, g, o = torch.addmm(read, kept[0], self._weight).chunk(4, -1)
        c = torch.sigmoid(f) * kept[1] + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


def run(cell: Cell, x_BTI: Tensor, lengths_B: Tensor | None, reverse: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
    """A whole sequence from zero: h of every step (B, T, D), and what is carried behind each row's last true step.

    ``reverse``: from each row's last true step to its first.  Steps at and beyond ``lengths_B`` change nothing, and their values
    are those carried.
    """
    steps = Steps(cell, x_BTI.dtype)
    reads = steps.read(x_BTI).unbind(1)
    B, T = x_BTI.shape[:2]
    kept: tuple[Tensor, ...] = tuple(x_BTI.new_zeros(B, cell.hidden_size) for _ in range(KEPT[cell.kind]))
    values: list[Tensor] = [x_BTI] * T
    shortest = T if lengths_B is None else int(lengths_B.min())
    for t in reversed(range(T)) if reverse else range(T):
        new = steps.step(reads[t], kept)
        if lengths_B is not None and t >= shortest:
            real = (t < lengths_B)[:, None]
            new = tuple(torch.where(real, one, before) for one, before in zip(new, kept, strict=True))
        kept = new
        values[t] = kept[0]
    return torch.stack(values, 1), kept
