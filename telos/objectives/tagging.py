"""Tagging: a class for each word of a text, such as its part of speech, or where names of persons begin and end.

    loss = −Σ_w log softmax(W h_{t(w)} + b)_{y_w} ÷ number of words          (nats per word)

t(w) is the first token of word w, where the network sees both sides, or its last, where it has then read the whole word.  Devlin
et al. 2019 (BERT), section 5.3: the tag of a word is told from its first token, the others count nothing.  Words are those of the
data (`telos.tokens.annotations`); tags such as B-PER, I-PER, O are kept as they are given, and each is told by itself.
Tests: tests/objectives/test_tagging.py (loss and gradient in NumPy float64, any split, spans as seqeval reads them).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from telos.foundation.errors import TelosError
from telos.models import Hidden, Inputs, Model, Pattern
from telos.objectives import Annotation, Batch, Example, Loss, Objective
from telos.objectives._each_token import require_values_of_tokens
from telos.objectives._tag_spans import marks_spans, spans
from telos.objectives._width import width_of
from telos.objectives.classification import Head
from telos.objectives.terms import Over
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary


class Tagging(Objective):
    """A row is a document and the tags of its words (``corpus.tags_field``); what begins every text stands before it, too.

    ``read``: the token of a word that the head reads (None: the first, of a model that sees one side the last).  ``dropout``: of
    what it reads.  Of a text that does not fit the beginning is learned, and in measuring a word behind it has the tag O, where
    there is such a tag, and is wrong else."""

    needs: ClassVar[tuple[Pattern, ...]] = ("bidirectional", "causal")
    needs_likelihood: ClassVar[bool] = False
    needs_values: ClassVar[bool] = True
    unit: ClassVar[Literal["stream", "document"]] = "document"
    annotation: ClassVar[Annotation | None] = "tags"

    read: Literal["first", "last"] | None = None
    dropout: float = Field(0.0, ge=0, lt=1)

    def check(self, model: Model) -> None:
        super().check(model)
        require_values_of_tokens(self.kind(), model)

    def fitted(self, model: Model) -> "Tagging":
        if self.read is not None or not model.patterns & set(self.needs):
            return self
        return self.replace(read="first" if self.pattern(model) == "bidirectional" else "last")

    def build(self, model: Any, vocabulary: Vocabulary) -> Head:
        """The linear head, one row a tag; `TelosError` where there are not two."""
        if len(vocabulary.labels) < 2:
            raise TelosError("tagging needs words with at least two tags",
                             f"{len(vocabulary.labels)}{': ' * bool(vocabulary.labels)}{', '.join(vocabulary.labels)}",
                             "name the field with the tags: corpus.tags_field=NAME")  # fmt: skip
        width, device = width_of(model, self.pattern(model.spec))
        with device:
            return Head(width, len(vocabulary.labels), self.dropout)

    @property
    def logits_over(self) -> Over | None:
        return "classes"

    def raw_length(self, context_length: int) -> int:
        """Room is left for the end of text before the document."""
        return context_length - 1

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        """``places`` (W,): of the token that is read for each word; ``tags``, ``weights`` and ``words`` (1 for each word)."""
        pairs = np.asarray(row.beside.get("tags", np.zeros((0, 2))), np.int64)
        if not len(pairs):
            document = f"document {int(row.documents[0])}" if len(row.documents) else "one"
            raise TelosError("every document must have words with tags", f"{document} has none",
                             "add them or leave the document out, or name another field: corpus.tags_field=NAME")  # fmt: skip
        tokens = np.concatenate([[np.int64(vocabulary.begin_of_text)], row.tokens.astype(np.int64)])
        firsts, tags = pairs[:, 0], pairs[:, 1]
        places = firsts if self.read != "last" else np.append(firsts[1:], max(firsts[-1] + 1, len(row.tokens))) - 1
        fits = places < len(row.tokens)
        known = fits & (tags < len(vocabulary.labels))
        return {"tokens": tokens, "segments": np.ones(len(tokens), np.int32), "places": np.where(fits, places + 1, 0),
                "tags": tags, "fits": fits, "words": np.ones(len(tags), bool), "weights": known.astype(np.float32)}  # fmt: skip

    def weights(self, batch: Batch) -> Mapping[str, float]:
        return {"nats_per_word": float(batch["weights"].double().sum())}

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        logits, tags_BW = self._logits(model, batch), batch["tags"].where(batch["weights"] > 0, 0)
        nll_N = model.class_nll(logits.map(lambda logits_BWC: logits_BWC.flatten(0, 1)), tags_BW.flatten())
        return Loss({"nats_per_word": ((nll_N.view_as(tags_BW) * batch["weights"]).sum(), 1.0)})

    def measure(self, model: Any, batch: Batch, rng: np.random.Generator) -> dict[str, tuple[Tensor, Tensor]]:
        """F1 of spans, where tags mark such, the share of words with the right tag, nats per word (of the tags that training
        documents had)."""
        logits_BWC, words_BW = self.logits(model, batch), batch["words"]
        told_BW = self._told(logits_BWC, batch, model.vocabulary)
        right_BW = (told_BW == batch["tags"]) & words_BW
        found = {
            "accuracy": (right_BW.sum(1).float(), words_BW.sum(1).float()),
            "nats_per_word": (self._nll(logits_BWC, batch).sum(1), batch["weights"].sum(1)),
        }
        names = model.vocabulary.labels
        return {"span_f1": _span_f1(told_BW, batch, names)} | found if marks_spans(names) else found

    def told(self, model: Any, batch: Batch) -> Tensor:
        """The tag of each word, (B, W) int64, padded with whatever."""
        return self._told(self.logits(model, batch), batch, model.vocabulary)

    def logits(self, model: Any, batch: Batch) -> Tensor:
        """(B, W, C), fp32.  ``model`` has the head as ``owned``."""
        return self._logits(model, batch).values_BTD

    def _logits(self, model: Any, batch: Batch) -> Hidden:
        """The same with what stands beside it."""
        inputs = Inputs(batch["tokens"], segments_BT=batch["segments"], pattern=self.pattern(model.spec))
        places_BW1 = batch["places"][..., None]

        def read(values_BTD: Tensor) -> Tensor:
            return model.owned(values_BTD.gather(1, places_BW1.expand(-1, -1, values_BTD.shape[2])).float())

        return model.hidden(inputs).map(read)

    def _nll(self, logits_BWC: Tensor, batch: Batch) -> Tensor:
        """(B, W), 0 for words of weight 0."""
        tags_BW = batch["tags"].where(batch["weights"] > 0, 0)
        nll_BW = functional.cross_entropy(logits_BWC.flatten(0, 1), tags_BW.flatten(), reduction="none").view_as(tags_BW)
        return nll_BW * batch["weights"]

    @staticmethod
    def _told(logits_BWC: Tensor, batch: Batch, vocabulary: Vocabulary) -> Tensor:
        beyond = vocabulary.labels.index("O") if "O" in vocabulary.labels else len(vocabulary.labels)
        return logits_BWC.argmax(2).where(batch["fits"], beyond)


def _span_f1(told_BW: Tensor, batch: Batch, names: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """(2 · right, marked + told) of each row.  A tag that no training document had begins a span that nobody tells."""
    above, below = [], []
    for told_W, tags_W, words_W in zip(told_BW.tolist(), batch["tags"].tolist(), batch["words"].tolist(), strict=True):
        length = sum(words_W)  # padding stands behind the words
        told, marked = (spans([names[tag] if tag < len(names) else f"B-{tag}" for tag in each[:length]])
                        for each in (told_W, tags_W))  # fmt: skip
        above.append(2.0 * len(told & marked))
        below.append(float(len(told) + len(marked)))
    return torch.tensor(above), torch.tensor(below)
