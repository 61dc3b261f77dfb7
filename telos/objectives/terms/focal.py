"""Focal weighting: places that the model knows already count less.

    term = ((1 − p_y)^γ − 1) nll,   so that the loss of a place is (1 − p_y)^γ nll

Lin et al. 2017, "Focal Loss for Dense Object Detection" (arXiv:1708.02002), equation 4.  What a place counts in the mean stays
what it was.  Tests: tests/objectives/terms/test_terms.py.
"""

from typing import TYPE_CHECKING

import torch
from pydantic import Field

from telos.objectives.terms import Rows, Term

if TYPE_CHECKING:
    from torch import Tensor


class Focal(Term):
    """``gamma``: γ; 0 would be the nats themselves."""

    gamma: float = Field(2.0, gt=0)

    @property
    def coefficient(self) -> float:
        return 1.0

    def of(self, rows: Rows) -> "Tensor":
        nll = rows.statistics.nll
        # 1 − p from the nats, exact where p is near 1; bounded there, since its γ-th power has no slope at 0 for γ < 1.
        missed = (-torch.expm1(-nll)).clamp_min(torch.finfo(nll.dtype).eps)
        return (missed**self.gamma - 1) * nll
