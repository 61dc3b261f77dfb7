"""The family of training objectives: the seam between text and trainer.

An objective turns rows of tokens into examples and computes its loss from a model; the trainer knows neither.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import field_validator

from telos.foundation.errors import TelosError
from telos.foundation.spec import Spec
from telos.foundation.units import counted
from telos.models import Model, Pattern
from telos.objectives.terms import Over, Term
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from telos.optim.schedules import Progress

Annotation = Literal["label", "target", "value", "tags", "question", "answers"]
"""What documents may have beside their text: the setting corpus.NAME_field says where."""

Example = dict[str, np.ndarray]
"""Column name → array whose first axis is time, or of no axis for one value a row.  Columns that every objective fills:
``tokens`` (int64), ``segments`` (int32) and ``weights`` (float32, 0 where nothing is predicted)."""

Maker = Callable[[Row, np.random.Generator, Vocabulary], Example]
"""What makes a row's example; see `Objective.examples`."""


Weighs = Literal["tokens", "documents"]


@dataclass(slots=True)
class Batch:
    """Columns of a micro-batch as tensors of shape (B, T, …), those of its examples, padded with 0 to one length; of shape
    (B,) for a column with one value a row."""

    columns: "dict[str, torch.Tensor]"

    def __getitem__(self, name: str) -> "torch.Tensor":
        return self.columns[name]

    @property
    def rows(self) -> int:
        return next(iter(self.columns.values())).shape[0]


@dataclass(slots=True)
class Loss:
    """``terms``: name → (sum over the micro-batch, coefficient).  The loop adds coefficient × sum ÷ (that term's weight
    over all micro-batches and processes); nothing else divides.  ``metrics``: name → number, for the record."""

    terms: "dict[str, tuple[torch.Tensor, float]]"
    metrics: dict[str, float] = field(default_factory=dict)


