"""Statistics of logits and divergences against NumPy in float64 and finite differences; chunks against all at once."""

import numpy as np
import pytest
import torch

from telos.layers import cross_entropy
from telos.layers.over_logits import chunked, divergence, statistics

N, V, D = 11, 13, 5


@pytest.fixture(autouse=True, params=[26, 2**18], ids=["blocks of two rows", "one block"])
def blocks(request, monkeypatch):
    monkeypatch.setattr(cross_entropy, "CACHED_VALUES", request.param)


def logits(seed=0, scale=3.0):
    return (scale * torch.randn(N, V, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))).requires_grad_()


TARGETS = torch.arange(N) % V


def log_softmax(z):
    z = z.detach().numpy()
    return z - z.max(1, keepdims=True) - np.log(np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True))


def test_statistics_equal_their_formulas():
    z = logits()
    found = statistics(z, TARGETS, mean=True, entropy=True)
    log_p, numbers = log_softmax(z), z.detach().numpy()
    rows = np.arange(N)
    expected = (numbers - log_p)[:, 0], numbers[rows, TARGETS], numbers.mean(1), (np.exp(log_p) * log_p).sum(1)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other, atol=1e-12)
    np.testing.assert_allclose(found.nll.detach().numpy(), -log_p[rows, TARGETS], atol=1e-12)


@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize("entropy", [False, True])
def test_gradients_of_statistics_agree_with_finite_differences(mean, entropy):
    def those(z):
        return tuple(one for one in statistics(z, TARGETS, mean=mean, entropy=entropy) if one is not None)

    assert len(those(logits())) == 2 + mean + entropy
    assert torch.autograd.gradcheck(those, (logits(),))
    for place in range(2 + mean + entropy):  # one alone: no gradient comes from the others
        assert torch.autograd.gradcheck(lambda z, place=place: those(z)[place], (logits(),))


def test_divergence_equals_its_formula_and_finite_differences():
    a, b = logits(1), logits(2)
    log_p, log_q = log_softmax(a), log_softmax(b)
    found = divergence(a, b)
    np.testing.assert_allclose(found.detach().numpy(), (np.exp(log_p) * (log_p - log_q)).sum(1), atol=1e-12)
    assert torch.autograd.gradcheck(divergence, (a, b))
    assert torch.autograd.gradcheck(divergence, (a, b.detach()))
    assert torch.autograd.gradcheck(divergence, (a.detach(), b))
    assert divergence(a, a + 7).abs().max() < 1e-12


def test_large_logits_stay_finite():
    z = torch.tensor([[400.0, 0.0, -400.0]], requires_grad=True)
    found = statistics(z, torch.tensor([2]), mean=True, entropy=True)
    assert [one.item() for one in found] == [400.0, -400.0, 0.0, 0.0]
    far = divergence(z, torch.tensor([[-400.0, 0.0, 400.0]]))
    assert far.item() == 800
    sum(one.sum() for one in (*found, far)).backward()
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_chunks_equal_all_at_once_and_give_every_gradient(size, monkeypatch):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(N, D, dtype=torch.float64, generator=generator).requires_grad_()
    weight = torch.randn(V, D, dtype=torch.float64, generator=generator).requires_grad_()
    held = []

    def function(rows, targets):
        held.append(len(rows))
        found = statistics(rows @ weight.t(), targets, entropy=True)
        return torch.stack([found.nll, found.negentropy], 1)

    whole = chunked(function, [x, TARGETS], V)
    assert held == [N]
    monkeypatch.setattr(cross_entropy, "KEPT_VALUES", 0)
    monkeypatch.setattr(cross_entropy, "chunk_rows", lambda vocabulary: size)
    held.clear()
    parts = chunked(function, [x, TARGETS], V)
    assert max(held) <= size
    torch.testing.assert_close(parts, whole)
    g = torch.randn(N, 2, dtype=torch.float64, generator=generator)
    for one, other in zip(
        torch.autograd.grad((parts * g).sum(), (x, weight)), torch.autograd.grad((whole * g).sum(), (x, weight)), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)
    assert max(held) <= size, "again a chunk at a time"
    with torch.no_grad():
        torch.testing.assert_close(chunked(function, [x, TARGETS], V), whole)


def test_no_rows_have_no_loss_and_a_gradient_of_zero():
    weight = torch.ones(V, D, requires_grad=True)
    found = chunked(lambda rows, targets: statistics(rows @ weight.t(), targets).nll, [torch.ones(0, D), TARGETS[:0]], V)
    found.sum().backward()
    assert found.shape == (0,)
    assert not weight.grad.any()
