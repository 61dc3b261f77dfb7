"""Unlikelihood: tokens that stood before in the same text are to be less probable, unless one is the target.

    term = −Σ_{c ∈ C} log(1 − p_c),   C = tokens before the place in its document, each once, without the target

Welleck et al. 2020, "Neural Text Generation with Unlikelihood Training" (arXiv:1908.04319), equations 4 and 5 (token level, the
candidates of equation 5).  Ends of text and other special tokens are no candidates.  1 − p is at least 10⁻⁵, as in the published
code.  Tests: tests/objectives/terms/test_terms.py (a loop over places).
"""

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from telos.foundation.errors import TelosError
from telos.models import Model
from telos.objectives.terms import Beside, Over, Rows, Term

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 1e-5


class Unlikelihood(Term):
    """``weight``: α."""

    over: ClassVar[frozenset[Over]] = frozenset({"vocabulary"})
    beside: ClassVar[Beside | None] = "earlier"

    weight: float = Field(1.0, gt=0)

    @property
    def coefficient(self) -> float:
        return self.weight

    def of(self, rows: Rows) -> "Tensor":
        assert rows.earlier is not None
        tokens_NT, counts_NT = rows.earlier
        counts_NT = counts_NT & (tokens_NT != rows.targets[:, None])
        share_NT = (rows.logits.gather(1, tokens_NT) - rows.statistics.log_normaliser[:, None]).exp()
        return -((1 - share_NT).clamp_min(LEAST).log() * counts_NT).sum(1)

    def check(self, objective: Any, model: Model) -> None:
        super().check(objective, model)
        pattern = objective.pattern(model)
        if pattern in ("bidirectional", "dense"):
            raise TelosError("term 'unlikelihood' needs an objective that predicts a text from left to right",
                             f"'{objective.kind()}' with {pattern} attention",
                             "take unlikelihood out of objective.terms, or choose another objective")  # fmt: skip
