"""Norms against torch's own, with weights off their first values."""

import pytest
import torch

from telos.layers.norm import LayerNorm, RMSNorm, norm


def _like(ours, theirs):
    made = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            other.copy_(own.copy_(torch.randn(own.shape, generator=made)))
    return ours, theirs


@pytest.mark.parametrize("eps", [1e-6, 0.1])
@pytest.mark.parametrize("bias", [True, False])
def test_layer_norm_equals_torchs(eps, bias):
    ours, theirs = _like(norm("layer", 12, eps, bias), torch.nn.LayerNorm(12, eps, bias=bias))
    x = torch.randn(3, 5, 12) * 4 + 2
    assert isinstance(ours, LayerNorm)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("eps", [1e-6, 0.1])
def test_rms_norm_equals_torchs_and_has_no_bias(eps):
    ours, theirs = _like(norm("rms", 12, eps, True), torch.nn.RMSNorm(12, eps))
    x = torch.randn(3, 5, 12) * 4 + 2
    assert isinstance(ours, RMSNorm)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("kind", ["rms", "layer"])
def test_bf16_in_bf16_out_with_sums_in_fp32(kind):
    x = (torch.randn(4, 4096) + 3).bfloat16()
    wide = norm(kind, 4096, 1e-6, True)(x.float())
    found = norm(kind, 4096, 1e-6, True)(x)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, wide.bfloat16())
