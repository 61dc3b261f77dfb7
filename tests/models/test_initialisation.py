"""The variances that the Transformer's documentation states."""

import math

import pytest
import torch

from telos.models import Inputs
from telos.models.transformer import Transformer
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(999, "0123456789abcdef", {END_OF_TEXT: 999})


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("width", [64, 512])
def test_each_weight_has_the_stated_variance(tied, width):
    network = Transformer(num_layers=2, hidden_size=width, num_heads=2, tie_embeddings=tied).build(VOCABULARY)
    for name, weight in network.named_parameters():
        if "embed_tokens" in name:
            wanted = (0.02 * min(1, 128 / width)) ** 2 if tied else 1.0
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


@pytest.mark.parametrize(
    ("width", "settings"), [(1024, {}), (1024, {"norm": "layer"}), (256, {"logit_scale": 4.0}), (64, {})], ids=str
)
@torch.no_grad()
def test_tied_embeddings_begin_at_log_v_at_any_width(width, settings):
    """With deviations of 0.02 whatever the width, each token's own logit would be 20 at 1,024 units, and the loss too."""
    spec = Transformer(num_layers=1, hidden_size=width, num_heads=2, tie_embeddings=True, intermediate_size=64, **settings)
    network = spec.build(VOCABULARY).eval()
    tokens = torch.randint(999, (4, 33), generator=torch.Generator().manual_seed(0))
    loss = network.nll(network.hidden(Inputs(tokens[:, :-1])), tokens[:, 1:]).mean()
    assert float(loss) == pytest.approx(math.log(1000), rel=0.01)
