"""First weights; what they are, and where from, stands in `TransformerNetwork`."""

import math
from typing import TYPE_CHECKING

import torch

from telos.foundation.random import torch_generator

if TYPE_CHECKING:
    from telos.models.stacks.network import TransformerNetwork
    from telos.models.transformer import Transformer

TO_STREAM = ("o_proj.weight", "down_proj.weight")
NARROW = 0.02
WIDE = 128
"""Hidden size up to which tied embeddings are that narrow."""


@torch.no_grad()
def initialise(network: "TransformerNetwork", seed: int) -> None:
    """Draw every weight from the generator keyed (seed, "weights")."""
    spec, generator = network.spec, torch_generator(seed, "weights")
    identity = spec.initialization == "identity"
    layers = max(1, spec.num_layers)
    for name, parameter in network.named_parameters():
        if ".embed_" in name and parameter.ndim == 2:
            wide = identity and not spec.tie_embeddings
            parameter.normal_(0, 1.0 if wide else _tied(spec) if identity else NARROW, generator=generator)
        elif name.endswith("mlp.gate.weight"):
            parameter.normal_(0, NARROW, generator=generator)
        elif parameter.ndim != 2 or name.endswith("relative_bias.weight"):
            continue  # biases and norms are made 0 and 1
        elif identity and name.endswith((*TO_STREAM, "lm_head.weight")):
            parameter.zero_()
        elif identity:
            bound = math.sqrt(3 / parameter.shape[1])
            parameter.uniform_(-bound, bound, generator=generator)
        else:
            narrower = math.sqrt(2 * layers) if name.endswith(TO_STREAM) else 1.0
            parameter.normal_(0, NARROW / narrower, generator=generator)


def _tied(spec: "Transformer") -> float:
    """Deviation σ of embeddings that are the head, too, where blocks begin as the identity.  The head then reads e ÷ rms(e), and
    the token itself has the logit scale · |e|² ÷ rms(e) = scale · σ · D, which must not grow with the width."""
    return NARROW * min(1.0, WIDE / (spec.hidden_size * spec.logit_scale))
