"""Regression: a number from a document's text, by squared, absolute or Huber's error.

    ŷ_d = m + s · (w · pool(h_1 … h_n) + b),     r_d = (y_d − ŷ_d) ÷ s
    loss = Σ_d ρ(r_d) ÷ number of documents
    ρ(r) = r²  ·  |r|  ·  r²/2 where |r| ≤ δ, else δ (|r| − δ/2)

m and s are the mean and the standard deviation of the training documents' numbers, kept with the head, so that what is told is
in the data's own units whatever they are.  The squared error is that of ordinary least squares (Legendre 1805), and its best
constant is the mean; the absolute error's is the median; Huber's (1964, "Robust Estimation of a Location Parameter", section 1)
is the one near 0 and the other far away, for numbers of which some are wrong.
Tests: tests/objectives/test_regression.py (loss and gradient in NumPy float64, the least-squares optimum, any split).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from telos.foundation.errors import TelosError
from telos.layers.linear import Linear
from telos.models import Pattern
from telos.objectives import Annotation, Batch, Example, Loss, Objective
from telos.objectives._pooled import Pooling, pooled
from telos.objectives._width import width_of
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary

TERM = "error"
"""Name of the loss's term: the mean of ρ."""


class Regression(Objective):
    """A row is a document and its number (``corpus.value_field``); what begins every text stands before it, too.

    ``error``: ρ.  ``huber_delta``: δ, in standard deviations.  ``pooling``: which values of the last layer the head reads; a
    model that reads a text as a whole gives one.  ``dropout``: of what is pooled."""

    needs: ClassVar[tuple[Pattern, ...]] = ("bidirectional", "causal")
    needs_likelihood: ClassVar[bool] = False
    needs_values: ClassVar[bool] = True
    unit: ClassVar[Literal["stream", "document"]] = "document"
    annotation: ClassVar[Annotation | None] = "value"

    error: Literal["squared", "absolute", "huber"] = "squared"
    huber_delta: float = Field(1.0, gt=0)
    pooling: Pooling = "mean"
    dropout: float = Field(0.0, ge=0, lt=1)

    def build(self, model: Any, vocabulary: Vocabulary) -> "Head":
        """The linear head, which tells the mean at first; `TelosError` where all numbers are one."""
        if vocabulary.value_scale is None or not vocabulary.value_scale[1] > 0:
            found = "none" if vocabulary.value_scale is None else f"{vocabulary.value_scale[0]:g} alone"
            raise TelosError("regression needs documents with at least two different numbers", found,
                             "name the field with the number: corpus.value_field=NAME")  # fmt: skip
        width, device = width_of(model, self.pattern(model.spec))
        with device:
            return Head(width, self.dropout, *vocabulary.value_scale)

    def raw_length(self, context_length: int) -> int:
        """Room is left for the end of text before the document."""
        return context_length - 1

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        if "value" not in row.beside:
            document = f"document {int(row.documents[0])}" if len(row.documents) else "one"
            raise TelosError("every document must have a number", f"{document} has none",
                             "add it or leave the document out, or name another field: corpus.value_field=NAME")  # fmt: skip
        tokens = np.concatenate([[np.int64(vocabulary.begin_of_text)], row.tokens.astype(np.int64)])
        # The padding of a batch is of segment 0: no text sees it.
        return {"tokens": tokens, "segments": np.ones(len(tokens), np.int32), "values": np.array(row.beside["value"], np.float64),
                "weights": np.array(1.0, np.float32)}  # fmt: skip

    def weights(self, batch: Batch) -> Mapping[str, float]:
        return {TERM: float(batch["weights"].double().sum())}

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        standard_B = model.owned(self._pooled(model, batch))
        residuals_B = model.owned.standardised(batch["values"]) - standard_B
        error = float(residuals_B.detach().abs().double().mean() * model.owned.scale)
        return Loss({TERM: ((self.penalty(residuals_B) * batch["weights"]).sum(), 1.0)}, {"mean_absolute_error": error})

    def penalty(self, residuals: Tensor) -> Tensor:
        """ρ of each."""
        if self.error == "squared":
            return residuals.square()
        if self.error == "absolute":
            return residuals.abs()
        return functional.huber_loss(residuals, torch.zeros_like(residuals), reduction="none", delta=self.huber_delta)

    def measure(self, model: Any, batch: Batch, rng: np.random.Generator) -> dict[str, tuple[Tensor, Tensor]]:
        """Mean absolute and mean squared error, in the data's units."""
        errors_B = self.told(model, batch) - batch["values"]
        ones_B = torch.ones_like(errors_B)
        return {"mean_absolute_error": (errors_B.abs(), ones_B), "mean_squared_error": (errors_B.square(), ones_B)}

    def told(self, model: Any, batch: Batch) -> Tensor:
        """ŷ (B,), fp64, in the data's units."""
        return model.owned.in_units(model.owned(self._pooled(model, batch)))

    def _pooled(self, model: Any, batch: Batch) -> Tensor:
        return pooled(model, batch, self.pattern(model.spec), self.pooling)


class Head(nn.Module):
    """w · x + b, fp32, both zero at first, so that the mean is told of any text; ``mean`` and ``scale`` go with it."""

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int, dropout: float, mean: float, scale: float):
        super().__init__()
        self.linear = Linear(width, 1, bias=True)
        self.dropout = dropout
        nn.init.zeros_(self.linear.weight)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float64))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float64))

    def forward(self, pooled_BD: Tensor) -> Tensor:
        """(B,): in standard deviations from the mean."""
        return self.linear(functional.dropout(pooled_BD, self.dropout, self.training))[:, 0]

    def standardised(self, values_B: Tensor) -> Tensor:
        return ((values_B - self.mean) / self.scale).to(self.linear.weight.dtype)

    def in_units(self, standard_B: Tensor) -> Tensor:
        return self.mean + self.scale * standard_B.double()

    def roles(self) -> dict[str, str]:
        return {"linear.weight": "head", "linear.bias": "vector"}
