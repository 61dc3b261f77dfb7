"""The chunked output loss against torch's plain one, and against finite differences."""

import pytest
import torch

from telos.layers import cross_entropy
from telos.layers.cross_entropy import chunk_rows, linear_nll


@pytest.fixture(params=[2, 7, 10_000, None])
def rows_per_chunk(request, monkeypatch):
    """Chunks smaller than, not dividing, and larger than the rows of the tests; None: one chunk that is kept.  Sums go through
    two rows at a time."""
    monkeypatch.setattr(cross_entropy, "CACHED_VALUES", 62)
    if request.param is not None:
        monkeypatch.setattr(cross_entropy, "KEPT_VALUES", 0)
        monkeypatch.setattr(cross_entropy, "chunk_rows", lambda size: request.param)
    return request.param


def _problem(dtype):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(23, 8, generator=generator, dtype=dtype).requires_grad_()
    weight = torch.randn(31, 8, generator=generator, dtype=dtype).requires_grad_()
    targets = torch.randint(0, 31, (23,), generator=generator)
    return x, weight, targets, torch.randn(23, generator=generator, dtype=dtype)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_value_and_gradient_equal_the_plain_loss(rows_per_chunk, dtype, tolerance):
    x, weight, targets, g = _problem(dtype)
    plain = torch.nn.functional.cross_entropy(x @ weight.t(), targets, reduction="none")
    ours = linear_nll(x, weight, targets)
    torch.testing.assert_close(ours, plain, atol=10 * tolerance, rtol=tolerance)
    for got, expected in zip(
        torch.autograd.grad((ours * g).sum(), (x, weight)), torch.autograd.grad((plain * g).sum(), (x, weight)), strict=True
    ):
        assert (got - expected).norm() <= tolerance * expected.norm()


def test_gradient_agrees_with_finite_differences(rows_per_chunk):
    x, weight, targets, _ = _problem(torch.float64)
    assert torch.autograd.gradcheck(lambda a, b: linear_nll(a, b, targets), (x, weight))


def test_bf16_sums_run_in_fp32():
    """The loss of bf16 logits is that of the same logits in fp32, where a sum in bf16 would be off by percents."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(64, 32, generator=generator).bfloat16()
    weight = torch.randn(30_000, 32, generator=generator).bfloat16()
    targets = torch.randint(0, 30_000, (64,), generator=generator)
    logits = (x @ weight.t()).float()
    exact = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    torch.testing.assert_close(linear_nll(x, weight, targets), exact, atol=1e-4, rtol=1e-5)


def test_logits_that_are_kept_give_the_bits_of_those_computed_again(monkeypatch):
    x, weight, targets, g = _problem(torch.float32)
    found = []
    for kept in (0, 2**20):
        monkeypatch.setattr(cross_entropy, "KEPT_VALUES", kept)
        nll = linear_nll(x, weight, targets)
        assert (nll.grad_fn.kept is not None) == bool(kept)
        found.append([nll, *torch.autograd.grad((nll * g).sum(), (x, weight))])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    with torch.no_grad():
        assert torch.equal(linear_nll(x, weight, targets), found[0][0])


def test_no_rows_and_no_gradient_of_them():
    x, weight, targets, _ = _problem(torch.float32)
    nll = linear_nll(x[:0], weight, targets[:0])
    assert nll.shape == (0,)
    assert not torch.autograd.grad(nll.sum(), weight)[0].any()


def test_never_more_logits_than_a_chunk():
    assert chunk_rows(32_000) * 32_000 <= cross_entropy.CHUNK_VALUES
    assert chunk_rows(10**9) == 16
