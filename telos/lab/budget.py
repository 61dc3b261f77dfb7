"""Equal compute: what each run of a comparison may use, as time, tokens or operations.

| budget | what is equal | what is not in it |
|---|---|---|
| `3m` | seconds, from the start of the run to its held-out figure | reading the text, which all share; yardsticks |
| `5M tokens` | tokens of text that are drawn | what an objective does with them |
| `1e15 FLOPs` | operations of the matrix products of all steps, forward and backward | everything else |

Operations are counted in one step of the run's own (its objective, parts and batches) by torch, so that a second network, a
decoder or several heads count as what they are; a step of attention counts whole, though a causal one needs half.  A family
that has no matrix products, such as `softmax_regression`, counts by its own figure (3 × FLOPs per token × tokens).
Tests: tests/lab/test_budget.py (operations of a step by hand).
"""

import re
from dataclasses import dataclass
from typing import Literal

from telos.foundation.errors import TelosError
from telos.foundation.units import Duration, format_count
from telos.recipe import Run
from telos.stages import Prepared

Unit = Literal["seconds", "tokens", "FLOPs"]
_SCALE = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
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


def step_flops(recipe: Run, prepared: Prepared) -> float | None:
    """Operations of the matrix products of one training step, forward and backward; None for a model that counts.

    The first step's gradient is computed for it once, without an update."""
    if recipe.model.learns_by == "counting":
        return None
    from telos import training
    from telos.models.sizing.operations import counter
    from telos.train.gradients import accumulate
    from telos.train.loader import Loader
    from telos.train.trainable import Trainable

    settings, objective = recipe.training, recipe.objective
    vocabulary, store = training.vocabulary_of(recipe, prepared), prepared.stores["train"]
    network = recipe.model.build(vocabulary, settings.seed)
    batches = training.drawn(recipe, store, network.context_length)
    model = Trainable(network, objective.build(network, vocabulary), batches.rows if batches.in_lanes else None)
    model.train()
    _, batch = Loader(batches, objective, vocabulary.with_tokenizer(prepared.tokenizer), settings.seed, model.device).build(0)
    parts = settings.micro_batches(batch.rows, batches.raw_length, objective.rows_together)
    with counter() as counted:
        accumulate(model, objective, batch, parts, seed=settings.seed, step=0)
    if not counted.get_total_flops():
        return float(3 * network.flops_per_token(network.context_length) * batch.rows * batches.raw_length)
    return float(counted.get_total_flops())
