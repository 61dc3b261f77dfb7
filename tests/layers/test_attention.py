"""Attention kernels against each other and against torch; masks against their definition."""

import pytest
import torch

from telos.layers import attention
from telos.layers.attention import attend
from telos.layers.masks import causal_mask
from telos.layers.rotary import angles, rotate


def _qkv(heads=4, groups=2, length=12, size=8):
    generator = torch.Generator().manual_seed(5)
    return tuple(torch.randn(2, h, length, size, generator=generator) for h in (heads, groups, groups))


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("segmented", [False, True])
def test_explicit_equals_the_fused_kernel(monkeypatch, groups, segmented):
    q, k, v = _qkv(groups=groups)
    segments = torch.tensor([[0] * 5 + [1] * 7, [0] * 12], dtype=torch.int32) if segmented else None
    mask = causal_mask(segments, 12, q.dtype, q.device) if segmented else None
    explicit = attend(q, k, v, mask)
    monkeypatch.setattr(attention, "EXPLICIT_UP_TO", 0)
    torch.testing.assert_close(explicit, attend(q, k, v, mask), atol=1e-5, rtol=1e-5)


def test_the_mask_lets_a_token_see_its_own_document_up_to_itself():
    segments = torch.tensor([[0, 0, 1, 1, 1]], dtype=torch.int32)
    allowed = causal_mask(segments, 5, torch.float32, torch.device("cpu"))[0, 0] == 0
    expected = [[j <= i and (j < 2) == (i < 2) for j in range(5)] for i in range(5)]
    assert allowed.tolist() == expected


def test_rotary_scores_depend_on_distance_only():
    q, k = torch.randn(1, 1, 1, 8), torch.randn(1, 1, 1, 8)

    def score(at_q, at_k):
        turned = [rotate(x, *angles(torch.tensor([[[p]]]), 8, 10_000.0)) for x, p in ((q, at_q), (k, at_k))]
        return (turned[0] * turned[1]).sum()

    torch.testing.assert_close(score(3, 1), score(103, 101), atol=1e-4, rtol=1e-4)
    assert (score(3, 1) - score(3, 2)).abs() > 1e-4
