"""R-Drop: two passes with different dropout are to agree.

    loss of a place = ½ (nll₁ + nll₂) + weight · term,   term = ½ (KL(p₁ ‖ p₂) + KL(p₂ ‖ p₁))

Liang et al. 2021, "R-Drop: Regularized Dropout for Neural Networks" (arXiv:2106.14448), equations 1 to 3, all of it halved: their
α is twice our weight.  The nats, and every other term, are the mean of both passes.  A step takes about twice the time.
Tests: tests/objectives/terms/test_terms.py, tests/train/test_terms.py.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from telos.foundation.errors import TelosError
from telos.models import Model
from telos.objectives.terms import Beside, Rows, Term

if TYPE_CHECKING:
    from torch import Tensor


class RDrop(Term):
    """``weight``: of the divergence between both passes."""

    beside: ClassVar[Beside | None] = "second"

    weight: float = Field(0.5, gt=0)

    @property
    def coefficient(self) -> float:
        return self.weight

    def of(self, rows: Rows) -> "Tensor":
        from telos.layers.over_logits import divergence

        assert rows.second is not None
        return (divergence(rows.logits, rows.second) + divergence(rows.second, rows.logits)) / 2

    def check(self, objective: Any, model: Model) -> None:
        super().check(objective, model)
        drawn = {name: value for spec in (model, objective) for name, value in spec.dump().items()
                 if "dropout" in name or name == "stochastic_depth"}  # fmt: skip
        if not any(drawn.values()):
            raise TelosError("term 'r_drop' needs dropout, without which both passes are the same",
                             ", ".join(f"{name}=0" for name in drawn) or f"'{model.kind()}' has no dropout",
                             "set model.dropout=0.1, or take r_drop out of objective.terms")  # fmt: skip
