"""The nats of some places of a batch, such as hidden tokens: the output layer is asked for these alone."""

from typing import TYPE_CHECKING, Any

from telos.models import Hidden
from telos.objectives import Batch

if TYPE_CHECKING:
    from torch import Tensor


def nll_of(model: Any, hidden: Hidden, batch: Batch, chosen_BT: "Tensor") -> "Tensor":
    """Nats of the targets at these places, (N,), row by row."""
    return model.nll(hidden.at(chosen_BT), batch["targets"][chosen_BT][None])[0]


def by_row(values_N: "Tensor", chosen_BT: "Tensor") -> "Tensor":
    """The sum of each row's values, (B,) fp64."""
    wide_N = values_N.double()
    return wide_N.new_zeros(len(chosen_BT)).index_add_(0, chosen_BT.nonzero()[:, 0], wide_N)
