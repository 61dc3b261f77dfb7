"""Early stopping: the weights of the best validation are kept, and training ends where it gets no better.

After each evaluation e = 1, 2, … with figure v_e,

    best = argmax_e v_e  (argmin where lower is better; of equal ones the first),     stop where e − best ≥ patience

Prechelt 1998, "Early Stopping — But When?", section 2; the rule with patience as in Goodfellow et al. 2016, "Deep Learning",
algorithm 7.1.  The best weights and what was seen are in every checkpoint, so a run that is killed and resumed keeps and stops as
one that was not.  They are chosen by the validation text: its best figure is flattering, the held-out text's is not.
Memory: the weights once more.  Tests: tests/train/test_early_stopping.py.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from telos.foundation.errors import TelosError, nearest
from telos.foundation.progress import say
from telos.foundation.spec import Spec
from telos.foundation.units import figure_name

if TYPE_CHECKING:
    from torch import Tensor

    from telos.train.trainable import Trainable

LOWER = ("nats", "bits", "loss", "perplexity", "error")
"""Words in the name of a figure that is better the lower it is."""


class EarlyStopping(Spec):
    """``metric``: the figure of the validation that is watched (accuracy, nats_per_token …); None: the first that it gives.
    ``better``: "higher" or "lower"; None: by its name, lower for nats, bits, loss, perplexity and errors.  ``patience``: training
    ends after so many evaluations in a row that were no better than the best; None: never, only the best weights are kept."""

    metric: str | None = None
    better: Literal["higher", "lower"] | None = None
    patience: int | None = Field(3, ge=1)

    def is_better(self, name: str, value: float, than: float) -> bool:
        """Whether ``value`` beats ``than``; what is no number beats nothing, and anything beats it."""
        if not (math.isfinite(value) and math.isfinite(than)):
            return math.isfinite(value)
        lower = self.better == "lower" if self.better else any(word in name for word in LOWER)
        return value < than if lower else value > than


class Best:
    """What was best so far; of ``spec`` None nothing is kept and training never ends early.  ``step``, ``name``, ``value``: where
    and what; ``tensors``: a copy of the state of the `Trainable` there; ``waited``: evaluations since."""

    def __init__(self, spec: EarlyStopping | None):
        self.spec = spec
        self.step: int | None = None
        self.name: str | None = spec.metric if spec is not None else None
        self.value = math.nan
        self.waited = 0
        self.tensors: dict[str, Tensor] = {}

    @property
    def watches(self) -> bool:
        return self.spec is not None

    @property
    def gives_up(self) -> bool:
        """Whether training is to end."""
        return self.spec is not None and self.spec.patience is not None and self.waited >= self.spec.patience

    def require(self, values: Mapping[str, float] | None) -> str:
        """The name of the figure that is watched; `TelosError` where the validation gives none of that name, or there is none."""
        if values is None:
            raise TelosError("train.early_stopping needs validation text", "none of the corpus is",
                             "give it a share (split.validation_fraction=0.1), or leave train.early_stopping out")  # fmt: skip
        name = self.name or next(iter(values), None)
        if name is None or name not in values:
            likely, given = nearest(str(name), list(values)), ", ".join(values) or "it has none"
            raise TelosError(f"train.early_stopping.metric must be a figure of the validation: {given}",
                             f"'{name}'" if name else "no figure to watch",
                             f"write '{likely}'" if likely else "write one of these, or leave it out for the first")  # fmt: skip
        return name

    def observe(self, step: int, values: Mapping[str, float], model: "Trainable") -> None:
        """Take in an evaluation after ``step`` completed updates, and ``model``'s weights where it is the best."""
        if self.spec is None:
            return
        self.name = self.require(values)
        if self.step is None or self.spec.is_better(self.name, values[self.name], self.value):
            self.step, self.value, self.waited = step, float(values[self.name]), 0
            self.tensors = {name: tensor.detach().clone() for name, tensor in model.state().items()}
            return
        self.waited += 1
        if self.gives_up:
            figure = figure_name(self.name)
            say(f"training ends after step {step}: validation {figure} is no better than at step {self.step} "
                f"({self.value:.4g})")  # fmt: skip

    def restore(self, model: "Trainable") -> None:
        """Give ``model`` the best weights, where there are any."""
        if self.step is not None:
            model.load(self.tensors)

    # -- to and from a checkpoint -----------------------------------------------------------------------------------

    def state(self) -> dict[str, Any] | None:
        if self.spec is None:
            return None
        # JSON has no number for "undefined".
        value = self.value if math.isfinite(self.value) else None
        return {"step": self.step, "name": self.name, "value": value, "waited": self.waited}

    def load(self, state: Mapping[str, Any] | None, tensors: "dict[str, Tensor]") -> None:
        """Go on from what a checkpoint holds; from one without early stopping, from nothing."""
        if self.spec is not None and state is not None:
            self.step, self.name, self.waited, self.tensors = state["step"], state["name"], state["waited"], tensors
            self.value = math.nan if state["value"] is None else state["value"]

    def told(self) -> dict[str, Any] | None:
        """For lineage and report: step and figure of the weights that were kept."""
        return None if self.step is None else {"step": self.step, f"validation_{self.name}": self.value}
