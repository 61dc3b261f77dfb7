"""AdamW: Adam with decoupled weight decay.

    m ← β₁ m + (1 − β₁) g          v ← β₂ v + (1 − β₂) g²
    w ← w − η λ w − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)

Kingma and Ba 2015 (arXiv:1412.6980, algorithm 1); Loshchilov and Hutter 2019 (arXiv:1711.05101, algorithm 2).  Time: one pass
over parameters, gradients and moments; memory: twice the parameters.  Tests: tests/optim/optimizers/test_adamw.py
(torch.optim.AdamW).
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from telos.optim.optimizers import Group, Optimized, Optimizer, Updater, trainable

Beta = Annotated[float, Field(ge=0, lt=1)]


@torch.no_grad()
def update(
    weights: Sequence[Tensor],
    gradients: Sequence[Tensor],
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    step: int,
    *,
    learning_rate: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> None:
    """Update ``weights`` and moments in place; ``step`` is t of the formula, 1 at the first update."""
    # The fused kernel reads and writes each value once; it takes t as a tensor of fp32 per parameter.
    steps = [torch.full((), float(step), device=w.device) for w in weights]
    torch._fused_adamw_(list(weights), list(gradients), list(first), list(second), [], steps, lr=learning_rate, beta1=betas[0],
                        beta2=betas[1], weight_decay=weight_decay, eps=eps, amsgrad=False, maximize=False)  # fmt: skip


class AdamW(Optimizer):
    """Adam with decoupled weight decay.

    ``weight_decay`` acts on embeddings, matrices and head; vectors (norm gains, biases) have none unless a group gives it.
    ``base_width``: the rates are those of a network of this width, others follow from it; None: as they stand, at any width.
    """

    learning_rate: float = Field(3e-3, ge=0)
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    eps: float = Field(1e-8, gt=0)
    weight_decay: float = Field(0.1, ge=0)

    def build(self, network: Optimized) -> "AdamWUpdater":
        groups = []
        factors = self.width_factors(network)
        for name, parameter, role, group in trainable(network, self.groups):
            rate, decay = self.learning_rate, 0.0 if role == "vector" else self.weight_decay
            groups.append((name, parameter, *chosen(group, rate, decay, factors[name])))
        return AdamWUpdater(self, groups, self.betas, self.eps)


def chosen(group: Group | None, learning_rate: float, weight_decay: float, factor: float) -> tuple[float, float]:
    """A parameter's (learning rate, weight decay): its group's where that gives one; ``factor``: `Optimizer.width_factors`."""
    if group is not None:
        learning_rate = learning_rate if group.learning_rate is None else group.learning_rate
        weight_decay = weight_decay if group.weight_decay is None else group.weight_decay
    return learning_rate * factor, weight_decay / factor


class AdamWUpdater(Updater):
    """AdamW over named parameters, each with its learning rate and weight decay."""

    def __init__(
        self,
        spec: Optimizer,
        settings: Sequence[tuple[str, nn.Parameter, float, float]],
        betas: tuple[float, float],
        eps: float,
    ):
        self.spec, self.betas, self.eps = spec, betas, eps
        self.parameters = {name: parameter for name, parameter, _, _ in settings}
        self._step = torch.zeros((), dtype=torch.int64)
        self._first = {name: torch.zeros_like(p) for name, p in self.parameters.items()}
        self._second = {name: torch.zeros_like(p) for name, p in self.parameters.items()}
        ordered = sorted(settings, key=lambda s: s[2:])
        self._groups = [(rate, decay, [s[0] for s in part]) for (rate, decay), part in groupby(ordered, key=lambda s: s[2:])]

    def step(self, learning_rate_scale: float) -> None:
        self._step += 1
        for rate, decay, names in self._groups:
            # A parameter that no example touched has no gradient: it and its moments stay, as in torch.
            used = [name for name in names if self.parameters[name].grad is not None]
            if not used:  # a head that the objective does not ask, and the kernel takes no empty list
                continue
            update([self.parameters[n] for n in used], [self.parameters[n].grad for n in used],  # type: ignore[misc]
                   [self._first[n] for n in used], [self._second[n] for n in used], int(self._step),
                   learning_rate=rate * learning_rate_scale, betas=self.betas, eps=self.eps, weight_decay=decay)  # fmt: skip

    def state_dict(self) -> dict[str, Tensor]:
        moments = {f"{n}:first": t for n, t in self._first.items()} | {f"{n}:second": t for n, t in self._second.items()}
        return {"step": self._step} | moments
