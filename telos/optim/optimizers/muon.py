"""Muon: momentum, orthogonalised, for matrices; AdamW for everything else.

    M ← β M + (1 − β) G          U = β M + (1 − β) G   (Nesterov; else U = M)
    W ← W − η λ W − η √max(1, rows/columns) · orthogonal(U)

orthogonal(U) is about the nearest matrix with all singular values 1 (U Vᵀ of its decomposition), by Newton–Schulz iterations

    X₀ = U / ‖U‖_F          A = X Xᵀ          X ← (a I + b A + c A²) X        (A = Xᵀ X on the right where rows > columns)

with (a, b, c) = (3.4445, −4.7750, 2.0315): they raise small singular values fastest.  After 5 iterations none is above 1.21, and
all that began above 1/500 of the norm are above 0.68.  Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural
networks".
Cost: 2 · iterations · (2 m² n + m³) FLOPs for an m × n matrix, m ≤ n.  Tests: tests/optim/optimizers/test_muon.py
(singular values; the formula in float64 by decomposition; torch.optim.Muon).
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from telos.optim.optimizers import Optimized, Optimizer, Updater, trainable
from telos.optim.optimizers.adamw import AdamWUpdater, Beta, chosen
from telos.optim.width import ADAPTIVE

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


@torch.no_grad()
def orthogonalize(matrices: Tensor, iterations: int) -> Tensor:
    """Newton–Schulz over a stack of matrices (n, r, c), in their type; singular values come near 1."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    # The norm is taken in fp32: a sum of 10⁵ squares in bf16 is wrong in its second figure.
    norm = torch.linalg.vector_norm(
        matrices, dim=(-2, -1), keepdim=True, dtype=torch.promote_types(matrices.dtype, torch.float32)
    )
    x = matrices * norm.clamp(min=1e-7).reciprocal().to(matrices.dtype)
    for _ in range(iterations):
        # The smaller of the two Gram matrices, and the whole polynomial a I + b A + c A² formed on it: one pass over X.
        gram = torch.bmm(x.mT, x) if tall else torch.bmm(x, x.mT)
        polynomial = torch.bmm(gram, gram).mul_(c).add_(gram, alpha=b)
        polynomial.diagonal(dim1=-2, dim2=-1).add_(a)
        x = torch.bmm(x, polynomial) if tall else torch.bmm(polynomial, x)
    return x


@torch.no_grad()
def update(
    weights: Sequence[Tensor],
    gradients: Sequence[Tensor],
    momenta: Sequence[Tensor],
    *,
    learning_rate: float,
    momentum: float,
    nesterov: bool,
    weight_decay: float,
    iterations: int,
    dtype: torch.dtype,
) -> None:
    """Update ``weights`` (all of one shape (r, c)) and ``momenta`` in place; iterations run in ``dtype``.

    The gradients are used up where ``nesterov``: they hold U afterwards.
    """
    torch._foreach_lerp_(list(momenta), list(gradients), 1 - momentum)
    directions = list(momenta)
    if nesterov:
        torch._foreach_lerp_(list(gradients), list(momenta), momentum)
        directions = list(gradients)
    stacked = torch.empty((len(directions), *directions[0].shape), dtype=dtype, device=directions[0].device)
    torch._foreach_copy_(list(stacked.unbind()), directions)
    # The one cast back is cheaper than a sum of two types for each matrix.
    steps = orthogonalize(stacked, iterations).to(weights[0].dtype)
    rows, columns = weights[0].shape
    if weight_decay:
        torch._foreach_mul_(list(weights), 1 - learning_rate * weight_decay)
    torch._foreach_add_(list(weights), list(steps.unbind()), alpha=-learning_rate * max(1, rows / columns) ** 0.5)


