"""How wide the values are that an objective's own parts read."""

from typing import Any

import torch

from telos.models import Inputs, Pattern


def width_of(network: Any, pattern: Pattern) -> tuple[int, torch.device]:
    """(D of the last layer's values, where the network's parameters are), by reading one token."""
    was_training = network.training
    network.train(False)
    with torch.no_grad():
        one = torch.zeros(1, 1, dtype=torch.int64, device=next(network.parameters()).device)
        width = network.hidden(Inputs(one, pattern=pattern)).values_BTD.shape[2]
    network.train(was_training)
    return width, one.device
