"""What tests of objectives with a head share."""

from typing import Any

import torch

from telos.train.trainable import Trainable


def with_drawn_head(objective: Any, spec: Any, vocabulary: Any) -> Trainable:
    """A network and the objective's parts, whose weights are drawn, since a fresh head is zero; both in evaluation mode."""
    network = spec.build(vocabulary, seed=3).eval()
    owned = objective.build(network, vocabulary)
    with torch.no_grad():
        for parameter in owned.parameters():
            parameter.normal_(0, 1, generator=torch.Generator().manual_seed(4))
    owned.eval()
    return Trainable(network, owned)
