"""What objectives share that make a source and a target of a text: how both are laid out for a model.

    encoder_decoder   the encoder reads the source, the decoder the target
    prefix            one row, source and target behind each other; the source is seen by all, its tokens are not predicted
    causal            the same row, read left to right

Raffel et al. 2020, "Exploring the Limits of Transfer Learning" (T5), section 3.2.1 (encoder-decoder, prefix and plain language
model as ways to train on the same pairs); Tay et al. 2023, "UL2", section 3.1.  Each source and each target ends with the end of
text, and what begins every text stands before each document.  Documents of a row are laid out one after another, and none sees
another.  Tests: tests/objectives/test_paired.py (every layout against a loop over documents; documents alone and together).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

from telos.foundation.errors import TelosError
from telos.models import Inputs, Model, Pattern
from telos.objectives import Batch, Example, Loss, Objective
from telos.objectives._chosen import by_row, nll_of
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

Layout = Literal["encoder_decoder", "prefix", "causal"]


class Pairs(NamedTuple):
    """Sources and targets of a row's documents, one after another: ids (int64), and which document each belongs to, 0, 1, 2 …
    in order; both without the ends of text."""

    sources: np.ndarray
    source_documents: np.ndarray
    targets: np.ndarray
    target_documents: np.ndarray
    documents: int


class Paired(Objective):
    """Settings that these objectives share.

    ``layout``: null for the first of encoder_decoder, prefix, causal that the model has.
    """

    needs: ClassVar[tuple[Pattern, ...]] = ("encoder_decoder", "prefix", "causal")

    layout: Layout | None = None

    def fitted(self, model: Model) -> "Objective":
        if self.layout is not None or not model.patterns & set(self.needs):
            return self
        return self.replace(layout=self.pattern(model))

    def check(self, model: Model) -> None:
        super().check(model)
        layout = self.layout or self.pattern(model)
        if layout not in model.patterns:
            raise TelosError(f"objective.layout must be a pattern of the model, one of {', '.join(sorted(model.patterns))}",
                             layout, "set objective.layout=null, or choose another model")  # fmt: skip
        if layout == "encoder_decoder" and not model.packs_pairs:
            raise TelosError(f"objective '{self.kind()}' needs an encoder-decoder that reads several texts of a row apart",
                             f"'{model.kind()}' reads one",
                             "choose model={kind: transformer, architecture: encoder_decoder}")  # fmt: skip

    @property
    def writes(self) -> Literal["answers"] | None:
        return "answers" if self.layout == "encoder_decoder" else None

    @property
    def laid_out(self) -> Layout:
        assert self.layout is not None, "an objective is fitted to its model before it makes examples"
        return self.layout

    def pairs(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Pairs:
        """What is read and what is predicted."""
        raise NotImplementedError

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        return arrange(self.pairs(row, rng, vocabulary), self.laid_out, vocabulary.end_of_text, vocabulary.begin_of_text)

    def weights(self, batch: Batch) -> Mapping[str, float]:
        return {"nll": float(batch["weights"].double().sum())}

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        return Loss({"nll": (self._nll(model, batch).sum(), 1.0)})

    def measure(self, model: Any, batch: Batch, rng: np.random.Generator) -> "dict[str, tuple[Tensor, Tensor]]":
        """Nats and number of predicted tokens of each row, (B,) each: the held-out figure."""
        weights_BT = batch["weights"]
        nats_B = by_row(self._nll(model, batch), weights_BT > 0)
        return {"nats_per_target_token": (nats_B, weights_BT.sum(1))}

    def inputs(self, batch: Batch) -> Inputs:
        """What the model reads of a batch."""
        columns = batch.columns
        return Inputs(batch["tokens"], batch["segments"], self.laid_out, prefix_BT=columns.get("prefix"),
                      source_BS=columns.get("source"), source_segments_BS=columns.get("source_segments"))  # fmt: skip

    def _nll(self, model: Any, batch: Batch) -> "Tensor":
        """Nats of the predicted tokens (N,); the output layer is asked for these alone."""
        chosen = batch["weights"] > 0
        hidden = model.hidden(self.inputs(batch))
        return nll_of(model, hidden, batch, chosen)


def pieces_of(row: Row, end_of_text: int) -> tuple[np.ndarray, np.ndarray, int]:
    """(tokens int64 without the ends of text, which piece of the row each is in, how many pieces): a piece is what the row has
    of a document.  (`telos.objectives.kernels.pieces` is the same compiled, for objectives that need kernels in any case.)"""
    begins = np.empty(len(row.documents), bool)
    begins[:1] = True
    np.not_equal(row.documents[1:], row.documents[:-1], out=begins[1:])
    pieces = begins.cumsum()
    pieces -= 1
    kept = row.tokens != end_of_text
    return row.tokens[kept].astype(np.int64), pieces[kept], int(pieces[-1]) + 1 if len(pieces) else 0


def arrange(pairs: Pairs, layout: Layout, end_of_text: int, begin_of_text: int) -> Example:
    """A row's example.  Segments count from 1: padding, which is 0, is no document's.

    Columns: ``tokens``, ``targets``, ``segments``, ``weights``; and ``source``, ``source_segments`` of an encoder-decoder, or
    ``prefix`` (bool: whether a token is seen by all of its segment).
    """
    from telos.objectives.kernels.layout import in_one_row, with_ends

    sources, source_documents, targets, target_documents, count = pairs
    if layout == "encoder_decoder":
        written, segments, before = with_ends(targets, target_documents, count, end_of_text, begin_of_text)
        read, source_segments, _ = with_ends(sources, source_documents, count, end_of_text, begin_of_text)
        return {
            "tokens": before,
            "targets": written,
            "segments": segments,
            "weights": np.ones(len(written), np.float32),
            "source": read,
            "source_segments": source_segments,
        }
    written, segments, before, weights, prefix = in_one_row(sources, source_documents, targets, target_documents, count,
                                                            end_of_text, begin_of_text)  # fmt: skip
    example = {"tokens": before, "targets": written, "segments": segments, "weights": weights}
    return example | {"prefix": prefix} if layout == "prefix" else example


def shifted(ids: np.ndarray, segments: np.ndarray, begin_of_text: int) -> np.ndarray:
    """What stands before each id in its segment; what begins a text before the first."""
    shifted = np.empty_like(ids)
    shifted[:1] = begin_of_text
    shifted[1:] = np.where(segments[1:] == segments[:-1], ids[:-1], begin_of_text)
    return shifted
