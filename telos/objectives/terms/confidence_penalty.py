"""Confidence penalty: a model is to keep its predictions spread.

    term = −H(p) = Σ_v p_v log p_v

Pereyra et al. 2017, "Regularizing Neural Networks by Penalizing Confident Output Distributions" (arXiv:1701.06548), section 3,
whose β is the weight.  Tests: tests/objectives/terms/test_terms.py.
"""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from telos.objectives.terms import Rows, Term

if TYPE_CHECKING:
    from torch import Tensor


class ConfidencePenalty(Term):
    """``weight``: β."""

    reads: ClassVar[frozenset[str]] = frozenset({"negentropy"})

    weight: float = Field(0.1, gt=0)

    @property
    def coefficient(self) -> float:
        return self.weight

    def of(self, rows: Rows) -> "Tensor":
        assert rows.statistics.negentropy is not None
        return rows.statistics.negentropy
