"""Steps of a recurrent layer against the layer itself: values, what is carried, gradients."""

import pytest
import torch

from telos.layers.cells import GRU, LSTM
from telos.layers.recurrent import RecurrentLayer
from telos.layers.recurrent_step import Steps

X = torch.randn(7, 3, 5, generator=torch.Generator().manual_seed(1))


def _layer(cell):
    made, layer = torch.Generator().manual_seed(2), RecurrentLayer(cell(), 5, 6)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=made) / 2)
    first = tuple(torch.randn(3, 6, generator=made) for _ in range(layer.cell.parts))
    return layer, first


@pytest.mark.parametrize("cell", [LSTM, GRU])
def test_steps_are_the_layer(cell):
    layer, kept = _layer(cell)
    wanted, states = layer(X, kept)
    (wanted.square().sum() + states[-1][-1].sum()).backward()
    expected = {name: parameter.grad.clone() for name, parameter in layer.named_parameters()}
    layer.zero_grad()
    steps, values = Steps(layer, torch.float32), []
    for read in steps.read(X).unbind(0):
        kept = steps.step(read, kept)
        values.append(kept[0])
    torch.testing.assert_close(torch.stack(values), wanted, atol=1e-6, rtol=1e-6)
    for ours, theirs in zip(kept, states, strict=True):
        torch.testing.assert_close(ours, theirs[-1], atol=1e-6, rtol=1e-6)
    (torch.stack(values).square().sum() + kept[-1].sum()).backward()
    for name, parameter in layer.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("cell", [LSTM, GRU])
def test_an_input_in_two_parts_is_the_whole_input(cell):
    steps = Steps(_layer(cell)[0], torch.float32)
    both = steps.read(X[0, :, :2]) + steps.also(X[0, :, 2:])
    torch.testing.assert_close(both, steps.read(X[0]))


@pytest.mark.parametrize("cell", [LSTM, GRU])
def test_what_adds_up_is_kept_wide(cell):
    layer, kept = _layer(cell)
    steps = Steps(layer, torch.bfloat16)
    found = steps.step(steps.read(X[0].bfloat16()), kept)
    exact = Steps(layer, torch.float32).step(Steps(layer, torch.float32).read(X[0]), kept)
    for ours, theirs in zip(found, exact, strict=True):
        assert ours.dtype == torch.float32
        assert (ours - theirs).abs().max() < 0.05
