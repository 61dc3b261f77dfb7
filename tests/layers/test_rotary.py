"""Frequencies of rotary positions against transformers', and what rotation is for."""

import pytest
import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from telos.layers.rotary import RotaryScaling, angles, rotate

ORIGINAL = {"original_context_length": 64}


@pytest.mark.parametrize("theta", [10_000.0, 50.0])
@pytest.mark.parametrize(
    "scaling",
    [
        {"method": "linear", "factor": 3.0},
        {"method": "llama3", "factor": 8.0, **ORIGINAL},
        {"method": "llama3", "factor": 8.0, "low_frequency_factor": 0.5, "high_frequency_factor": 9.0, **ORIGINAL},
        {"method": "yarn", "factor": 4.0, **ORIGINAL},
        {"method": "yarn", "factor": 4.0, "beta_fast": 8.0, **ORIGINAL},
        {"method": "yarn", "factor": 4.0, "beta_slow": 0.25, **ORIGINAL},
        {"method": "yarn", "factor": 4.0, "truncate": False, **ORIGINAL},
        {"method": "yarn", "factor": 4.0, "attention_factor": 0.6, **ORIGINAL},
        {"method": "yarn", "factor": 1.0, **ORIGINAL},
    ],
    ids=str,
)
def test_scaled_frequencies_equal_transformers(theta, scaling):
    ours = RotaryScaling(**scaling)
    names = {"low_frequency_factor": "low_freq_factor", "high_frequency_factor": "high_freq_factor", "method": "rope_type",
             "original_context_length": "original_max_position_embeddings"}  # fmt: skip
    rope = {names.get(name, name): value for name, value in ours.dump().items()} | {"rope_theta": theta}
    config = LlamaConfig(hidden_size=64, num_attention_heads=2, rope_parameters=rope, max_position_embeddings=64)
    wanted, amplitude = ROPE_INIT_FUNCTIONS[ours.method](config)
    positions = torch.tensor([0, 1, 2, 17, 100])
    cos, sin = angles(positions, 32, theta, ours)
    exact = positions[:, None].double() * wanted.double()
    torch.testing.assert_close(cos[:, :16], (exact.cos() * amplitude).float(), atol=2e-5, rtol=0)
    torch.testing.assert_close(sin[:, 16:], (exact.sin() * amplitude).float(), atol=2e-5, rtol=0)
    assert ours.amplitude == pytest.approx(amplitude)


def test_scores_depend_on_distance_only():
    q, k = torch.randn(1, 1, 1, 8), torch.randn(1, 1, 1, 8)

    def score(at_q, at_k):
        turned = [rotate(x, *angles(torch.tensor([[[p]]]), 8, 10_000.0)) for x, p in ((q, at_q), (k, at_k))]
        return (turned[0] * turned[1]).sum()

    torch.testing.assert_close(score(3, 1), score(103, 101), atol=1e-4, rtol=1e-4)
    assert (score(3, 1) - score(3, 2)).abs() > 1e-4