class Muon(Optimizer):
    """Orthogonalised momentum for matrices, AdamW for embeddings, head and vectors.

    ``learning_rate`` and ``weight_decay`` are those of the matrices; the rest has learning rates of its own and no decay, unless
    a group gives other values; an embedding that is the head, too, has the head's: a step of 0.3 in each of its coordinates would
    be one of 0.3 · width in a logit.  The momentum rises linearly from ``initial_momentum`` over the first
    ``momentum_warmup_steps`` updates (Jordan et al. 2024).  ``betas`` and ``eps`` are AdamW's.
    ``base_width``: the rates are those of a network of this width, others follow from it; None: as they stand, at any width.
    """

    width_powers: ClassVar[Mapping[str, int]] = ADAPTIVE | {"matrix": 0}

    learning_rate: float = Field(0.02, ge=0)
    momentum: Beta = 0.95
    initial_momentum: Beta = 0.85
    momentum_warmup_steps: int = Field(50, ge=0)
    nesterov: bool = True
    weight_decay: float = Field(0.0, ge=0)
    newton_schulz_steps: int = Field(5, ge=1)
    embedding_learning_rate: float = Field(0.3, ge=0)
    head_learning_rate: float = Field(0.008, ge=0)
    vector_learning_rate: float = Field(0.01, ge=0)
    betas: tuple[Beta, Beta] = (0.8, 0.95)
    eps: float = Field(1e-10, gt=0)

    def build(self, network: Optimized) -> "MuonUpdater":
        rates = {"embedding": self.embedding_learning_rate, "head": self.head_learning_rate, "vector": self.vector_learning_rate}
        matrices, rest = [], []
        factors = self.width_factors(network)
        for name, parameter, role, group in trainable(network, self.groups):
            if role == "matrix":
                assert parameter.ndim == 2, f"{name} has the role of a matrix and the shape {tuple(parameter.shape)}"
                matrices.append((name, parameter, *chosen(group, self.learning_rate, self.weight_decay, factors[name])))
            else:
                tied = parameter is getattr(network, "head_weight", None)
                rate = rates["head" if tied else role]
                rest.append((name, parameter, *chosen(group, rate, 0.0, factors[name])))
        # Where the network computes in bf16 the machine is fast at it; five iterations do not need more.
        dtype = getattr(network, "compute_dtype", torch.float32)
        return MuonUpdater(self, matrices, AdamWUpdater(self, rest, self.betas, self.eps), dtype)

    def momentum_at(self, step: int) -> float:
        """Momentum of update number ``step``, counted from 1."""
        share = min(1.0, (step - 1) / self.momentum_warmup_steps) if self.momentum_warmup_steps else 1.0
        return self.initial_momentum + share * (self.momentum - self.initial_momentum)


class MuonUpdater(Updater):
    """Muon over matrices, in stacks of one shape and one setting, beside an `AdamWUpdater` for the rest."""

    spec: Muon

    def __init__(
        self, spec: Muon, settings: Sequence[tuple[str, nn.Parameter, float, float]], rest: AdamWUpdater, dtype: torch.dtype
    ):
        self.spec, self._rest, self._dtype = spec, rest, dtype
        matrices = {name: parameter for name, parameter, _, _ in settings}
        self.parameters = matrices | rest.parameters
        self._momenta = {name: torch.zeros_like(p) for name, p in matrices.items()}
        self._stacks: dict[tuple[torch.Size, float, float], list[str]] = {}
        for name, parameter, rate, decay in settings:
            self._stacks.setdefault((parameter.shape, rate, decay), []).append(name)

    def step(self, learning_rate_scale: float) -> None:
        self._rest.step(learning_rate_scale)
        for (_, rate, decay), names in self._stacks.items():
            used = [name for name in names if self.parameters[name].grad is not None]
            if used:
                update([self.parameters[n] for n in used], [self.parameters[n].grad for n in used],  # type: ignore[misc]
                       [self._momenta[n] for n in used], learning_rate=rate * learning_rate_scale,
                       momentum=self.spec.momentum_at(int(self._rest.state_dict()["step"])), nesterov=self.spec.nesterov,
                       weight_decay=decay, iterations=self.spec.newton_schulz_steps, dtype=self._dtype)  # fmt: skip

    def state_dict(self) -> dict[str, Tensor]:
        return self._rest.state_dict() | {f"{name}:momentum": tensor for name, tensor in self._momenta.items()}
