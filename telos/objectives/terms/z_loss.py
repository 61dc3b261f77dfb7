"""Z-loss: keeps the normaliser of the logits near 1, so that they do not drift away together.

    term = Z²,   Z = log Σ_v exp z_v

Chowdhery et al. 2022, "PaLM" (arXiv:2204.02311), section 5, with the weight 10⁻⁴.  Tests: tests/objectives/terms/test_terms.py.
"""

from typing import TYPE_CHECKING

from pydantic import Field

from telos.objectives.terms import Rows, Term

if TYPE_CHECKING:
    from torch import Tensor


class ZLoss(Term):
    """``weight``: of the square."""

    weight: float = Field(1e-4, gt=0)

    @property
    def coefficient(self) -> float:
        return self.weight

    def of(self, rows: Rows) -> "Tensor":
        return rows.statistics.log_normaliser.square()
