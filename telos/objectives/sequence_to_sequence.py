"""Sequence to sequence: a target text from the source text that it is paired with.

    loss = −Σ_t log p(y_t | y_<t, x) ÷ Σ |y|          (nats per target token, its end included)

The decoder reads the true target, shifted by one (teacher forcing; Williams and Zipser 1989), behind what begins every text: an
end of text, or what a tokenizer from elsewhere has for it.  Sutskever et al. 2014, "Sequence to Sequence Learning with Neural
Networks", equation 1 and section 3.
Tests: tests/objectives/test_sequence_to_sequence.py (the loss by hand and against transformers' T5 shift, any split).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from telos.foundation.errors import TelosError
from telos.models import Inputs, Model, Pattern
from telos.objectives import Batch, Example, Loss, Objective, Weighs
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor


class SequenceToSequence(Objective):
    """A row is a document of the corpus and the text in its target column (``corpus.target_field``).

    ``max_target_tokens``: of a longer target the beginning is learned, and not that it ends there.
    """

    needs: ClassVar[tuple[Pattern, ...]] = ("encoder_decoder",)
    unit: ClassVar[Literal["stream", "document"]] = "document"
    weighs: ClassVar[Weighs | None] = "documents"
    annotation: ClassVar[Literal["label", "target"] | None] = "target"

    max_target_tokens: int = Field(256, ge=1)

    @property
    def writes(self) -> Literal["answers"]:
        return "answers"

    def check(self, model: Model) -> None:
        super().check(model)
        longest = getattr(model, "context_length", self.max_target_tokens)
        if self.max_target_tokens > longest:
            raise TelosError(f"objective.max_target_tokens must be at most model.context_length ({longest})",
                             str(self.max_target_tokens),
                             f"set objective.max_target_tokens={longest}, or a larger model.context_length")  # fmt: skip

    def raw_length(self, context_length: int) -> int:
        """Room is left for the end of a source that was cut."""
        return max(1, context_length - 1)

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        if row.target is None:
            raise TelosError("objective 'sequence_to_sequence' needs documents with a target",
                             f"document {int(row.documents[0])} has none", "name the target's column: corpus.target_field=NAME"
                             )  # fmt: skip
        target = vocabulary.ended(row.target)[: self.max_target_tokens]
        source = vocabulary.ended(row.tokens)
        return {
            "tokens": np.concatenate([[vocabulary.begin_of_text], target[:-1]]),
            "targets": target,
            "segments": np.zeros(len(target), np.int32),
            "weights": np.ones(len(target), np.float32),
            "source": source,
            "source_lengths": np.array(len(source)),
        }

    def weights(self, batch: Batch) -> Mapping[str, float]:
        return {"nll": float(batch["weights"].double().sum())}

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        return Loss({"nll": ((self._nll(model, batch) * batch["weights"]).sum(), 1.0)})

    def measure(self, model: Any, batch: Batch, rng: np.random.Generator) -> "dict[str, tuple[Tensor, Tensor]]":
        """Nats and target tokens of each pair, (B,) each; their sums divided are the held-out figure."""
        return {"nats_per_target_token": ((self._nll(model, batch).double() * batch["weights"]).sum(1), batch["weights"].sum(1))}

    @staticmethod
    def _nll(model: Any, batch: Batch) -> "Tensor":
        """Nats of each target token (B, T), and of the padding."""
        inputs = Inputs(batch["tokens"], pattern="encoder_decoder", source_BS=batch["source"],
                        source_lengths_B=batch["source_lengths"])  # fmt: skip
        return model.nll(model.hidden(inputs), batch["targets"])
