"""Classification: a document's class from its text.

    loss = −Σ_d log softmax(W pool(h_1 … h_n) + b)_{y_d} ÷ number of documents          (nats per label)

Multinomial logistic regression (McCullagh and Nelder 1989, "Generalized Linear Models", section 5.2) over what any network makes
of the text: the mean of its last layer, its first value (an encoder's [CLS]) or its last (where a causal model has read all).
Tests: tests/objectives/test_classification.py (scikit-learn's optimum, pooling by loops, padding, equal gradients for any split).
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
from telos.models import Hidden, Inputs, Pattern
from telos.objectives import Annotation, Batch, Example, Loss, Objective, Weighs
from telos.objectives._pooled import Pooling, pool
from telos.objectives._width import width_of
from telos.objectives.terms import Over
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary


class Classification(Objective):
    """A row is a document and its class (``corpus.label_field``); what begins every text stands before it, too.

    ``pooling``: which values of the last layer the head reads; a model that reads a text as a whole gives one.  ``dropout``: of
    what is pooled."""

    needs: ClassVar[tuple[Pattern, ...]] = ("bidirectional", "causal")
    needs_likelihood: ClassVar[bool] = False
    needs_values: ClassVar[bool] = True
    unit: ClassVar[Literal["stream", "document"]] = "document"
    weighs: ClassVar[Weighs | None] = "documents"
    annotation: ClassVar[Annotation | None] = "label"

    pooling: Pooling = "mean"
    dropout: float = Field(0.0, ge=0, lt=1)

    @property
    def logits_over(self) -> Over | None:
        return "classes"

    def build(self, model: Any, vocabulary: Vocabulary) -> "Head":
        """The linear head, one row a class; `TelosError` where there are not two."""
        if len(vocabulary.labels) < 2:
            raise TelosError("classification needs documents of at least two classes",
                             f"{len(vocabulary.labels)}{': ' * bool(vocabulary.labels)}{', '.join(vocabulary.labels)}",
                             "name the field with the class: corpus.label_field=NAME")  # fmt: skip
        width, device = width_of(model, self.pattern(model.spec))
        with device:  # not moved there afterwards: tensors without memory (`telos.models.sizing`) cannot be
            return Head(width, len(vocabulary.labels), self.dropout)

    def raw_length(self, context_length: int) -> int:
        """Room is left for the end of text before the document."""
        return context_length - 1

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        if row.label is None:
            document = f"document {int(row.documents[0])}" if len(row.documents) else "one"
            raise TelosError("every document must have a label", f"{document} has none",
                             "label it or leave it out, or name another field: corpus.label_field=NAME")  # fmt: skip
        tokens = np.concatenate([[np.int64(vocabulary.begin_of_text)], row.tokens.astype(np.int64)])
        # The padding of a batch is of segment 0: no text sees it.
        return {"tokens": tokens, "segments": np.ones(len(tokens), np.int32), "labels": np.array(row.label, np.int64),
                "weights": np.array(1.0, np.float32)}  # fmt: skip

    def weights(self, batch: Batch) -> Mapping[str, float]:
        return {"nats_per_label": float(batch["weights"].double().sum())}

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        logits = self._logits(model, batch)
        nll_B = model.class_nll(logits, batch["labels"])
        right_B = logits.values_BTD.detach().argmax(1) == batch["labels"]
        return Loss({"nats_per_label": ((nll_B * batch["weights"]).sum(), 1.0)}, {"accuracy": float(right_B.float().mean())})

    def measure(self, model: Any, batch: Batch, rng: np.random.Generator) -> dict[str, tuple[Tensor, Tensor]]:
        """Accuracy and nats per label.  A class that no training document had is never right, and has no nats."""
        logits_BC, labels_B = self.logits(model, batch), batch["labels"]
        known_B = labels_B < logits_BC.shape[1]
        nll_B = functional.cross_entropy(logits_BC, labels_B.where(known_B, 0), reduction="none")
        right_B = (logits_BC.argmax(1) == labels_B).float()
        return {"accuracy": (right_B, torch.ones_like(right_B)), "nats_per_label": (nll_B * known_B, known_B.float())}

    def logits(self, model: Any, batch: Batch) -> Tensor:
        """(B, C), fp32.  ``model`` has the head as ``owned``."""
        return self._logits(model, batch).values_BTD

    def _logits(self, model: Any, batch: Batch) -> Hidden:
        """The same with what stands beside it."""
        inputs = Inputs(batch["tokens"], segments_BT=batch["segments"], pattern=self.pattern(model.spec))
        return model.hidden(inputs).map(lambda values_BTD: model.owned(self._read(values_BTD.float(), batch["segments"] == 1)))

    def _read(self, values_BTD: Tensor, read_BT: Tensor) -> Tensor:
        """What the head reads, (B, D)."""
        return pool(values_BTD, read_BT, self.pooling)


class Head(nn.Module):
    """logits = W x + b, fp32, both zero at first, so that every class begins as likely as any other."""

    def __init__(self, width: int, classes: int, dropout: float):
        super().__init__()
        self.linear = Linear(width, classes, bias=True)
        self.dropout = dropout
        nn.init.zeros_(self.linear.weight)

    def forward(self, pooled_BD: Tensor) -> Tensor:
        return self.linear(functional.dropout(pooled_BD, self.dropout, self.training))

    def roles(self) -> dict[str, str]:
        return {"linear.weight": "head", "linear.bias": "vector"}
