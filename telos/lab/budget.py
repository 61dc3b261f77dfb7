"""Equal compute: what each run of a comparison may use, as time, tokens or operations.

| budget | what is equal | what is not in it |
|---|---|---|
| `3m` | seconds, from the start of the run to its held-out figure | reading the text, which all share; yardsticks |
| `5M tokens` | tokens of text that are drawn | what an objective does with them |
| `1e15 FLOPs` | operations of the matrix products of all steps, forward and backward | everything else |

Operations are counted in one step of the run's own (its objective, parts and batches) by torch, so that a second network, a
decoder, several heads, a teacher or a second pass count as what they are; a step of attention counts whole, though a causal one
needs half.  Of a mix each part is counted in a step of its own, and the mean step is that of their shares, over the whole budget
where weights change.  A family that has no matrix products, such as `softmax_regression`, counts by its own figure (3 × FLOPs per
token × tokens).  Tests: tests/lab/test_budget.py (operations of a step by hand).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from telos.foundation.errors import TelosError
from telos.foundation.units import Duration, format_count
from telos.recipe import Run
from telos.stages import Prepared

Unit = Literal["seconds", "tokens", "FLOPs"]
_SCALE = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
WAY = 256
"""Moments of a budget at which weights that change are looked at."""
ROUNDS = 20
_FLOPS = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)\s*([kmgtpe]?)\s*flops?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Budget:
    """``value`` in ``unit``, for each run."""

    value: float
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """``"3m"``, ``"5M tokens"``, ``"1e15 FLOPs"``, ``"2 PFLOPs"``; `TelosError` for anything else."""
        if match := _FLOPS.fullmatch(text.strip()):
            made = cls(float(match[1]) * _SCALE[match[2].upper()], "FLOPs")
        else:
            try:
                duration = Duration.parse(text)
            except ValueError:
                raise _refused(text) from None
            if duration.unit not in ("seconds", "tokens"):
                raise _refused(text)
            made = cls(duration.value, "seconds" if duration.unit == "seconds" else "tokens")
        if made.value <= 0:
            raise TelosError("a budget must be more than nothing", repr(text), "give for example --budget 3m")
        return made

    def __str__(self) -> str:
        """As `parse` takes it, to the last digit: ``"5 GFLOPs"``."""
        if self.unit != "FLOPs":
            return str(Duration(self.value, self.unit))
        prefix = max((one for one, scale in _SCALE.items() if scale <= self.value), key=_SCALE.__getitem__, default="")
        return f"{self.value / _SCALE[prefix]:.15g} {prefix}FLOPs"

    def within(self, recipe: Run, flops_per_step: float | None) -> Run:
        """The recipe with this budget; ``flops_per_step``: None for a model that counts, which reads the text once."""
        if self.unit != "FLOPs" or flops_per_step is None:
            return recipe
        steps = round(self.value / flops_per_step)
        if steps < 1:
            raise TelosError(f"a budget must hold a training step, here of {format_count(flops_per_step)}FLOPs", f"{self}",
                             f"give a budget of at least {flops_per_step:.3g} FLOPs, or a smaller model or train.batch_tokens"
                             )  # fmt: skip
        return recipe.replace(train=recipe.training.replace(budget=Duration(float(steps), "steps")))


def _refused(text: str) -> TelosError:
    return TelosError("a comparison must have a budget in time, tokens or FLOPs, equal for all recipes", repr(text),
                      "give for example --budget 3m, --budget '5M tokens' or --budget '1e15 FLOPs'")  # fmt: skip


def step_flops(recipe: Run, prepared: Prepared, budget: Budget | None = None) -> float | None:
    """Operations of the matrix products of a training step, forward and backward; None for a model that counts, and for a mix
    whose weights change by steps, tokens or epochs where ``budget`` does not say how many there will be.

    The first step's gradient is computed for it once, of a mix for each part, without an update."""
    if recipe.model.learns_by == "counting":
        return None
    from telos.objectives.mix import Mix

    mix = recipe.objective
    if not isinstance(mix, Mix):
        return _counted(recipe, prepared)
    alone = []
    for place in range(len(mix.parts)):
        parts = tuple(part.replace(weight=float(i == place)) for i, part in enumerate(mix.parts))
        alone.append(_counted(recipe.replace(objective=mix.replace(parts=parts)), prepared))
    return _mean(recipe, prepared, alone, budget)


def _counted(recipe: Run, prepared: Prepared) -> float:
    """Operations of the first step."""
    from telos import training
    from telos.models.sizing.operations import counter
    from telos.train.gradients import accumulate
    from telos.train.loader import Loader
    from telos.train.terms import Terms
    from telos.train.trainable import Trainable

    settings, objective = recipe.training, recipe.objective
    vocabulary, store = training.vocabulary_of(recipe, prepared).with_tokenizer(prepared.tokenizer), prepared.stores["train"]
    network = recipe.model.build(vocabulary, settings.seed)
    batches = training.drawn(recipe, store, network.context_length)
    model = Trainable(network, objective.build(network, vocabulary), batches.rows if batches.in_lanes else None,
                      Terms.of(objective, network, vocabulary))  # fmt: skip
    model.train()
    _, batch = Loader(batches, objective, vocabulary, settings.seed, model.device).build(0)
    parts = settings.micro_batches(batch.rows, batches.raw_length, objective.rows_together)
    with counter() as counted:
        accumulate(model, objective, batch, parts, seed=settings.seed, step=0)
    if not counted.get_total_flops():
        return float(3 * network.flops_per_token(network.context_length) * batch.rows * batches.raw_length)
    return float(counted.get_total_flops())


def _mean(recipe: Run, prepared: Prepared, alone: list[float], budget: Budget | None) -> float | None:
    """Of a mix's steps, whose parts alone take so much each."""
    from telos import training

    mix: Any = recipe.objective
    unit, context_length = mix.changes_over, getattr(recipe.model, "context_length", 1)
    if unit is None or unit == "fraction":
        return _over(mix, alone, [(place + 0.5) / WAY for place in range(WAY)])
    batches = training.drawn(recipe, prepared.stores["train"], context_length)
    done: dict[str, Callable[[int], float]] = {"steps": float, "tokens": batches.tokens_at, "epochs": batches.epoch_at}

    def mean(steps: float) -> float:
        return _over(mix, alone, [done[unit](int(steps * (place + 0.5) / WAY)) for place in range(WAY)])

    if budget is None or budget.unit == "seconds":
        return None
    if budget.unit == "tokens":
        return mean(budget.value / max(1, batches.tokens_at(1)))
    found = max(alone)
    for _ in range(ROUNDS):  # how many steps there are hangs on what each takes
        found = mean(budget.value / found)
    return found


def _over(mix: Any, alone: list[float], done: list[float]) -> float:
    """The mean over these moments: parts in their shares, or all that have a weight."""
    total = 0.0
    for moment in done:
        weights = [part.weight_at(moment) for part in mix.parts]
        shares = [float(weight > 0) for weight in weights] if mix.by == "sum" else [weight / sum(weights) for weight in weights]
        total += sum(share * flops for share, flops in zip(shares, alone, strict=True))
    return total / len(done)
