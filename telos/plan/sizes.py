"""What the model of a recipe will take: parameters, operations, memory in training and in use.

A training step is gone through as the loop does it (micro-batches, the objective with its own parts and terms, clipping, the
optimizer's update), on tensors without memory (`telos.models.sizing`).  Its operations are those of a row of which every
place is predicted, the most that there can be.  Tests: tests/plan/test_sizes.py (torch's account of the same step).
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np

from telos.foundation.random import generator
from telos.foundation.units import counted, format_bytes, format_count
from telos.models import Model
from telos.models.sizing import Dtype, Estimate
from telos.objectives import Batch, Objective
from telos.optim.optimizers import Optimizer
from telos.optim.schedules import Progress
from telos.tokens.batches import Row
from telos.tokens.marks import SENTENCE, WORD
from telos.tokens.tokenizers import Tokenizer
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.settings import Train

ASSUMED_VOCABULARY = 4096
"""Tokens, where only the text tells how many there are."""

TRAINING_TOKENS = 1_000_000
"""For which a counting model is sized: its memory grows with the text."""

DTYPES: dict[str, tuple[Dtype, ...]] = {"fp32": ("float32",), "bf16": ("bfloat16",), "auto": get_args(Dtype)}


@dataclass(frozen=True, slots=True)
class Sizes:
    """``estimates``: type of activations → estimate; one, or where the run itself chooses by measuring, one for each.
    ``rows``, ``context_tokens``: of a micro-batch; 0 for a model that counts.  ``training_flops_per_token``: of the matrix
    products of a step, for each token that is drawn; None where they are not known."""

    vocabulary_size: int
    vocabulary_is_known: bool
    rows: int
    context_tokens: int
    estimates: dict[Dtype, Estimate]
    training_flops_per_token: float | None = None

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {name: value for name, value in asdict(self).items() if name != "estimates"} | {
            "estimates": {dtype: asdict(estimate) for dtype, estimate in self.estimates.items()}
        }

    def render(self) -> str:
        """For people: comment lines below a recipe."""
        one = next(iter(self.estimates.values()))
        assumed = "" if self.vocabulary_is_known else ", assumed: the text decides"
        lines = [f"model: {format_count(one.parameters)} parameters (vocabulary {self.vocabulary_size:,}{assumed})"]
        if one.flops_per_token is not None:
            trained = self.training_flops_per_token or 3 * one.flops_per_token
            lines.append(f"operations: {format_count(one.flops_per_token)} FLOPs a token, {format_count(trained)} in training")
        if not self.rows:
            lines.append(f"memory, for {format_count(TRAINING_TOKENS)} tokens of text: at most "
                         f"{_bytes(one.training_bytes)} in training, {_bytes(one.inference_bytes)} in use")  # fmt: skip
        else:
            lines += [self._training(dtype, estimate) for dtype, estimate in self.estimates.items()]
            state = f", of them {format_bytes(one.state_bytes)} its state" if one.state_bytes else ""
            lines.append(f"memory in use, {next(iter(self.estimates))}: {_bytes(one.inference_bytes)} for a row as long as the "
                         f"context{state}")  # fmt: skip
        return "\n".join(f"# {line}" for line in lines)

    def _training(self, dtype: Dtype, estimate: Estimate) -> str:
        parts = {"weights": estimate.weights_bytes, "gradients": estimate.gradients_bytes, "optimizer": estimate.optimizer_bytes,
                 "activations": estimate.activations_bytes}  # fmt: skip
        named = ", ".join(f"{name} {format_bytes(size)}" for name, size in parts.items() if size is not None)
        return (f"memory in training, {dtype}, {counted(self.rows, 'row')} of {counted(self.context_tokens, 'token')} at a time: "
                f"{_bytes(estimate.training_bytes)} ({named})")  # fmt: skip


def _bytes(size: int | None) -> str:
    return "not known from the settings alone" if size is None else format_bytes(size)


def sizes(model: Model, objective: Objective, optimizer: Optimizer, settings: Train, vocabulary_size: int | None) -> Sizes:
    """What ``model`` takes when it is trained so.  ``vocabulary_size``: None where the settings do not tell.

    Raises `TelosError` where the model cannot be trained with this objective or optimizer.
    """
    size = vocabulary_size or ASSUMED_VOCABULARY
    plain = Vocabulary(size - 1, "", {END_OF_TEXT: size - 1})
    if model.learns_by == "counting":
        found = model.estimate(plain, training_tokens=TRAINING_TOKENS)
        return Sizes(size, vocabulary_size is not None, 0, 0, {"float32": found})
    objective.check(model)
    objective = objective.fitted(model)
    vocabulary = plain.with_specials(objective.special_tokens()).with_labels(("", "no"))  # how many classes weighs nothing
    vocabulary = vocabulary.with_value_scale((0.0, 1.0))
    drawn = _Drawn()
    estimates = {
        dtype: model.estimate(vocabulary, dtype=dtype, training=_as_the_loop(objective, optimizer, settings, vocabulary, drawn))
        for dtype in DTYPES[settings.precision]
    }
    flops = drawn.flops / drawn.tokens if drawn.flops else None
    return Sizes(vocabulary.size, vocabulary_size is not None, drawn.rows, drawn.context_tokens, estimates, flops)


@dataclass(slots=True)
class _Drawn:
    """Rows of the largest micro-batch, and their length; tokens of text in a step, and the operations of its products."""

    rows: int = 0
    context_tokens: int = 0
    tokens: int = 0
    flops: int = 0


def _as_the_loop(
    objective: Objective, optimizer: Optimizer, settings: Train, vocabulary: Vocabulary, drawn: _Drawn
) -> Callable[[Any], Callable[[], None]]:
    """`telos.models.sizing.Training` with the loop's own functions."""
    from telos.models.sizing.operations import counter
    from telos.train.gradients import accumulate, clip
    from telos.train.terms import Terms
    from telos.train.trainable import Trainable

    def training(network: Any) -> Callable[[], None]:
        terms = Terms.of(objective, network, vocabulary, sized=True)
        trainable = Trainable(network, objective.build(network, vocabulary), terms=terms)
        updater = optimizer.build(trainable)
        raw_length = objective.raw_length(network.context_length)
        rows = settings.rows(raw_length, objective.rows_together)
        micro_batches = settings.micro_batches(rows, raw_length, objective.rows_together)
        drawn.rows, drawn.tokens = max(part.stop - part.start for part in micro_batches), rows * raw_length
        batch = _batch(objective, rows, raw_length, vocabulary)
        drawn.context_tokens = max(column.shape[1] for name, column in batch.columns.items() if name.split(".")[-1] == "tokens")

        def step() -> None:
            with counter() as found:
                accumulate(trainable, objective, batch, micro_batches, seed=0, step=0)
            drawn.flops = found.get_total_flops()
            clip(list(updater.parameters.values()), settings.gradient_clip)
            updater.step(1.0)

        return step

    return training


def _batch(objective: Objective, rows: int, raw_length: int, vocabulary: Vocabulary) -> Batch:
    """A batch of the shapes that the loader gives."""
    import torch

    tokens = np.zeros(raw_length, np.uint32)
    of_each = np.stack([np.arange(raw_length), np.zeros(raw_length, np.int64)], 1)
    beside = {"value": 0.0, "tags": of_each, "question": tokens, "answers": of_each[:1]}
    marks = np.full(raw_length, WORD | SENTENCE, np.uint8)
    row = Row(tokens, vocabulary.end_of_text, np.zeros(raw_length, np.int64), 0, label=0, target=tokens, beside=beside,
              marks=marks)  # fmt: skip
    byte = Tokenizer.member("byte")().train(lambda: iter(()), 0)  # stands for whichever encodes text, whose id 0 is a token, too
    make = objective.at(Progress(0.0, 0.0, 0.0, 0.0, 0.0), generator(0, "step"))
    example = make(row, generator(0, "examples"), vocabulary.with_tokenizer(byte))
    types = {name: torch.from_numpy(array[:0] if array.ndim else array.reshape(1)).dtype for name, array in example.items()}
    return Batch({name: torch.zeros((rows, *array.shape), dtype=types[name]) for name, array in example.items()})
