"""Span extraction: where in a text a question is answered, by its first and its last token.

    row:   end of text, question, end of text, context
    loss = −Σ_d (log softmax_{t ∈ C_d}(w_s · h_t)_{first} + log softmax_{t ∈ C_d}(w_e · h_t)_{last}) ÷ number of questions

C_d are the places of the context.  What is told is the span with the largest sum of both logits whose last token is not before
its first.  Devlin et al. 2019 (BERT), section 4.2; a question without an answer has its span at the first token of all (section
4.3).  Rajpurkar et al. 2016 (SQuAD) for the data.  Of several answers the first that fits is learned.
Tests: tests/objectives/test_span_extraction.py (loss and gradient in NumPy float64, the best span by loops, any split).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from telos.foundation.errors import TelosError
from telos.models import Inputs, Model, Pattern
from telos.objectives import Annotation, Batch, Example, Loss, Objective
from telos.objectives._each_token import require_values_of_tokens
from telos.objectives._width import width_of
from telos.objectives.classification import Head
from telos.tokens.annotations import NOWHERE
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary


class SpanExtraction(Objective):
    """A row is a question and the text that answers it (``corpus.text_field`` the context, ``corpus.question_field``,
    ``corpus.answers_field``).

    ``max_question_tokens``: of a longer question the beginning is read; what the model's context then has room for is learned of
    the text, and an answer behind it is looked for in windows (`telos.evaluate.in_windows`).  ``longest_answer``: most tokens
    that are told.  ``unanswerable``: whether a question may have no answer (SQuAD 2), which is then told where that is likelier
    than any span.  ``dropout``: of what the head reads."""

    needs: ClassVar[tuple[Pattern, ...]] = ("bidirectional", "causal")
    needs_likelihood: ClassVar[bool] = False
    needs_values: ClassVar[bool] = True
    unit: ClassVar[Literal["stream", "document"]] = "document"
    annotation: ClassVar[Annotation | None] = "answers"

    max_question_tokens: int = Field(64, ge=1)
    longest_answer: int = Field(30, ge=1)
    unanswerable: bool = False
    dropout: float = Field(0.0, ge=0, lt=1)

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        return "question", "answers"

    def check(self, model: Model) -> None:
        super().check(model)
        require_values_of_tokens(self.kind(), model)
        room = getattr(model, "context_length", self.max_question_tokens + 3)
        if self.max_question_tokens + 3 > room:
            raise TelosError("model.context_length must have room for a question, what stands around it, and a text",
                             f"{room} tokens, {self.max_question_tokens} of them for the question",
                             f"set model.context_length={2 * self.max_question_tokens + 2} or more, or a smaller "
                             "objective.max_question_tokens")  # fmt: skip

    def build(self, model: Any, vocabulary: Vocabulary) -> Head:
        """The linear head, a row for the first token and one for the last."""
        width, device = width_of(model, self.pattern(model.spec))
        with device:
            return Head(width, 2, self.dropout)

    def raw_length(self, context_length: int) -> int:
        """Room is left for the question and for what stands before and behind it."""
        return max(1, context_length - self.max_question_tokens - 2)

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        """``context`` (T,): what may be told; ``begins``: the place of the text's first token; ``answers`` (A, 2) places of first
        and last token, ``fits`` (A,)."""
        question = np.asarray(row.beside.get("question", ()), np.int64)[: self.max_question_tokens]
        answers = np.asarray(row.beside.get("answers", np.zeros((0, 2))), np.int64)
        document = f"document {int(row.documents[0])}" if len(row.documents) else "one"
        if not len(question):
            raise TelosError("every document must have a question", f"{document} has none",
                             "add it or leave the document out, or name another field: corpus.question_field=NAME")  # fmt: skip
        if not len(answers) and not self.unanswerable:
            raise TelosError("every question must have an answer", f"that of {document} has none",
                             "leave it out, or set objective.unanswerable=true")  # fmt: skip
        begins = len(question) + 2
        tokens = np.concatenate([[vocabulary.begin_of_text], question, [vocabulary.end_of_text], row.tokens.astype(np.int64)])
        fits = (answers[:, 0] != NOWHERE) & (answers[:, 1] < len(row.tokens))
        # Those that fit come first; a question without an answer has its own at the first token of all.
        order = np.argsort(~fits, kind="stable")
        places, fits = np.where(fits[:, None], answers + begins, 0)[order], fits[order]
        if not len(answers):
            places, fits = np.zeros((1, 2), np.int64), np.ones(1, bool)
        context = np.arange(len(tokens)) >= begins
        context[0] = self.unanswerable
        return {"tokens": tokens, "segments": np.ones(len(tokens), np.int32), "types": (np.arange(len(tokens)) >= begins).astype(
            np.int64), "context": context, "begins": np.array(begins), "answers": places, "fits": fits,
            "weights": np.array(fits[0], np.float32)}  # fmt: skip

    def weights(self, batch: Batch) -> Mapping[str, float]:
        return {"nats_per_answer": float(batch["weights"].double().sum())}

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        return Loss({"nats_per_answer": (self._nll(self.logits(model, batch), batch).sum(), 1.0)})

    def measure(self, model: Any, batch: Batch, rng: np.random.Generator) -> dict[str, tuple[Tensor, Tensor]]:
        """The share of questions whose span is one of the answers, token for token, and nats per answer that fits."""
        logits_BT2 = self.logits(model, batch)
        told_B2 = self._best(logits_BT2, batch)[0][:, None]
        right_B = ((told_B2 == batch["answers"]).all(2) & batch["fits"]).any(1).float()
        return {"exact_span": (right_B, torch.ones_like(right_B)),
                "nats_per_answer": (self._nll(logits_BT2, batch), batch["weights"])}  # fmt: skip

    def told(self, model: Any, batch: Batch) -> Tensor:
        """(B, 2) int64: first and last token within the text; `NOWHERE` for no answer."""
        return self.told_with_margin(model, batch)[0]

    def told_with_margin(self, model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
        """The same, and by how much its logits are above those of no answer, or above 0 where there must be one, (B,)."""
        told_B2, margin_B = self._best(self.logits(model, batch), batch)
        within_B2 = told_B2 - batch["begins"][:, None]
        return within_B2.where(told_B2[:, 1:] > 0, NOWHERE), margin_B

    def logits(self, model: Any, batch: Batch) -> Tensor:
        """(B, T, 2), fp32; −∞ outside what may be told.  ``model`` has the head as ``owned``."""
        inputs = Inputs(batch["tokens"], segments_BT=batch["segments"], pattern=self.pattern(model.spec), types_BT=batch["types"])
        logits_BT2 = model.owned(model.hidden(inputs).values_BTD.float())
        return logits_BT2.masked_fill(~batch["context"][..., None], float("-inf"))

    def _nll(self, logits_BT2: Tensor, batch: Batch) -> Tensor:
        """(B,), 0 for questions of weight 0."""
        counts_B = batch["weights"] > 0
        # A row whose answer does not fit has no place to ask about: any that is finite does, and weighs nothing.
        anywhere_B = batch["context"].int().argmax(1)
        answer_B2 = batch["answers"][:, 0].where(counts_B[:, None], anywhere_B[:, None])
        log_p_BT2 = logits_BT2.log_softmax(1)
        return -log_p_BT2.gather(1, answer_B2[:, None]).sum((1, 2)) * batch["weights"]

    def _best(self, logits_BT2: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """(B, 2): the span with the largest sum of logits; (0, 0) for no answer where that is larger.  (B,): its margin."""
        first_BT, last_BT = logits_BT2.unbind(2)
        nothing_B = first_BT[:, 0] + last_BT[:, 0]
        if self.unanswerable:
            first_BT = first_BT.clone()
            first_BT[:, 0] = float("-inf")
        spans, length = [], first_BT.shape[1]
        for width in range(min(self.longest_answer, length)):
            score_B, at_B = (first_BT[:, : length - width] + last_BT[:, width:]).max(1)
            spans.append((score_B, at_B))
        scores_WB, places_WB = torch.stack([s for s, _ in spans]), torch.stack([at for _, at in spans])
        best_B, width_B = scores_WB.max(0)
        first_B = places_WB.gather(0, width_B[None])[0]
        found_B2 = torch.stack([first_B, first_B + width_B], 1)
        if not self.unanswerable:
            return found_B2, best_B
        return found_B2.where((best_B >= nothing_B)[:, None], 0), best_B - nothing_B
