"""Stochastic gradient descent, with momentum or without.

    g ← g + λ w          b ← μ b + g  (b = g at the first step)          w ← w − η b,  with Nesterov  w ← w − η (g + μ b)

Robbins and Monro 1951; momentum Polyak 1964; in the form of Sutskever et al. 2013, "On the importance of initialization and
momentum", as torch has it.  A step is as large as the gradient: rare words, whose gradient is next to nothing, stay where they
are, which makes it the better one for recurrent networks over tens of thousands of words (docs/log.md; Merity et al. 2018,
section 3).  Time: one pass over parameters and gradients; memory: none, or with momentum once the parameters.
Tests: tests/optim/optimizers/test_sgd.py (torch.optim.SGD).
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import ClassVar

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from telos.optim.optimizers import Optimized, Optimizer, Updater, trainable
from telos.optim.optimizers.adamw import chosen
from telos.optim.width import PLAIN


class SGD(Optimizer):
    """Stochastic gradient descent.

    ``learning_rate``: far larger than an adaptive optimizer's, without momentum up to 30.  ``momentum``: μ.  ``nesterov``: look
    ahead along it.  ``weight_decay``: λ, of all but vectors (norm gains, biases) unless a group gives it; it goes through the
    gradient.  ``base_width``: the rates are those of a network of this width, others follow from it; None: as they stand, at
    any width.
    """

    width_powers: ClassVar[Mapping[str, int]] = PLAIN

    learning_rate: float = Field(0.1, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = False
    weight_decay: float = Field(0.0, ge=0)

    @model_validator(mode="after")
    def _has_momentum_to_look_along(self) -> "SGD":
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs momentum above 0")
        return self

    def build(self, network: Optimized) -> "SGDUpdater":
        groups = []
        factors = self.width_factors(network)
        for name, parameter, role, group in trainable(network, self.groups):
            rate, decay = self.learning_rate, 0.0 if role == "vector" else self.weight_decay
            groups.append((name, parameter, *chosen(group, rate, decay, factors[name])))
        return SGDUpdater(self, groups)


class SGDUpdater(Updater):
    """SGD over named parameters, each with its learning rate and weight decay."""

    spec: SGD

    def __init__(self, spec: SGD, settings: Sequence[tuple[str, nn.Parameter, float, float]]):
        self.spec = spec
        self.parameters = {name: parameter for name, parameter, _, _ in settings}
        self._step = torch.zeros((), dtype=torch.int64)
        self._moments = {name: torch.zeros_like(p) for name, p in self.parameters.items()} if spec.momentum else {}
        ordered = sorted(settings, key=lambda s: s[2:])
        self._groups = [(rate, decay, [s[0] for s in part]) for (rate, decay), part in groupby(ordered, key=lambda s: s[2:])]

    @torch.no_grad()
    def step(self, learning_rate_scale: float) -> None:
        self._step += 1
        momentum = self.spec.momentum
        for rate, decay, names in self._groups:
            # A parameter that no example touched has no gradient: it and its moment stay, as in torch.
            used = [name for name in names if self.parameters[name].grad is not None]
            if not used:
                continue
            weights: list[Tensor] = [self.parameters[name] for name in used]
            moves: list[Tensor] | tuple[Tensor, ...] = [self.parameters[name].grad for name in used]  # type: ignore[misc]
            if decay:
                moves = torch._foreach_add(moves, weights, alpha=decay)
            if momentum:
                moments = [self._moments[name] for name in used]
                torch._foreach_mul_(moments, momentum)
                torch._foreach_add_(moments, moves)
                moves = torch._foreach_add(moves, moments, alpha=momentum) if self.spec.nesterov else moments
            torch._foreach_add_(weights, moves, alpha=-rate * learning_rate_scale)

    def state_dict(self) -> dict[str, Tensor]:
        return {"step": self._step} | {f"{name}:moment": moment for name, moment in self._moments.items()}
