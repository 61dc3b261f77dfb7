"""Positions against transformers': DistilBERT's sinusoids, BLOOM's slopes, T5's buckets."""

import pytest
import torch
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.distilbert.modeling_distilbert import create_sinusoidal_embeddings
from transformers.models.t5.modeling_t5 import T5Attention

from telos.layers.positions import RelativeBias, alibi, alibi_slopes, sinusoidal


@pytest.mark.parametrize("width", [2, 8, 64])
def test_sinusoids_equal_distilberts(width):
    wanted = torch.empty(50, width)
    create_sinusoidal_embeddings(50, width, wanted)
    torch.testing.assert_close(sinusoidal(torch.arange(50), width), wanted.detach(), atol=1e-5, rtol=0)
    assert sinusoidal(torch.arange(3), 7).shape == (3, 7)


@pytest.mark.parametrize("num_heads", [1, 2, 3, 4, 6, 8, 12, 20])
def test_slopes_equal_blooms(num_heads):
    wanted = build_alibi_tensor(torch.ones(1, 5), num_heads, torch.float32).view(num_heads, 5)
    torch.testing.assert_close(alibi_slopes(num_heads), wanted[:, 1])
    distances = torch.arange(5) - torch.tensor([[4]])  # the last token looks back
    bias = alibi(distances[:, None], num_heads)[0, :, 0]
    torch.testing.assert_close(bias - bias[:, :1], wanted - wanted[:, :1])


@pytest.mark.parametrize("both_directions", [True, False])
@pytest.mark.parametrize(("num_buckets", "max_distance"), [(32, 128), (16, 128), (32, 40), (8, 1000)])
def test_buckets_equal_t5s(both_directions, num_buckets, max_distance):
    bias = RelativeBias(num_buckets, max_distance, 3, both_directions)
    distances = torch.arange(-300, 300)[None, None]
    wanted = T5Attention._relative_position_bucket(distances, both_directions, num_buckets, max_distance)
    assert torch.equal(bias.buckets(distances), wanted)
    with torch.no_grad():
        bias.weight.copy_(torch.arange(num_buckets * 3).view(num_buckets, 3))
    assert torch.equal(bias(distances)[0, 1, 0], (wanted[0, 0] * 3 + 1).float())