class Objective(Spec, family="telos.objectives", default="causal"):
    """Settings of an objective and, since most have no state, its behaviour.

    ``terms``: what is added to the nats of each place in training (telos list terms), each kind once."""

    needs: ClassVar[tuple[Pattern, ...]] = ("causal",)
    """Patterns by any of which a model can be trained, the preferred one first."""
    needs_likelihood: ClassVar[bool] = True
    """Whether it asks the model how probable a token is."""
    needs_values: ClassVar[bool] = False
    """Whether parts of its own read the model's last values."""
    gives_vectors: ClassVar[bool] = False
    """Whether a model that it trains is asked for vectors of texts (`telos embed`)."""
    measures_together: ClassVar[bool] = False
    """Whether held-out figures are of all rows together (`gather`, `figures`), and not of each by itself (`measure`)."""
    unit: ClassVar[Literal["stream", "document"]] = "stream"
    """What a row is: a piece of the stream of all tokens, or a whole document, cut at `raw_length`."""

    @property
    def annotation(self) -> "Annotation | None":
        """What is learned of a document beside its text, and so every one must have."""
        return None

    @property
    def annotations(self) -> "tuple[Annotation, ...]":
        """All that it reads beside the text."""
        return () if self.annotation is None else (self.annotation,)

    @property
    def rows_together(self) -> int:
        """Rows that no micro-batch may part (a contrastive group, a preference pair)."""
        return 1

    @property
    def least_tokens(self) -> int:
        """Tokens of a row below which there is nothing to predict, or nothing to see."""
        return 1

    compares: ClassVar[bool] = True
    """Whether all its logits come from the model itself, so that a teacher or another pass has logits to hold against them."""

    weighs: ClassVar[Weighs | None] = None
    """Which weights of the data (`Row.weights`) it can carry: of each token, where the first places of an example are the row's
    tokens in their order; of whole documents, which are its rows; or none."""

    terms: tuple[Term, ...] = ()

    @field_validator("terms")
    @classmethod
    def _each_kind_once(cls, terms: tuple[Term, ...]) -> tuple[Term, ...]:
        kinds = [term.kind() for term in terms]
        twice = [kind for kind in kinds if kinds.count(kind) > 1]
        if twice:
            raise ValueError(f"must have each kind once; '{twice[0]}' is there {kinds.count(twice[0])} times")
        return terms

    @property
    def logits_over(self) -> Over | None:
        """Over what its logits are that terms can be added to; None where it has none."""
        return "vocabulary" if self.needs_likelihood else None

    @property
    def members(self) -> "tuple[Objective, ...]":
        """The objectives that ask the model for nats: itself, or those that it is made of."""
        return (self,)

    @property
    def scores_text(self) -> bool:
        """Whether a model that it trains says how probable a text is, token by token: a run then reports that of the held-out
        text, else what `measure` says of it."""
        return self.unit == "stream" and self.needs == ("causal",)

    @property
    def text_term(self) -> str:
        """Name of the term that is nats per token of the text where `scores_text`; the record has it by that name."""
        return "nll"

    @property
    def needs_marks(self) -> bool:
        """Whether its rows must say which tokens begin words and sentences (`Row.marks`), so that the token store has to."""
        return False

    @property
    def writes(self) -> Literal["on", "answers", "by unmasking"] | None:
        """How a model that it trains writes text: on from a prompt, a text of its own to each source, or hidden tokens in any
        order; None where it does not."""
        return "on" if self.scores_text else None

    def special_tokens(self) -> tuple[str, ...]:
        """Names of tokens to append to the vocabulary."""
        return ()

    def check(self, model: Model) -> None:
        """Refuse a model that cannot express this objective, by naming the need."""
        if model.learns_by != "gradient":
            raise TelosError(f"objective '{self.kind()}' needs a model that learns by gradient",
                             f"'{model.kind()}' learns by counting", "choose another model (telos list models)")  # fmt: skip
        if self.needs_likelihood and not model.has_likelihood:
            raise TelosError(f"objective '{self.kind()}' needs a model that gives a likelihood of text",
                             f"'{model.kind()}' reads a text as a whole and gives none",
                             "choose another model (telos list models), or objective=classification")  # fmt: skip
        if self.needs_values and not model.has_values:
            raise TelosError(f"objective '{self.kind()}' needs a model with hidden values, which its own parts read",
                             f"'{model.kind()}' has none: its output layer is all of it",
                             "choose another model (telos list models)")  # fmt: skip
        if not model.patterns & set(self.needs):
            raise TelosError(f"objective '{self.kind()}' needs a model with {' or '.join(self.needs)} attention",
                             f"'{model.kind()}' has {', '.join(sorted(model.patterns))}",
                             f"set {model.setting_for(self.needs)}, or choose another objective")  # fmt: skip
        self.check_room(model)
        self.check_terms(model)

    def check_room(self, model: Model) -> None:
        """Refuse a model whose rows are too short for this objective."""
        longest = getattr(model, "context_length", None)
        # Lanes whose lengths differ by one must not run out at different steps.
        least = max(self.least_tokens, 2 if self.unit == "stream" and model.carries_state else 1)
        if longest is not None and (room := self.raw_length(longest)) < least:
            raise TelosError(f"objective '{self.kind()}' needs rows of at least {counted(least, 'token')} of text",
                             f"model.context_length={longest} has room for {room}",
                             "set a larger model.context_length")  # fmt: skip

    def check_terms(self, model: Model) -> None:
        """Refuse a term that this objective, or one that it is made of, cannot carry."""
        for term in self.terms:
            for member in self.members:
                term.check(member, model)

    def pattern(self, model: Model) -> Pattern:
        """By which pattern this model is trained: the first of ``needs`` that it has."""
        return next(pattern for pattern in self.needs if pattern in model.patterns)

    def fitted(self, model: Model) -> "Objective":
        """These settings with what they leave to the model said; as they are where the model does not serve (see `check`)."""
        return self

    def build(self, model: Any, vocabulary: Vocabulary) -> "torch.nn.Module | None":
        """What the objective owns: trainable parts (heads, a generator) and frozen companions; None for most."""
        return None

    def raw_length(self, context_length: int) -> int:
        """How many tokens to draw for a row so that the built example fits ``context_length``."""
        return context_length

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        """One row's example, NumPy, in the loader; ``rng`` is keyed by (seed, step, row)."""
        raise NotImplementedError

    def weighted(self, example: Example, row: Row) -> Example:
        """The example with its weights as the data have them; a document counts what its tokens do on average."""
        if row.weights is None:
            return example
        assert self.weighs is not None, "see telos.training.check"
        if self.weighs == "documents":
            return example | {"weights": (example["weights"] * row.weights.mean()).astype(np.float32)}
        columns = {name: example[name] * row.weights for name in ("weights", "counted") if name in example}
        return example | columns

    def at(self, progress: "Progress", rng: np.random.Generator) -> Maker:
        """What makes the examples of one training step: `examples`, unless something follows ``progress`` (in the middle of the
        step; what is not known beforehand, as the fraction of a budget in time, is NaN) or is drawn once a step, from ``rng``,
        keyed by (seed, step).  `TelosError` where it follows what is not known."""
        return self.examples

    def prepare(self, model: Any, batch: Batch, rng: np.random.Generator) -> Batch:
        """Once a step, without gradient: rollouts, rewards, teacher scores.  Nothing by default."""
        return batch

    def weights(self, batch: Batch) -> Mapping[str, float]:
        """Each term's weight in this micro-batch, before the first forward pass."""
        raise NotImplementedError

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        """Sums and coefficients of the terms; see `Loss`."""
        raise NotImplementedError

    def measure(self, model: Any, batch: Batch, rng: np.random.Generator) -> "dict[str, tuple[Tensor, Tensor]]":
        """What is reported of held-out documents, the headline first: name → (sum, weight) of each row, both (B,); the figure is
        Σ sums ÷ Σ weights.  By default each row's own loss, by term."""
        import torch

        found: dict[str, tuple[list[Any], list[float]]] = {}
        for row in range(batch.rows):
            one = Batch({name: column[row : row + 1] for name, column in batch.columns.items()})
            weights = self.weights(one)
            for name, (total, _) in self.loss(model, one, rng).terms.items():
                sums, weighed = found.setdefault(name, ([], []))
                sums.append(total.detach())
                weighed.append(weights[name])
        return {name: (torch.stack(sums), torch.tensor(weighed)) for name, (sums, weighed) in found.items()}

    def gather(self, model: Any, batch: Batch, rng: np.random.Generator) -> "dict[str, Tensor]":
        """What is kept of each held-out row for `figures`, (B, …) each, where `measures_together`."""
        raise NotImplementedError

    def figures(self, gathered: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """`measure`, of all rows that were gathered: name → (sum, weight) of each row, both (N,) float64."""
        raise NotImplementedError


def collate(examples: list[Example], device: str = "cpu") -> Batch:
    """Examples as one batch: each column padded with 0 to the longest; all 0 in the row of an example that lacks it."""
    import torch

    columns = {}
    for name in dict.fromkeys(name for example in examples for name in example):
        arrays = {i: example[name] for i, example in enumerate(examples) if name in example}
        first = next(iter(arrays.values()))
        longest = [max(a.shape[0] for a in arrays.values())] if first.ndim else []
        joined = np.zeros((len(examples), *longest, *first.shape[1:]), first.dtype)
        for i, a in arrays.items():
            joined[(i, slice(len(a))) if longest else i] = a
        columns[name] = torch.from_numpy(joined).to(device, non_blocking=True)
    return Batch(columns)
