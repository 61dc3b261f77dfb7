"""One vector of a text from the last values of its tokens.

Tests: tests/objectives/test_classification.py, tests/objectives/test_contrastive.py (each by loops, padding apart).
"""

from typing import Literal

import torch
from torch import Tensor

Pooling = Literal["mean", "last", "first"]


def pooled(values_BTD: Tensor, read_BT: Tensor, pooling: Pooling) -> Tensor:
    """(B, D): the mean of the values at the places that are read, the last of them or the first.  A network that reads a text as
    a whole gives one value a row, and that is it."""
    if values_BTD.shape[1] != read_BT.shape[1] or pooling == "first":
        return values_BTD[:, 0]
    lengths_B = read_BT.sum(1)
    if pooling == "last":
        return values_BTD[torch.arange(len(lengths_B), device=lengths_B.device), lengths_B - 1]
    return (values_BTD * read_BT[..., None]).sum(1) / lengths_B[:, None]
