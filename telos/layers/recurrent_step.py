"""A recurrent layer step by step, for decoders whose next input depends on the last output.

The mathematics is that of `telos.layers.cells`, on the weights of a `RecurrentLayer`; here autograd goes through every step,
where `RecurrentLayer` has its own backward pass for a sequence that is known beforehand.  What adds up over time is in fp32 at
least.  Tests: tests/layers/test_recurrent_step.py (`RecurrentLayer`: values and gradients).
"""

import torch
from torch import Tensor
from torch.nn import functional

from telos.layers.recurrent import RecurrentLayer, State


class Steps:
    """A `RecurrentLayer` of LSTM or GRU cells at work: its weights in the type of the products, cast once for all steps."""

    def __init__(self, layer: RecurrentLayer, dtype: torch.dtype):
        self.gates = layer.cell.gates
        self._input = layer.weight_ih.to(dtype)
        self._weight, self._second_bias = layer.weight_hh.to(dtype).t(), layer.bias_hh.to(dtype)
        self._bias = (layer.bias_ih if self.gates == 3 else layer.bias_ih + layer.bias_hh).to(dtype)

    def read(self, x: Tensor) -> Tensor:
        """W x + b of any number of steps at once, x (…, n) → (…, G), by the first n columns of W."""
        return functional.linear(x, self._input[:, : x.shape[-1]], self._bias)

    def also(self, fed: Tensor) -> Tensor:
        """W x for the part of the input that is known a step at a time only: the last columns of W."""
        return functional.linear(fed, self._input[:, -fed.shape[-1] :])

    def step(self, read: Tensor, kept: State) -> State:
        """``read`` (B, G), ``kept`` (h,) or (h, c), each (B, H) in fp32; gives the new ones."""
        h = kept[0].to(read.dtype)
        if self.gates == 3:
            reset, update, new = read.to(kept[0].dtype).chunk(3, -1)
            reset_h, update_h, new_h = torch.addmm(self._second_bias, h, self._weight).to(kept[0].dtype).chunk(3, -1)
            n = torch.tanh(new + torch.sigmoid(reset + reset_h) * new_h)
            return (torch.lerp(n, kept[0], torch.sigmoid(update + update_h)),)
        i, f, g, o = torch.addmm(read, h, self._weight).to(kept[0].dtype).chunk(4, -1)
        c = torch.sigmoid(f) * kept[1] + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
