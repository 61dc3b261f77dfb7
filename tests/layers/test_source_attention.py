"""Attention over a source: the formulas in NumPy, and padding."""

import numpy as np
import pytest
import torch

from telos.layers.source_attention import SourceAttention

DRAWN = torch.Generator().manual_seed(4)
QUERY, SOURCE = torch.randn(2, 3, 6, generator=DRAWN).double(), torch.randn(2, 5, 6, generator=DRAWN).double()


def _attention(score):
    made = SourceAttention(score, 6).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=DRAWN))
    return made


@pytest.mark.parametrize("score", ["additive", "multiplicative"])
def test_the_formula(score):
    attention = _attention(score)
    found = attention(QUERY, attention.source(SOURCE, None)).detach().numpy()
    weights = {name: p.detach().numpy() for name, p in attention.named_parameters()}
    for b in range(2):
        for t in range(3):
            q, m = QUERY[b, t].numpy(), SOURCE[b].numpy()
            if score == "additive":
                scores = [weights["weight"][0] @ np.tanh(weights["query.weight"] @ q + weights["key.weight"] @ one) for one in m]
            else:
                scores = [q @ weights["key.weight"] @ one for one in m]
            share = np.exp(scores) / np.exp(scores).sum()
            assert np.allclose(found[b, t], share @ m, atol=1e-12)


@pytest.mark.parametrize("score", ["additive", "multiplicative"])
def test_padding_is_not_seen(score):
    attention = _attention(score)
    padded = SOURCE.clone()
    padded[1, 2:] = 99.0
    found = attention(QUERY, attention.source(padded, torch.tensor([5, 2])))
    torch.testing.assert_close(found[:1], attention(QUERY[:1], attention.source(SOURCE[:1], None)))
    torch.testing.assert_close(found[1:], attention(QUERY[1:], attention.source(SOURCE[1:, :2], None)))


def test_attention_begins_even():
    attention = SourceAttention("additive", 6)
    attention.initialise(DRAWN)
    found = attention(QUERY.float(), attention.source(SOURCE.float(), None))
    torch.testing.assert_close(found, SOURCE.float().mean(1, keepdim=True).expand_as(found))
