"""What objectives share that ask of two texts how they stand to one another: whole sentences of a row, the layout, the head.

    row      <|endoftext|> first <|separator|> second          (what begins every text stands first)
    loss = −Σ_rows log p(y | h₀) ÷ number of rows with a pair,    p(y = 1) = σ(wᵀ tanh(W h₀ + b) + c)          (nats per pair)

h₀ is the model's value at the row's first place, W and b the pooler of BERT (Devlin et al. 2019, section 3.1, and its code).
A row gives one pair; a row without enough whole sentences gives none and weighs nothing.  Sentences that the row cuts are left
out: where they begin or end would tell the answer.
Tests: tests/objectives/test_sentence_order.py (the loss of transformers' BERT; sentences against a loop; any split).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from telos.foundation.errors import TelosError
from telos.layers.linear import Linear
from telos.models import Inputs, Model, Pattern
from telos.objectives import Batch, Example, Loss, Objective
from telos.objectives._paired import pieces_of
from telos.objectives._width import width_of
from telos.objectives._words import marks_of
from telos.tokens.batches import Row
from telos.tokens.marks import SENTENCE
from telos.tokens.vocabulary import Vocabulary

SEPARATOR = "<|separator|>"


class Sentences(NamedTuple):
    """The whole sentences of a row: ``ids`` (n,) int64 its tokens without ends of text; sentence i stands from ``begins[i]`` to
    before ``ends[i]`` among them; ``places[i]`` of the ``counts[i]`` of its document are before it."""

    ids: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    places: np.ndarray
    counts: np.ndarray

    def joined(self, first: int, count: int) -> np.ndarray:
        """The tokens of ``count`` sentences of one document from ``first`` on."""
        return self.ids[self.begins[first] : self.ends[first + count - 1]]


class Pair(NamedTuple):
    first: np.ndarray
    second: np.ndarray
    answer: bool


class SentencePair(Objective):
    """An objective that makes a `Pair` of a row."""

    needs: ClassVar[tuple[Pattern, ...]] = ("bidirectional",)
    needs_likelihood: ClassVar[bool] = False
    needs_values: ClassVar[bool] = True

    @property
    def needs_marks(self) -> bool:
        return True

    def special_tokens(self) -> tuple[str, ...]:
        return (SEPARATOR,)

    def check(self, model: Model) -> None:
        super().check(model)
        longest = getattr(model, "context_length", None)
        if longest is not None and longest < 4:
            raise TelosError(f"objective '{self.kind()}' needs rows with two sentences and what stands around them",
                             f"model.context_length={longest}", "set a larger model.context_length")  # fmt: skip

    def build(self, model: Any, vocabulary: Vocabulary) -> "PairHead":
        width, device = width_of(model, self.pattern(model.spec))
        with device:
            return PairHead(width)

    def raw_length(self, context_length: int) -> int:
        """Room is left for what begins the text and for the separator."""
        return max(1, context_length - 2)

    def pair(self, row: Row, rng: np.random.Generator, end_of_text: int) -> Pair | None:
        """What the model is asked about; None where the row has too few whole sentences."""
        raise NotImplementedError

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        pair = self.pair(row, rng, vocabulary.end_of_text)
        first, second, answer = pair or Pair(np.zeros(0, np.int64), np.zeros(0, np.int64), answer=False)
        tokens = np.concatenate([[vocabulary.begin_of_text], first, [vocabulary.specials[SEPARATOR]], second])
        # The padding of a batch is of segment 0: no text sees it.
        return {"tokens": tokens, "segments": np.ones(len(tokens), np.int32), "types": _types(len(first), len(second)),
                "answers": np.array(answer, np.float32), "weights": np.array(pair is not None, np.float32)}  # fmt: skip

    def weights(self, batch: Batch) -> Mapping[str, float]:
        return {"nats_per_pair": float(batch["weights"].double().sum())}

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        """``rows_with_a_pair``: share of the rows that had sentences enough."""
        nats_B = self._nats(self.logits(model, batch), batch)
        return Loss({"nats_per_pair": (nats_B.sum(), 1.0)}, {"rows_with_a_pair": float(batch["weights"].mean())})

    def measure(self, model: Any, batch: Batch, rng: np.random.Generator) -> dict[str, tuple[Tensor, Tensor]]:
        """Accuracy and nats per pair; half of the answers are yes."""
        logits_B, weights_B = self.logits(model, batch), batch["weights"]
        right_B = ((logits_B > 0) == (batch["answers"] > 0)).float() * weights_B
        return {"accuracy": (right_B, weights_B), "nats_per_pair": (self._nats(logits_B, batch), weights_B)}

    def logits(self, model: Any, batch: Batch) -> Tensor:
        """log p(yes) − log p(no), (B,) fp32.  ``model`` has the head as ``owned``."""
        types = batch["types"] if getattr(model.spec, "num_token_types", 0) > 1 else None
        inputs = Inputs(batch["tokens"], batch["segments"], self.pattern(model.spec), types_BT=types)
        return model.owned(model.hidden(inputs).values_BTD[:, 0])

    @staticmethod
    def _nats(logits_B: Tensor, batch: Batch) -> Tensor:
        return functional.binary_cross_entropy_with_logits(logits_B, batch["answers"], reduction="none") * batch["weights"]


def _types(first: int, second: int) -> np.ndarray:
    """0 up to the separator, 1 behind it (Devlin et al. 2019, figure 2), for models with embeddings of them."""
    return np.repeat(np.array([0, 1]), [first + 2, second])


class PairHead(nn.Module):
    """The pooler begins as tanh of what it reads and the answer as undecided, so nothing is drawn."""

    def __init__(self, width: int):
        super().__init__()
        self.pooler, self.out = Linear(width, width, bias=True), Linear(width, 1, bias=True)
        nn.init.eye_(self.pooler.weight)
        nn.init.zeros_(self.out.weight)

    def forward(self, values_BD: Tensor) -> Tensor:
        return self.out(torch.tanh(self.pooler(values_BD.float())))[:, 0]

    def roles(self) -> dict[str, str]:
        return {"pooler.weight": "matrix", "pooler.bias": "vector", "out.weight": "head", "out.bias": "vector"}


def sentences_of(row: Row, end_of_text: int) -> Sentences:
    """Whole sentences: those that begin in the row, and end there with another sentence or their document."""
    ids, pieces, count = pieces_of(row, end_of_text)
    marks = marks_of(row)[row.tokens != end_of_text]
    begins = np.flatnonzero(marks & SENTENCE)
    of, edges = pieces[begins], np.searchsorted(pieces, np.arange(count + 1))
    ends = edges[of + 1]
    ends[:-1] = np.minimum(ends[:-1], begins[1:])
    if len(of) and row.tokens[-1] != end_of_text and of[-1] == pieces[-1]:  # the row's last document goes on behind it
        begins, ends, of = begins[:-1], ends[:-1], of[:-1]
    first = np.searchsorted(of, of)
    counts = np.searchsorted(of, of, side="right") - first
    return Sentences(ids, begins, ends, np.arange(len(of)) - first, counts)
