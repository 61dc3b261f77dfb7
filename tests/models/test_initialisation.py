"""The variances that the Transformer's documentation states."""

import pytest
import torch

from telos.models.transformer import Transformer
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(999, "0123456789abcdef", {END_OF_TEXT: 999})


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("width", [64, 192])
def test_each_weight_has_the_stated_variance(tied, width):
    network = Transformer(num_layers=2, hidden_size=width, num_heads=2, tie_embeddings=tied).build(VOCABULARY)
    for name, weight in network.named_parameters():
        if "embed_tokens" in name:
            wanted = 0.02**2 if tied else 1.0
        elif name.endswith(("q_proj.weight", "k_proj.weight", "v_proj.weight", "gate_proj.weight", "up_proj.weight")):
            wanted = 1 / width
            assert weight.detach().abs().max() <= (3 / width) ** 0.5, f"{name} is uniform"
        elif name.endswith(("o_proj.weight", "down_proj.weight", "lm_head.weight")):
            assert not weight.any(), name
            continue
        else:
            assert torch.equal(weight, torch.ones_like(weight)), name
            continue
        assert float(weight.detach().var()) == pytest.approx(wanted, rel=0.05), name
