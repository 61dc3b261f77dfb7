"""The gradient of one step, from as many micro-batches as memory asks for.

    loss = Σ_term coefficient · Σ_micro sum ÷ Σ_micro weight   +   Σ_penalty Σ_micro (rows of the micro-batch ÷ rows) · penalty

and what `telos.train.terms` adds to the nats of each place.

The weights of all micro-batches are known before the first forward pass, so the split changes rounding only.
Tests: tests/train/test_gradients.py (8×1, 4×2, 2×4, 1×8 with ragged weights, fp32 and float64).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from telos.foundation.random import generator, key
from telos.objectives import Batch, Objective
from telos.train.trainable import Trainable


@dataclass(slots=True)
class StepLoss:
    """``loss``: what was minimised; ``terms``: each term's mean, without its coefficient, those added to the nats of
    each place among them; ``metrics``: the objective's own,
    mean over micro-batches by rows; ``weight``: of all terms together, 0 where the batch had nothing to predict."""

    loss: float
    terms: dict[str, float]
    metrics: dict[str, float] = field(default_factory=dict)
    weight: float = 0.0


def part(batch: Batch, rows: slice) -> Batch:
    """Some rows of a batch."""
    return Batch({name: column[rows] for name, column in batch.columns.items()})


def accumulate(
    model: Trainable, objective: Objective, batch: Batch, micro_batches: Sequence[slice], *, seed: int, step: int
) -> StepLoss:
    """Add the gradient of a step's loss to the parameters' gradients."""
    with torch.no_grad():
        batch = objective.prepare(model, batch, generator(seed, "prepare", step))
        parts = [part(batch, rows) for rows in micro_batches]
        totals: dict[str, float] = {}
        for micro in parts:
            for name, weight in objective.weights(micro).items():
                totals[name] = totals.get(name, 0.0) + weight
    sums: dict[str, Tensor] = {}
    metrics: dict[str, float] = {}
    whole: Tensor | float = 0.0
    for place, micro in enumerate(parts):
        # Dropout knows only torch's global generators.
        torch.manual_seed(key(seed, "dropout", step, place) & (2**63 - 1))
        with model.reading(micro_batches[place], micro):
            loss = objective.loss(model, micro, generator(seed, "loss", step, place))
        share = micro.rows / batch.rows
        # A term without any weight has nothing to learn from: its sum is 0, and so is its part of the loss.
        pieces = [coefficient * total / (totals[name] or 1.0) for name, (total, coefficient) in loss.terms.items()]
        pieces += [penalty * share for penalty in model.take_penalties().values()]
        value = torch.stack(pieces).sum()
        value.backward()
        whole = whole + value.detach()
        for name, (total, _) in loss.terms.items():
            sums[name] = sums.get(name, 0.0) + total.detach()
        for name, number in loss.metrics.items():
            metrics[name] = metrics.get(name, 0.0) + share * number
    terms = {name: float(total) / (totals[name] or 1.0) for name, total in sums.items()}
    added = model.take_terms()
    terms |= {name: mean for name, (mean, _) in added.items()}
    return StepLoss(
        float(whole) + sum(mean * coefficient for mean, coefficient in added.values()), terms, metrics, sum(totals.values())
    )


@torch.no_grad()
def clip(parameters: Sequence[nn.Parameter], largest: float | None) -> float:
    """The Euclidean norm of all gradients together; they are scaled down where it is above ``largest``
    (Pascanu et al. 2013, arXiv:1211.5063, algorithm 1)."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return 0.0
    norm = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))))
    if largest is not None and norm > largest:
        torch._foreach_mul_(gradients, largest / norm)
    return norm
