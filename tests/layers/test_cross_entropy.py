"""The chunked output loss against torch's plain one, and against finite differences."""

import pytest
import torch

from telos.layers import cross_entropy
from telos.layers.cross_entropy import chunk_rows, linear_nll


@pytest.fixture(params=[2, 7, 10_000])
def rows_per_chunk(request, monkeypatch):
    """Chunks smaller than, not dividing, and larger than the rows of the tests."""
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


def test_never_more_logits_than_a_chunk():
    assert chunk_rows(32_000) * 32_000 <= cross_entropy.CHUNK_VALUES
    assert chunk_rows(10**9) == 16
