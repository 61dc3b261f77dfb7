"""Label smoothing: a part of each target's probability is spread evenly over all tokens.

    term = z_y − z̄,   loss of a place = nll + ε term = −Σ_v q_v log p_v,   q = (1 − ε) onehot(y) + ε ÷ V

Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", section 7; Müller et al. 2019, "When Does Label
Smoothing Help?" (arXiv:1906.02629).  Tests: tests/objectives/terms/test_terms.py (torch's, and a transcription in float64).
"""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from telos.objectives.terms import Rows, Term

if TYPE_CHECKING:
    from torch import Tensor


class LabelSmoothing(Term):
    """``amount``: ε."""

    reads: ClassVar[frozenset[str]] = frozenset({"mean"})

    amount: float = Field(0.1, gt=0, lt=1)

    @property
    def coefficient(self) -> float:
        return self.amount

    def of(self, rows: Rows) -> "Tensor":
        assert rows.statistics.mean is not None
        return rows.statistics.of_target - rows.statistics.mean
