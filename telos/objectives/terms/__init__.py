"""The family of terms: what is added to the nats of every place that an objective predicts.

    loss of a place = nll + Σ_k coefficient_k · term_k          (all of the place's own logits)

An objective knows nothing of them: it asks the model that it is handed for nats, and weighs and adds what it gets.  In training
that model adds the terms (`telos.train.terms`), so each is weighted as the objective weighs its places; what is measured on
held-out text is the nats alone.  Tests: tests/objectives/terms/, tests/train/test_terms.py.
"""

from collections.abc import Set
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from telos.foundation.errors import TelosError
from telos.foundation.spec import Spec
from telos.models import Model, Pattern
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

    from telos.layers.over_logits import Statistics

Over = Literal["vocabulary", "classes"]
Beside = Literal["second", "teacher", "earlier"]


@dataclass(frozen=True)
class Rows:
    """What terms are computed from: logits (n, V), fp32, and targets (n,) of some places; and where a term asks for them:
    ``second``: logits of another pass with its own dropout; ``teacher``: those of a teacher, (n, V); ``earlier``: ids of the
    tokens before each place (n, T), and which of them count (n, T).  ``wanted``: statistics that are read."""

    logits: "Tensor"
    targets: "Tensor"
    wanted: frozenset[str] = frozenset()
    second: "Tensor | None" = None
    teacher: "Tensor | None" = None
    earlier: "tuple[Tensor, Tensor] | None" = None

    @cached_property
    def statistics(self) -> "Statistics":
        from telos.layers.over_logits import statistics

        return statistics(self.logits, self.targets, mean="mean" in self.wanted, entropy="negentropy" in self.wanted)

    def of_second(self) -> "Rows":
        """The same places in the other pass."""
        assert self.second is not None
        return replace(self, logits=self.second, second=self.logits)


class Term(Spec, family="telos.objectives.terms", default="label_smoothing"):
    """Settings of a term and the formula that they are of."""

    over: ClassVar[frozenset[Over]] = frozenset({"vocabulary", "classes"})
    """What the logits may be over."""
    reads: ClassVar[frozenset[str]] = frozenset()
    """Statistics (`telos.layers.over_logits.Statistics`) beside those of the nats."""
    beside: ClassVar[Beside | None] = None
    """What it needs beside the logits of a place."""

    @property
    def coefficient(self) -> float:
        """What the term counts in the loss."""
        raise NotImplementedError

    def of(self, rows: Rows) -> "Tensor":
        """The term of each place, (n,), without its coefficient."""
        raise NotImplementedError

    def build(self, network: Any, vocabulary: Vocabulary) -> Any:
        """A frozen companion that it asks, None for most."""
        return None

    def sized(self, vocabulary: Vocabulary) -> Any:
        """A companion of the same size, whose weights are of no account (`telos.plan.sizes`)."""
        return None

    def check_companion(self, asked: Set[Pattern], companion: Any) -> None:
        """Refuse a companion that has not learned to see as the objective asks (``asked``: its patterns)."""

    def check(self, objective: Any, model: Model) -> None:
        """Refuse an objective or a model that cannot carry this term, by naming why; see `Objective.check`."""
        needs, has = self.over, objective.logits_over
        if has not in needs:
            wanted = "logits" if len(needs) > 1 else f"logits over its {next(iter(needs))}"
            found = "has none" if has is None else f"has logits over {'its ' * (has == 'vocabulary')}{has}"
            raise TelosError(f"term '{self.kind()}' needs an objective with {wanted}", f"'{objective.kind()}' {found}",
                             f"take {self.kind()} out of objective.terms, or choose another objective")  # fmt: skip
        if self.beside is not None and not objective.compares:
            raise TelosError(f"term '{self.kind()}' needs an objective whose logits all come from the model itself",
                             f"'{objective.kind()}' has heads of its own",
                             f"take {self.kind()} out of objective.terms, or choose another objective")  # fmt: skip
