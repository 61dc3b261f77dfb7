"""Activations against transformers', and the two forms against their formulas."""

import pytest
import torch
from transformers.activations import ACT2FN

from telos.layers.feed_forward import ACTIVATIONS, FeedForward

THEIRS = {"gelu": "gelu", "gelu_tanh": "gelu_new", "silu": "silu", "relu": "relu", "relu2": "relu2"}


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_equal_transformers(name):
    x = torch.linspace(-6, 6, 101)
    torch.testing.assert_close(ACTIVATIONS[name](x), ACT2FN[THEIRS[name]](x), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("gated", [True, False])
def test_the_formula(gated, bias):
    layer = FeedForward(6, 10, activation="relu2", gated=gated, bias=bias).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    x = torch.randn(2, 3, 6, dtype=torch.float64)

    def linear(name, y):
        weight, offset = layer.get_parameter(f"{name}_proj.weight"), 0
        if bias:
            offset = layer.get_parameter(f"{name}_proj.bias")
        return y @ weight.t() + offset

    def square(y):
        return y.clamp(min=0) ** 2

    inner = square(linear("gate", x)) * linear("up", x) if gated else square(linear("up", x))
    torch.testing.assert_close(layer(x), linear("down", inner))
    assert len(list(layer.parameters())) == (2 + gated) * (1 + bias)
