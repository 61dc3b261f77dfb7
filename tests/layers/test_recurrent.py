"""Recurrent layers against torch.nn, and their own backward pass against finite differences."""

import pytest
import torch

from telos.layers.cells import GRU, LSTM, Tanh
from telos.layers.recurrent import RecurrentLayer

CELLS = {
    "tanh": (Tanh(), torch.nn.RNN),
    "relu": (Tanh(rectified=True), lambda *sizes: torch.nn.RNN(*sizes, nonlinearity="relu")),
    "lstm": (LSTM(), torch.nn.LSTM),
    "gru": (GRU(), torch.nn.GRU),
}
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def layer(cell, inputs=5, cells=7, dtype=torch.float32, weight_dropout=0.0) -> RecurrentLayer:
    """Weights of ordinary size, no two of them alike, no bias 0."""
    made = RecurrentLayer(cell, inputs, cells, weight_dropout).to(dtype)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)
    return made


def reference(cell_layer, make, inputs=5, cells=7):
    made = make(inputs, cells)
    with torch.no_grad():
        for name in NAMES:
            getattr(made, f"{name}_l0").copy_(getattr(cell_layer, name))
    return made


def problem(cell, *, steps=9, rows=4, inputs=5, cells=7, dtype=torch.float32):
    """(x, state before the first step), both with gradient."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(steps, rows, inputs, generator=generator, dtype=dtype)
    state = [torch.randn(rows, cells, generator=generator, dtype=dtype) for _ in range(cell.parts)]
    return x.requires_grad_(), tuple(part.requires_grad_() for part in state)


def torchs(made, x, state):
    """(values, state after the last step) of torch.nn."""
    first = tuple(part[None] for part in state)
    out, last = made(x, first if len(first) == 2 else first[0])
    return out, (last if len(first) == 2 else (last,))


@pytest.mark.parametrize("shape", [{}, {"steps": 1}, {"rows": 1}, {"inputs": 1}, {"cells": 1}], ids=str)
@pytest.mark.parametrize("kind", list(CELLS))
def test_values_and_gradients_are_torchs(kind, shape):
    """Of the values at every step and of the state after the last, for inputs, first state and every parameter."""
    cell, make = CELLS[kind]
    sizes = (shape.get("inputs", 5), shape.get("cells", 7))
    ours = layer(cell, *sizes)
    theirs = reference(ours, make, *sizes)
    x, state = problem(cell, **shape)
    out, states = ours(x, state)
    wanted, last = torchs(theirs, x, state)
    torch.testing.assert_close(out, wanted, atol=1e-6, rtol=1e-5)
    weights, ends = torch.randn(wanted.shape), torch.randn(wanted.shape[1:])
    loss = (out * weights).sum() + sum((part[-1] * ends).sum() for part in states)
    wanted_loss = (wanted * weights).sum() + sum((part[0] * ends).sum() for part in last)
    found = torch.autograd.grad(loss, [x, *state, *(getattr(ours, name) for name in NAMES)])
    expected = torch.autograd.grad(wanted_loss, [x, *state, *(getattr(theirs, f"{name}_l0") for name in NAMES)])
    for one, other in zip(found, expected, strict=True):
        assert (one - other).norm() <= 1e-5 * other.norm()


@pytest.mark.parametrize("kind", list(CELLS))
def test_the_state_after_every_step_is_that_of_a_shorter_sequence(kind):
    cell, make = CELLS[kind]
    ours = layer(cell)
    x, state = problem(cell)
    _, states = ours(x, state)
    theirs = reference(ours, make)
    for steps in (1, 4, 9):
        _, last = torchs(theirs, x[:steps], state)
        for one, other in zip(states, last, strict=True):
            torch.testing.assert_close(one[steps - 1], other[0], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", list(CELLS))
def test_gradients_agree_with_finite_differences(kind, masked):
    """In float64; with ``masked`` a row is reset at step 0, both at step 2."""
    cell, _ = CELLS[kind]
    ours = layer(cell, 2, 3, torch.float64)
    x, state = problem(cell, steps=4, rows=2, inputs=2, cells=3, dtype=torch.float64)
    keep = [torch.tensor([[0.0], [1.0]]), None, torch.zeros(2, 1), None] if masked else None
    parameters = [getattr(ours, name) for name in NAMES]

    def values(x, *rest):
        states, weights = rest[: cell.parts], rest[cell.parts :]
        out, after = torch.func.functional_call(ours, dict(zip(NAMES, weights, strict=True)), (x, tuple(states), keep))
        return out, *after

    assert torch.autograd.gradcheck(values, (x, *state, *parameters))


@pytest.mark.parametrize("kind", list(CELLS))
def test_a_row_that_is_reset_starts_from_zero(kind):
    cell, _ = CELLS[kind]
    ours = layer(cell)
    x, state = problem(cell)
    keep = [None] * 9
    keep[3] = torch.tensor([[1.0], [0.0], [1.0], [1.0]])
    out, _ = ours(x, state, keep)
    whole, _ = ours(x, state)
    fresh, _ = ours(x[3:], tuple(torch.zeros_like(part) for part in state))
    torch.testing.assert_close(out[3:, 1], fresh[:, 1])
    torch.testing.assert_close(out[:, [0, 2, 3]], whole[:, [0, 2, 3]])
    assert (whole[3:, 1] - fresh[:, 1]).abs().max() > 0.01


@pytest.mark.parametrize("kind", list(CELLS))
def test_bf16_products_lose_no_more_than_their_rounding(kind):
    """Of 200 steps: the state does not drift, since what adds up is fp32."""
    cell, _ = CELLS[kind]
    ours = layer(cell, 16, 32)
    with torch.no_grad():
        ours.weight_hh.mul_(0.3)
    x, state = problem(cell, steps=200, inputs=16, cells=32)
    out, states = ours(x.bfloat16(), state)
    exact, exact_states = ours(x.bfloat16().float(), state)
    assert out.dtype == torch.bfloat16
    assert states[-1].dtype == (torch.float32 if cell.wide else torch.bfloat16)
    assert (out - exact).abs().mean() < 0.01 * exact.abs().mean().clamp(min=0.5)
    assert (states[-1][-1] - exact_states[-1][-1]).abs().mean() < 0.02 * exact_states[-1][-1].abs().mean().clamp(min=0.5)
    out.float().square().sum().backward()
    found = ours.weight_hh.grad.clone()
    ours.zero_grad()
    exact.square().sum().backward()
    assert (found - ours.weight_hh.grad).norm() < 0.05 * ours.weight_hh.grad.norm()


def test_recurrent_weights_are_dropped_alike_at_every_step_while_training():
    ours = layer(Tanh(), weight_dropout=0.5)
    x, state = problem(ours.cell)
    torch.manual_seed(5)
    dropped = torch.nn.functional.dropout(ours.weight_hh, 0.5)
    assert 0.2 < (dropped == 0).float().mean() < 0.8
    torch.manual_seed(5)
    out, _ = ours(x, state)
    plain = layer(Tanh())
    with torch.no_grad():
        plain.weight_hh.copy_(dropped)
    torch.testing.assert_close(out, plain(x, state)[0])
    ours.eval()
    torch.testing.assert_close(ours(x, state)[0], layer(Tanh())(x, state)[0])


@pytest.mark.parametrize("kind", list(CELLS))
def test_initial_weights_are_as_the_docstring_says(kind):
    cell, _ = CELLS[kind]
    made = RecurrentLayer(cell, 300, 64)
    made.initialise(torch.Generator().manual_seed(3))
    assert made.weight_ih.var().item() == pytest.approx(1 / 300, rel=0.05)
    for gate in made.weight_hh.detach().chunk(cell.gates):
        torch.testing.assert_close(gate @ gate.t(), torch.eye(64), atol=1e-5, rtol=0)
    assert not made.bias_hh.any()
    assert made.bias_ih.sum() == (64 if kind == "lstm" else 0)
    if kind == "lstm":
        assert (made.bias_ih[64:128] == 1).all()
