"""Recurrent cells against torch's own layers: values, carried vectors, gradients, padding."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from telos.layers.recurrent_step import Cell, Steps, run

X = torch.randn(3, 7, 5, generator=torch.Generator().manual_seed(1))
LENGTHS = torch.tensor([7, 3, 1])


def _pair(kind, reverse=False):
    """A cell and torch's layer of equal weights, biases among them."""
    theirs = (nn.LSTM if kind == "lstm" else nn.GRU)(5, 6, batch_first=True, bidirectional=True)
    cell, suffix = Cell(kind, 5, 6), "_reverse" if reverse else ""
    made = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in cell.named_parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=made) / 2)
            getattr(theirs, f"{name}_l0{suffix}").copy_(parameter)
    return cell, theirs


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_a_layer_is_torchs(kind, reverse, padded):
    cell, theirs = _pair(kind, reverse)
    lengths = LENGTHS if padded else torch.full((3,), 7)
    values, carried = run(cell, X, lengths if padded else None, reverse)
    packed, last = theirs(pack_padded_sequence(X, lengths, batch_first=True))
    wanted = pad_packed_sequence(packed, batch_first=True)[0][..., 6 * reverse : 6 * (reverse + 1)]
    real = torch.arange(7) < lengths[:, None]
    torch.testing.assert_close(values[real], wanted[real], atol=1e-6, rtol=1e-6)
    for ours, one in zip(carried, last if kind == "lstm" else (last,), strict=True):
        torch.testing.assert_close(ours, one[int(reverse)], atol=1e-6, rtol=1e-6)
    values[real].square().sum().backward()
    wanted[real].square().sum().backward()
    for name, parameter in cell.named_parameters():
        other = getattr(theirs, name + ("_l0_reverse" if reverse else "_l0"))
        torch.testing.assert_close(parameter.grad, other.grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_an_input_in_two_parts_is_the_whole_input(kind):
    steps = Steps(_pair(kind)[0], torch.float32)
    both = steps.read(X[:, 0, :2]) + steps.also(X[:, 0, 2:])
    torch.testing.assert_close(both, steps.read(X[:, 0]))


def test_initialisation():
    cell = Cell("lstm", 50, 40)
    cell.initialise(torch.Generator().manual_seed(3))
    for gate in cell.weight_hh.chunk(4):
        torch.testing.assert_close(gate @ gate.t(), torch.eye(40), atol=1e-5, rtol=0)
    assert cell.weight_ih.var().item() == pytest.approx(1 / 50, rel=0.05)
    assert (cell.bias_ih + cell.bias_hh).tolist() == [0.0] * 40 + [1.0] * 40 + [0.0] * 80
