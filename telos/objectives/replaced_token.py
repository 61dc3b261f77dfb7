"""Replaced-token detection: a small generator fills hidden places, and the model tells for each token whether it was replaced.

    loss = −Σ_{t ∈ M} log p_G(x_t | x̃) ÷ |M|  +  λ · Σ_t −log p_D([x̂_t = x_t] | x̂) ÷ n          (nats)

x̃ hides the places M, x̂ has there what is drawn from the generator p_G; what it gets right counts as original.  The generator is
learned by its own term alone.  Clark et al. 2020, "ELECTRA", section 2, equations 1 and 2; its size section 3.2; λ = 50.
Tests: tests/objectives/test_replaced_token.py (terms by hand, gradients of each part, transformers' discriminator loss).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from telos.foundation.errors import TelosError
from telos.layers.linear import Linear
from telos.models import Hidden, Inputs, Model, Pattern
from telos.objectives import Batch, Example, Loss, Objective
from telos.objectives.masked import MASK, segments_from_one, share_of
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from telos.models import Role


class ReplacedToken(Objective):
    """``mask_fraction``: of a row's tokens, hidden from the generator.  ``generator_size``: heads (and so width) of the
    generator, as a share of the model's, with as many layers.  ``detection``: λ.  Ends of text are never hidden."""

    needs: ClassVar[tuple[Pattern, ...]] = ("bidirectional",)
    needs_likelihood: ClassVar[bool] = False
    needs_values: ClassVar[bool] = True

    mask_fraction: float = Field(0.15, gt=0, lt=1)
    generator_size: float = Field(0.25, gt=0, le=1)
    detection: float = Field(50.0, gt=0)

    def special_tokens(self) -> tuple[str, ...]:
        return (MASK,)

    @property
    def least_tokens(self) -> int:
        """One to hide and one to see."""
        return 2

    def check(self, model: Model) -> None:
        super().check(model)
        if not hasattr(model, "num_heads"):
            raise TelosError("objective 'replaced_token' needs a Transformer, of which the generator is a smaller one",
                             f"'{model.kind()}'", "choose model=transformer")  # fmt: skip

    def generator(self, model: Model) -> Model:
        """Settings of the generator beside this model."""
        whole: Any = model
        heads = max(1, round(self.generator_size * whole.num_heads))
        while whole.num_heads % heads:  # grouped queries then divide as they did
            heads -= 1
        share, groups = heads / whole.num_heads, whole.num_key_value_heads
        return whole.replace(
            num_heads=heads,
            hidden_size=round(whole.hidden_size * share),
            head_size=whole.head_size,
            num_key_value_heads=None if groups is None else next(g for g in range(min(groups, heads), 0, -1) if not heads % g),
            intermediate_size=None if whole.intermediate_size is None else max(1, round(whole.intermediate_size * share)),
        )

    def build(self, model: Any, vocabulary: Vocabulary) -> "Parts":
        with next(model.parameters()).device:
            return Parts(self.generator(model.spec).build(vocabulary, 2), model.spec.hidden_size)

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        targets = row.tokens.astype(np.int64)
        places = np.flatnonzero(targets != vocabulary.end_of_text)
        hidden = rng.permutation(places)[: share_of(self.mask_fraction, len(places))]
        tokens, weights = targets.copy(), np.zeros(len(targets), np.float32)
        tokens[hidden], weights[hidden] = vocabulary.specials[MASK], 1
        return {"tokens": tokens, "targets": targets, "segments": segments_from_one(row), "weights": weights,
                "uniforms": rng.random(len(targets), np.float32)}  # fmt: skip

    def weights(self, batch: Batch) -> Mapping[str, float]:
        return {"detection": float((batch["segments"] > 0).sum()), "generator": float(batch["weights"].double().sum())}

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        parts: Parts = model.owned
        parts.generator.compute_dtype = model.compute_dtype
        hidden, targets = batch["weights"] > 0, batch["targets"]
        read = parts.generator.hidden(Inputs(batch["tokens"], batch["segments"], "bidirectional"))
        chosen = Hidden(read.values_BTD[hidden][None])
        nll = parts.generator.nll(chosen, targets[hidden][None])[0]
        with torch.no_grad():
            shown = targets.clone()
            shown[hidden] = _drawn(parts.generator, chosen, batch["uniforms"][hidden])
        logits_BT = parts.head(model.hidden(Inputs(shown, batch["segments"], "bidirectional")).values_BTD)
        read_BT, original_BT = batch["segments"] > 0, shown == targets
        nats_BT = functional.binary_cross_entropy_with_logits(logits_BT, original_BT.float(), reduction="none")
        right = ((logits_BT > 0) == original_BT)[read_BT]
        terms = {"detection": ((nats_BT * read_BT).sum(), self.detection), "generator": (nll.sum(), 1.0)}
        replaced = (~original_BT & read_BT).sum()
        return Loss(terms, {"detection_accuracy": float(right.float().mean()),
                            "replaced_fraction": float(replaced / read_BT.sum())})  # fmt: skip


def _drawn(generator: Any, hidden: Hidden, uniforms_N: Tensor) -> Tensor:
    """A token of each place by its probability (N,), the inverse of its distribution at a number drawn from 0 … 1: the row's
    own, so that the draw is the same however rows are grouped."""
    at = 0

    def choose(logits: Tensor) -> Tensor:
        nonlocal at
        below = torch.softmax(logits, -1).cumsum(-1)
        drawn = uniforms_N[at : at + len(logits), None] * below[:, -1:]
        at += len(logits)
        return torch.searchsorted(below, drawn, right=True)[:, 0].clamp_max_(logits.shape[1] - 1)

    return generator.over_logits(hidden, choose)[0]


class Parts(nn.Module):
    """The generator, and the head that tells originals from replacements: logit = wᵀ GELU(W x + b) + c (as ELECTRA's code)."""

    def __init__(self, generator: Any, width: int):
        super().__init__()
        self.generator = generator
        self.head = DetectionHead(width)

    def roles(self) -> "dict[str, Role]":
        found = {f"generator.{name}": role for name, role in self.generator.roles().items()}
        return found | {"head.dense.weight": "matrix", "head.dense.bias": "vector", "head.out.weight": "head",
                        "head.out.bias": "vector"}  # fmt: skip


class DetectionHead(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.dense, self.out = Linear(width, width, bias=True), Linear(width, 1, bias=True)
        nn.init.orthogonal_(self.dense.weight)
        nn.init.zeros_(self.out.weight)

    def forward(self, values_BTD: Tensor) -> Tensor:
        """(B, T), fp32."""
        return self.out(functional.gelu(self.dense(values_BTD.float())))[..., 0]
