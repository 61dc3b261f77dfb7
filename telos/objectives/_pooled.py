"""One vector for each text of a batch: the mean of a network's last layer, its first value, or its last."""

from typing import TYPE_CHECKING, Any, Literal

from telos.models import Inputs, Pattern
from telos.objectives import Batch

if TYPE_CHECKING:
    from torch import Tensor

Pooling = Literal["mean", "last", "first"]


def pooled(model: Any, batch: Batch, pattern: Pattern, pooling: Pooling) -> "Tensor":
    """(B, D), fp32: what the network makes of each text, the tokens of segment 1; of a network that reads a text as a whole its
    one vector."""
    inputs = Inputs(batch["tokens"], segments_BT=batch["segments"], pattern=pattern)
    return pool(model.hidden(inputs).values_BTD, batch, pooling)


def pool(values_BTD: "Tensor", batch: Batch, pooling: Pooling) -> "Tensor":
    """The same of the values of the last layer."""
    values_BTD = values_BTD.float()
    if values_BTD.shape[1] != batch["segments"].shape[1] or pooling == "first":
        return values_BTD[:, 0]
    read_BT = batch["segments"] == 1
    lengths_B = read_BT.sum(1)
    if pooling == "last":
        import torch

        return values_BTD[torch.arange(len(lengths_B), device=lengths_B.device), lengths_B - 1]
    return (values_BTD * read_BT[..., None]).sum(1) / lengths_B[:, None]
