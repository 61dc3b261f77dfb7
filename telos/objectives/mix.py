"""Several objectives in one run, each with a weight that may change as training goes on.

    by: row     each row is drawn for one part p, with probability w_p ÷ Σ w       loss = Σ_p (rows of p ÷ rows) · loss_p
    by: step    all rows of a step are drawn for one part                          loss = loss_p
    by: sum     every row serves every part (an auxiliary objective)               loss = Σ_p w_p · loss_p

loss_p is what p alone would have of its rows, so that the first two are Σ w_p loss_p ÷ Σ w in the mean.  Rows and steps: Raffel
et al. 2020 (T5), section 3.5.2 (mixing by rates); Tay et al. 2023, "UL2", section 3.1.  Sums: Caruana 1997, "Multitask Learning";
Devlin et al. 2019, "BERT", section 3.1 and Lan et al. 2020, "ALBERT", section 3.1 (hidden words and the order of sentences).
Each part reads its own example of a row in a forward pass of its own: by sum, k parts cost k passes.
Tests: tests/objectives/test_mix.py (one part is that part to the bit, gradients against weighted sums in float64, any split).
"""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from telos.foundation.errors import TelosError
from telos.foundation.random import key
from telos.foundation.spec import Spec
from telos.foundation.units import Duration
from telos.models import Model, Pattern
from telos.objectives import Batch, Example, Loss, Maker, Objective
from telos.optim.schedules import Progress
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

    from telos.objectives._parts import Owned, PartOf

_UNITS = {"stream": "pieces of the stream of all tokens", "document": "whole documents"}

_HALVES = ("sum", "weight")


class Ramp(Spec):
    """A weight that goes in a straight line from ``first`` at ``begin`` to ``last`` at ``end``, and stays there.  Both in steps,
    tokens or epochs, or as a share of a budget in one of these: a share of time is known only when it has gone by, and the
    examples of a step are to be a function of (seed, step)."""

    first: float = Field(1.0, ge=0)
    last: float = Field(1.0, ge=0)
    begin: Duration = Duration(0.0, "fraction")
    end: Duration = Duration(1.0, "fraction")

    @model_validator(mode="after")
    def _is_a_way(self) -> "Ramp":
        if self.begin.unit != self.end.unit or self.begin.unit == "seconds":
            raise ValueError(f"begin ({self.begin}) and end ({self.end}) must both be in steps, tokens, epochs or percent")
        if self.begin.value >= self.end.value:
            raise ValueError(f"begin ({self.begin}) must be before end ({self.end})")
        return self

    def at(self, done: float) -> float:
        """The weight when so much is done, in the unit of begin and end."""
        way = (done - self.begin.value) / (self.end.value - self.begin.value)
        return self.first + (self.last - self.first) * min(1.0, max(0.0, way))


class Part(Spec):
    """``name``: null for the kind of its objective.  ``weight``: a number, or one that changes (`Ramp`)."""

    objective: Objective
    weight: float | Ramp = 1.0
    name: str | None = Field(None, pattern="^[a-z][a-z0-9_]*$")

    @field_validator("weight", mode="before")
    @classmethod
    def _a_ramp_by_its_settings(cls, weight: Any) -> Any:
        """So that what is wrong within is told by itself, and not beside a number's demands."""
        return Ramp.parse(weight) if isinstance(weight, Mapping) else weight

    @field_validator("weight")
    @classmethod
    def _not_below_zero(cls, weight: float | Ramp) -> float | Ramp:
        if not isinstance(weight, Ramp) and weight < 0:
            raise ValueError("must be at least 0")
        return weight

    @property
    def called(self) -> str:
        return self.name or self.objective.kind()

    def weight_at(self, done: float) -> float:
        return self.weight.at(done) if isinstance(self.weight, Ramp) else self.weight


