"""Who sees whom, token by token against the definition."""

import itertools

import pytest
import torch

from telos.layers.masks import additive, causal_mask, places_in_segment, visible

CPU = torch.device("cpu")
SEGMENTS = torch.tensor([[0, 0, 1, 1, 1, 2], [5, 5, 5, 5, 0, 0]], dtype=torch.int32)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("window", [None, 1, 2, 3, 10])
@pytest.mark.parametrize("segments", [None, SEGMENTS])
@pytest.mark.parametrize("prefix", [None, [3, 0]])
def test_each_pair(causal, window, segments, prefix):
    prefix_BT = None if prefix is None else torch.arange(6) < torch.tensor(prefix)[:, None]
    found = visible(6, CPU, segments, causal=causal, prefix_BT=prefix_BT, window=window).expand(2, 6, 6)
    for row, t, s in itertools.product(range(2), range(6), range(6)):
        seen = s <= t if causal else True
        if prefix is not None:
            seen = seen or s < prefix[row]
        if window is not None:
            seen = seen and (t - s < window if causal else abs(t - s) <= window // 2)
        if segments is not None:
            seen = seen and segments[row, t] == segments[row, s]
        assert found[row, t, s] == bool(seen), (row, t, s)


def test_additive_is_zero_and_minus_infinity():
    mask = causal_mask(SEGMENTS, 6, torch.bfloat16, CPU)
    assert mask.shape == (2, 1, 6, 6)
    assert mask.dtype == torch.bfloat16
    assert torch.equal(mask == 0, visible(6, CPU, SEGMENTS, causal=True)[:, None])
    assert additive(torch.tensor([[[True, False]]]), torch.float32).tolist() == [[[[0.0, float("-inf")]]]]


def test_places_begin_anew_in_each_segment():
    assert places_in_segment(SEGMENTS).tolist() == [[0, 1, 0, 1, 2, 0], [0, 1, 2, 3, 0, 1]]
