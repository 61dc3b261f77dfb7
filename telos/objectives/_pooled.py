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
    hidden = model.hidden(Inputs(batch["tokens"], segments_BT=batch["segments"], pattern=pattern))
    return pool(hidden.values_BTD.float(), batch["segments"] == 1, pooling)


def pool(values_BTD: "Tensor", read_BT: "Tensor", pooling: Pooling) -> "Tensor":
    """(B, D): the mean of the values at the places that are read, the first, or the last of them; where there is one value a row,
    that."""
    if values_BTD.shape[1] != read_BT.shape[1] or pooling == "first":
        return values_BTD[:, 0]
    lengths_B = read_BT.sum(1)
    if pooling == "last":
        import torch

        return values_BTD[torch.arange(len(lengths_B), device=lengths_B.device), lengths_B - 1]
    return (values_BTD * read_BT[..., None]).sum(1) / lengths_B[:, None]
