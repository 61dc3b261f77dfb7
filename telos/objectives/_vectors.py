"""Vectors of texts for contrastive learning, of groups of any size, and what an objective may own of them.

A group that memory does not hold at once is read so many texts at a time, without what a gradient needs; from the loss comes the
gradient at the vectors, and each part is read again, with the same dropout, to carry it on:

    ∂L/∂θ = Σ_parts ( ∂L/∂v_part )ᵀ ∂v_part/∂θ

Gao, Zhang et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup" (arXiv:2101.06983), section 3.2.
Here it is a checkpoint of activations around each part: autograd does all of it and the gradient is exact; one part's activations
are held at a time, for one more forward pass.  Tests: tests/objectives/test_contrastive.py (with dropout, against one pass).
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from telos.foundation.random import generator
from telos.layers.linear import Linear
from telos.models import Inputs, Pattern
from telos.objectives._pooled import Pooling, pool

MOST_SCALE = 100.0
"""A temperature that is learned stays above 1 ÷ this (Radford et al. 2021, "CLIP", section 2.5)."""
_MOST_LOG_SCALE = math.log(MOST_SCALE)


class Reader:
    """Reads texts to vectors, ``at_once`` in one forward pass (None: all that are given); the penalties of all that were read are
    one mean."""

    def __init__(self, model: Any, pattern: Pattern, pooling: Pooling, at_once: int | None):
        self.model, self.pattern, self.pooling, self.at_once = model, pattern, pooling, at_once
        self.penalties: dict[str, Tensor] = {}
        self.texts = 0

    def vectors(self, tokens_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """(B, D) fp32, of the first tokens of each text, of which the network reads as many as it can."""
        lengths_B = lengths_B.clamp(1, self.model.context_length)
        rows_at_once = self.at_once or len(tokens_BT)
        found = []
        for at in range(0, len(tokens_BT), rows_at_once):
            part = (tokens_BT[at : at + rows_at_once], lengths_B[at : at + rows_at_once])
            if self.at_once is None or not torch.is_grad_enabled():
                vectors_BD, penalties = self._read(*part)
            else:
                # Read again in the backward pass, from the same state of the random generators.
                vectors_BD, penalties = checkpoint(self._read, *part, use_reentrant=False)
            found.append(vectors_BD)
            self.texts += len(vectors_BD)
            for name, value in penalties.items():
                self.penalties[name] = self.penalties.get(name, 0.0) + value * len(vectors_BD)
        return torch.cat(found)

    def finish(self) -> None:
        """Tell the model the penalties of all that was read."""
        if self.penalties:
            self.model.penalize({name: value / self.texts for name, value in self.penalties.items()})

    def _read(self, tokens_BT: Tensor, lengths_B: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        tokens_BT = tokens_BT[:, : self.model.context_length]
        read_BT = torch.arange(tokens_BT.shape[1], device=tokens_BT.device) < lengths_B[:, None]
        network = getattr(self.model, "network", self.model)  # which notes no penalties: of what is read twice they count once
        hidden = network.hidden(Inputs(tokens_BT, segments_BT=read_BT.int(), pattern=self.pattern))
        vectors_BD = pool(hidden.values_BTD.float(), read_BT, self.pooling)
        owned = getattr(self.model, "owned", None)
        return (vectors_BD if owned is None else owned(vectors_BD)), hidden.penalties


class Head(nn.Module):
    """v ↦ W v, fp32, where there is a projection; and the logarithm of 1 ÷ τ, where that is learned.

    W is drawn from a normal distribution of variance 1 ÷ D, so that it keeps lengths and angles on average (Johnson and
    Lindenstrauss 1984)."""

    def __init__(self, width: int, size: int | None, temperature: float | None):
        super().__init__()
        self.projection = None if size is None else Linear(width, size)
        if self.projection is not None and size is not None:
            drawn = generator(1, "projection").normal(0, width**-0.5, (size, width))
            with torch.no_grad():
                self.projection.weight.copy_(torch.from_numpy(drawn.astype(np.float32)))
        self.log_scale = None if temperature is None else nn.Parameter(torch.tensor(-math.log(temperature)))

    def forward(self, vectors_BD: Tensor) -> Tensor:
        return vectors_BD if self.projection is None else self.projection(vectors_BD)

    def scale(self) -> Tensor:
        """1 ÷ τ.  What is learned is itself kept within its bound: beyond it there is no slope that would lead back."""
        assert self.log_scale is not None
        with torch.no_grad():
            self.log_scale.clamp_(max=_MOST_LOG_SCALE)
        return self.log_scale.exp()

    def roles(self) -> dict[str, str]:
        return {name: "vector" if name == "log_scale" else "head" for name, _ in self.named_parameters()}


@contextmanager
def dropping(model: Any, rng: np.random.Generator) -> Iterator[None]:
    """With the model's dropout, drawn from ``rng``, as in training."""
    network = getattr(model, "network", model)
    was, device = network.training, next(network.parameters()).device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(rng.integers(2**63)))
        network.train(True)
        try:
            yield
        finally:
            network.train(was)