class Mix(Objective):
    """``by``: what a part is drawn for, or that all are added up (see above).  A row is as long as every part has room for.

    Rows stand by themselves: a recurrent model carries no state from one to the next.
    """

    by: Literal["row", "step", "sum"] = "row"
    parts: tuple[Part, ...]

    @model_validator(mode="after")
    def _fit_together(self) -> "Mix":
        if not self.parts:
            raise ValueError("parts must name at least one objective")
        names = [part.called for part in self.parts]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two parts are called '{twice}': give one a name of its own")
        objectives = [part.objective for part in self.parts]
        if any(isinstance(objective, Mix) for objective in objectives):
            raise ValueError("a part must not be a mix itself: name its parts here")
        if len({objective.unit for objective in objectives}) > 1:
            units = ", ".join(f"'{part.called}' of {_UNITS[part.objective.unit]}" for part in self.parts)
            raise ValueError(f"the parts' rows must be of one sort, but are {units}")
        if len(learned := {objective.annotation for objective in objectives} & {"label", "tags"}) > 1:
            raise ValueError(f"the parts must learn one set of names, but learn {' and '.join(sorted(map(str, learned)))}")
        if with_terms := next((part.called for part in self.parts if part.objective.terms), None):
            raise ValueError(f"terms must stand at the mix, for all of its parts: part '{with_terms}' has some of its own")
        _refuse_no_weight(self.parts)
        return self

    @property
    def changes_over(self) -> str | None:
        """What the parts' weights are given over; None where they stand still."""
        return next((part.weight.begin.unit for part in self.parts if isinstance(part.weight, Ramp)), None)

    # -- what is asked of the model and of the text -------------------------------------------------------------------

    @property
    def members(self) -> tuple[Objective, ...]:
        return tuple(part.objective for part in self.parts)

    @property
    def needs(self) -> tuple[Pattern, ...]:  # type: ignore[override]
        """Nothing of its own: each part states its needs."""
        return ()

    @property
    def needs_likelihood(self) -> bool:  # type: ignore[override]
        return any(part.objective.needs_likelihood for part in self.parts)

    @property
    def needs_values(self) -> bool:  # type: ignore[override]
        return any(part.objective.needs_values for part in self.parts)

    @property
    def unit(self) -> Literal["stream", "document"]:  # type: ignore[override]
        return self.parts[0].objective.unit

    @property
    def annotation(self) -> Any:
        """Of several that of names (labels, tags), of which there is one set."""
        asked = [part.objective.annotation for part in self.parts if part.objective.annotation is not None]
        return next((name for name in asked if name in ("label", "tags")), next(iter(asked), None))

    @property
    def annotations(self) -> Any:
        return tuple(dict.fromkeys(name for part in self.parts for name in part.objective.annotations))

    @property
    def measures_together(self) -> bool:  # type: ignore[override]
        return any(part.objective.measures_together for part in self.parts)

    @property
    def rows_together(self) -> int:  # type: ignore[override]
        return math.lcm(*(part.objective.rows_together for part in self.parts))

    @property
    def least_tokens(self) -> int:
        return max(part.objective.least_tokens for part in self.parts)

    @property
    def scores_text(self) -> bool:
        return any(part.objective.scores_text for part in self.parts)

    @property
    def needs_marks(self) -> bool:
        return any(part.objective.needs_marks for part in self.parts)

    @property
    def writes(self) -> Any:
        """As the first part that writes, from left to right where one does that."""
        ways = [part.objective.writes for part in self.parts]
        return "on" if "on" in ways else next((way for way in ways if way), None)

    @property
    def text_term(self) -> str:
        scoring = (f"{part.called}.{part.objective.text_term}" for part in self.parts if part.objective.scores_text)
        return next(scoring, super().text_term)

    def special_tokens(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for part in self.parts for name in part.objective.special_tokens()))

    def check(self, model: Model) -> None:
        for part in self.parts:
            try:
                part.objective.check(model)
            except TelosError as error:
                raise TelosError(f"part '{part.called}' of the mix: {error.must}", error.found,
                                 f"leave the part out, or {error.fix}") from None  # fmt: skip
        self.check_room(model)
        self.check_terms(model)

    def pattern(self, model: Model) -> Pattern:
        return self.parts[0].objective.pattern(model)

    def fitted(self, model: Model) -> "Objective":
        return self.replace(parts=tuple(part.replace(objective=part.objective.fitted(model)) for part in self.parts))

    def build(self, model: Any, vocabulary: Vocabulary) -> "Owned | None":
        from telos.objectives._parts import Owned

        built = {part.called: part.objective.build(model, vocabulary) for part in self.parts}
        owned = {name: module for name, module in built.items() if module is not None}
        return Owned(owned) if owned else None

    def raw_length(self, context_length: int) -> int:
        return min(part.objective.raw_length(context_length) for part in self.parts)

    # -- examples -----------------------------------------------------------------------------------------------------

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        """The row for every part, as for measuring each of them."""
        return self._for_all([1.0] * len(self.parts), row, rng, vocabulary)

    def at(self, progress: Progress, rng: np.random.Generator) -> Maker:
        unit = self.changes_over
        done = 0.0 if unit is None else getattr(progress, unit)
        if math.isnan(done):
            raise TelosError("weights that follow the share of training need a budget in steps, tokens or epochs",
                             f"{unit} of a budget in time, which is known only when it has gone by",
                             "give their begin and end in steps or tokens, or set train.budget to a number of those")  # fmt: skip
        weights = [part.weight_at(done) for part in self.parts]
        if self.by == "sum":
            return partial(self._for_all, weights)
        lots = int(rng.integers(2**63))
        if self.by == "step":
            return partial(self._for_one, lambda row: _chosen(weights, key(lots, "step")))
        # Rows that belong together serve one part; theirs are numbers in a row.
        return partial(self._for_one, lambda row: _chosen(weights, key(lots, "row", row.number // self.rows_together)))

    def _for_all(self, weights: list[float], row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        """The columns of each part with a weight; each draws on where the one before it ended."""
        from telos.objectives._parts import WEIGHTS, prefixed

        example: Example = {WEIGHTS: np.array(weights)}
        for part, weight in zip(self.parts, weights, strict=True):
            if weight:
                example |= prefixed(part.called, part.objective.examples(row, rng, vocabulary))
        return example

    def _for_one(self, choose: Callable[[Row], int], row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        """Of one part what it alone would make of the row, to the bit: the lot is no number of the row's."""
        from telos.objectives._parts import WEIGHTS, prefixed

        chosen = choose(row)
        part, weights = self.parts[chosen], np.zeros(len(self.parts))
        weights[chosen] = 1
        return {WEIGHTS: weights, **prefixed(part.called, part.objective.examples(row, rng, vocabulary))}

    # -- loss ---------------------------------------------------------------------------------------------------------

    def prepare(self, model: Any, batch: Batch, rng: np.random.Generator) -> Batch:
        """Each part's own, and the parts' shares of the step."""
        from telos.objectives._parts import spread, with_shares

        columns = dict(with_shares(batch).columns)
        for _, part, rows, seen, own in self._serving(model, batch):
            if (made := part.objective.prepare(seen, own, rng)) is not own:
                columns |= {f"{part.called}.{name}": spread(column, rows, batch.rows) for name, column in made.columns.items()}
        return Batch(columns)

    def weights(self, batch: Batch) -> Mapping[str, float]:
        found = ((part, part.objective.weights(own)) for _, part, _, _, own in self._serving(None, batch))
        return {f"{part.called}.{name}": weight for part, weights in found for name, weight in weights.items()}

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        from telos.objectives._parts import of_its_rows, share

        mixed = Loss({})
        for place, part, _, seen, own in self._serving(model, batch):
            loss, counts = part.objective.loss(seen, own, rng), share(batch, place)
            mixed.terms |= {f"{part.called}.{name}": (total, coefficient * counts)
                            for name, (total, coefficient) in loss.terms.items()}  # fmt: skip
            # The loop weighs a micro-batch by its rows; the part has another share of them.
            factor = of_its_rows(batch, place, own.rows)
            mixed.metrics |= {f"{part.called}.{name}": number * factor for name, number in loss.metrics.items()}
        return mixed

    def measure(self, model: Any, batch: Batch, rng: np.random.Generator) -> "dict[str, tuple[Tensor, Tensor]]":
        """What each part measures, the first part's headline first."""
        from telos.objectives._parts import spread

        found: dict[str, tuple[Tensor, Tensor]] = {}
        for _, part, rows, seen, own in self._serving(model, batch):
            for name, values in part.objective.measure(seen, own, rng).items():
                above, below = (spread(value, rows, batch.rows) for value in values)
                found[f"{part.called}.{name}"] = (above, below)
        return found

    def gather(self, model: Any, batch: Batch, rng: np.random.Generator) -> "dict[str, Tensor]":
        """What each part keeps for its `figures`; of one whose rows are measured by themselves, sums and weights."""
        from telos.objectives._parts import spread

        found: dict[str, Tensor] = {}
        for _, part, rows, seen, own in self._serving(model, batch):
            if part.objective.measures_together:
                kept = part.objective.gather(seen, own, rng)
            else:
                measured = part.objective.measure(seen, own, rng)
                kept = {
                    f"{which}.{name}": values[place] for name, values in measured.items() for place, which in enumerate(_HALVES)
                }
            found |= {f"{part.called}.{name}": spread(values, rows, batch.rows) for name, values in kept.items()}
        return found

    def figures(self, gathered: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for part in self.parts:
            start = len(part.called) + 1
            own = {name[start:]: values for name, values in gathered.items() if name.startswith(f"{part.called}.")}
            if part.objective.measures_together:
                figures = part.objective.figures(own)
            else:
                names = [name.partition(".")[2] for name in own if name.startswith(_HALVES[0])]
                figures = {name: (own[f"{_HALVES[0]}.{name}"].astype(np.float64), own[f"{_HALVES[1]}.{name}"].astype(np.float64))
                           for name in names}  # fmt: skip
            found |= {f"{part.called}.{name}": values for name, values in figures.items()}
        return found

    def _serving(self, model: Any, batch: Batch) -> "Iterator[tuple[int, Part, Tensor | slice, PartOf, Batch]]":
        """(place, part, its rows, the model as it sees it, its batch) of each part that rows of the batch serve."""
        from telos.objectives._parts import PartOf, own, rows_of

        for place, part in enumerate(self.parts):
            if (rows := rows_of(batch, place, part.called)) is not None:
                yield place, part, rows, PartOf(model, batch, place, part.called), own(batch, part.called, rows)


def _chosen(weights: list[float], lot: int) -> int:
    """The part that a lot of 128 bits falls to, each as often as it weighs."""
    ends = np.cumsum(weights)
    return min(int(np.searchsorted(ends, lot / 2**128 * ends[-1], side="right")), int(np.flatnonzero(weights)[-1]))


def _refuse_no_weight(parts: tuple[Part, ...]) -> None:
    """`ValueError` where there is a moment without any weight.  Between two ends of ramps the sum is a straight line, at least 0,
    so it is 0 nowhere if not at one of them."""
    ramps = [part.weight for part in parts if isinstance(part.weight, Ramp)]
    if len(units := {ramp.begin.unit for ramp in ramps}) > 1:
        raise ValueError(f"weights must change over one unit, but change over {' and '.join(sorted(units))}")
    ends: list[Duration | None] = [end for ramp in ramps for end in (ramp.begin, ramp.end)]
    for end in ends or [None]:
        if sum(part.weight_at(0.0 if end is None else end.value) for part in parts) <= 0:
            raise ValueError(f"the parts' weights must not add up to 0{'' if end is None else f', as they do at {end}'}")
