"""Contrastive sentence embeddings: a text's vector lies nearer to that of its pair than to those of other texts.

    loss = Σ_i ℓ_i ÷ number of texts;   ℓ_i = −log ( e^{s(a_i, p_i) ÷ τ} ÷ Σ_c e^{s(a_i, c) ÷ τ} )          (nats per text)

a_i and p_i are the vectors of a text and of its positive, c runs over the positives of its group and all hard negatives
(`telos.objectives._info_nce`), s is the cosine or the dot product.  van den Oord et al. 2018 (arXiv:1807.03748), equation 4.
Dropout views and hard negatives: Gao et al. 2021, "SimCSE" (arXiv:2104.08821), equations 4 and 5.  With ``sizes`` the same is
added of each prefix of the vectors: Kusupati et al. 2022, "Matryoshka Representation Learning" (arXiv:2205.13147), equation 1.
A group that memory does not hold at once is read in parts (`telos.objectives._vectors`).
Tests: tests/objectives/test_contrastive.py (a transcription in NumPy, parts and splits), test_info_nce.py, test_retrieval.py.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, StrictBool, field_validator
from torch import Tensor
from torch.nn import functional

from telos.foundation.errors import TelosError
from telos.models import Model, Pattern
from telos.objectives import Annotation, Batch, Example, Loss, Objective
from telos.objectives._info_nce import info_nce, related, usable
from telos.objectives._pooled import Pooling
from telos.objectives._retrieval import alignment, ranks, uniformity, unit
from telos.objectives._vectors import MOST_SCALE, Head, Reader, dropping
from telos.objectives._width import width_of
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary


class Contrastive(Objective):
    """A row is a document and what it is near to; the rows of a group are one another's negatives.

    ``positives``: the text in its target column (``corpus.target_field``), with the hard negatives of ``corpus.negative_field``
    where there are any; or "views", the same text under another dropout, which needs no pairs and a model with dropout.
    ``pooling``: which values of the last layer are a text's vector; ``projection_size``: of a linear map behind it, or None.
    ``temperature``: τ, where ``learn_temperature`` its first value.  ``symmetric``: also from each positive to the texts.
    ``sizes``: prefixes of the vectors that serve by themselves.  ``group``: texts whose vectors meet.  ``forward_rows``: texts in
    one forward pass, each then read twice; None: all of a micro-batch.
    """

    needs: ClassVar[tuple[Pattern, ...]] = ("bidirectional", "causal")
    needs_likelihood: ClassVar[bool] = False
    needs_values: ClassVar[bool] = True
    unit: ClassVar[Literal["stream", "document"]] = "document"
    gives_vectors: ClassVar[bool] = True
    measures_together: ClassVar[bool] = True

    positives: Literal["pairs", "views"] = "pairs"
    pooling: Pooling = "mean"
    projection_size: int | None = Field(None, ge=1)
    similarity: Literal["cosine", "dot"] = "cosine"
    temperature: float = Field(0.05, ge=1 / MOST_SCALE)
    learn_temperature: StrictBool = False
    symmetric: StrictBool = False
    sizes: tuple[int, ...] = ()
    group: int = Field(64, ge=2)
    forward_rows: int | None = Field(None, ge=1)

    @field_validator("sizes")
    @classmethod
    def _rising(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if any(size < 1 for size in sizes) or list(sizes) != sorted(set(sizes)):
            raise ValueError(f"sizes must be at least 1 and rise: {list(sizes)}")
        return sizes

    @property
    def annotation(self) -> Annotation | None:
        return "target" if self.positives == "pairs" else None

    @property
    def rows_together(self) -> int:
        return self.group

    def check(self, model: Model) -> None:
        super().check(model)
        if self.positives == "views" and not (dropout := _dropout(model)):
            named = [name for name in type(model).model_fields if "dropout" in name]
            way = f"set model.{named[0]}=0.1" if named else "choose a model with dropout (model=transformer model.dropout=0.1)"
            raise TelosError("views of the same text need a model with dropout, without which they are equal",
                             f"'{model.kind()}' has {'no dropout' if not named else f'{named[0]} {dropout:g}'}",
                             f"{way}, or give pairs: objective.positives=pairs corpus.target_field=NAME")  # fmt: skip

    def build(self, model: Any, vocabulary: Vocabulary) -> "Head | None":
        """Projection and temperature, where they are learned; `TelosError` where a prefix is not shorter than the vectors."""
        width, device = width_of(model, self.pattern(model.spec))
        longest = self.projection_size or width
        if self.sizes and self.sizes[-1] >= longest:
            raise TelosError(f"objective.sizes must be below the size of the vectors ({longest})", f"{self.sizes[-1]}",
                             "leave it out: the whole vector always counts")  # fmt: skip
        if self.projection_size is None and not self.learn_temperature:
            return None
        with device:  # as in telos.objectives.classification
            return Head(width, self.projection_size, self.temperature if self.learn_temperature else None)

    def raw_length(self, context_length: int) -> int:
        """Room is left for what begins every text."""
        return context_length - 1

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        if row.target is None and self.positives == "pairs":
            document = f"document {int(row.documents[0])}" if len(row.documents) else "one"
            raise TelosError("every document must have the text that it is paired with", f"{document} has none",
                             "name its column: corpus.target_field=NAME; or learn from dropout: objective.positives=views"
                             )  # fmt: skip
        tokens, key = _text(row.tokens, vocabulary)
        # The padding of a batch is of segment 0: no text sees it.
        found = {"tokens": tokens, "segments": np.ones(len(tokens), np.int32), "weights": np.array(1.0, np.float32), "key": key}
        others = {} if row.target is None else {"positive": row.target}
        others |= {f"negative{i}": ids for i, ids in enumerate(row.negatives)}
        for name, ids in others.items():
            text, key = _text(ids, vocabulary)
            # One that is empty is none.
            found |= {name: text, f"{name}_length": np.array(len(text) if len(text) > 1 else 0), f"{name}_key": key}
        return found

    def weights(self, batch: Batch) -> Mapping[str, float]:
        return dict.fromkeys(self._terms(), float(batch["weights"].double().sum()))

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        reader = self._reader(model)
        negatives = sorted(name for name in batch.columns if name.startswith("negative") and "_" not in name)
        views = self.positives == "views"
        anchors = reader.vectors(*_of(batch, "tokens"))
        positives = reader.vectors(*_of(batch, "tokens" if views else "positive"))
        hard = [reader.vectors(*_of(batch, name)) for name in negatives]
        reader.finish()
        scale = self._scale(model)
        sums: dict[str, list[Tensor]] = {name: [] for name in self._terms()}
        right: list[Tensor] = []
        for at in range(0, batch.rows, self.group):
            rows = slice(at, at + self.group)
            keys, positive_keys = batch["key"][rows], batch["key" if views else "positive_key"][rows]
            related_NN, usable_NM = related(keys, positive_keys), None
            if hard:
                negative_keys = torch.cat([batch[f"{name}_key"][rows] for name in negatives])
                given = torch.cat([batch[f"{name}_length"][rows] > 0 for name in negatives])
                usable_NM = usable(keys, positive_keys, negative_keys, given)
            for name, size in self._terms().items():
                a, p, *n = (self._prefix(vectors[rows], size) for vectors in (anchors, positives, *hard))
                logits_NN = scale * (a @ p.T)
                hard_NM = scale * (a @ torch.cat(n).T) if n else None
                nats_N = info_nce(logits_NN, related_NN, hard_NM, usable_NM, symmetric=self.symmetric)
                sums[name].append((nats_N * batch["weights"][rows]).sum())
            with torch.no_grad():  # of the last, which is the whole vector
                others_NN = logits_NN.masked_fill(related_NN, float("-inf"))
                right.append((logits_NN.diagonal() > others_NN.amax(1)).float())
        metrics = {"accuracy": float(torch.cat(right).mean())}
        if isinstance(scale, Tensor):
            metrics["temperature"] = 1 / float(scale.detach())
        return Loss({name: (torch.stack(parts).sum(), 1.0) for name, parts in sums.items()}, metrics)

    # -- held-out texts ---------------------------------------------------------------------------------------------

    def gather(self, model: Any, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        """The vectors of each text and of its positive; where there are no pairs, of two views of it."""
        reader, paired = self._reader(model), "positive" in batch.columns
        if paired:
            anchors, positives = reader.vectors(*_of(batch, "tokens")), reader.vectors(*_of(batch, "positive"))
        else:
            with dropping(model, rng):
                anchors, positives = reader.vectors(*_of(batch, "tokens")), reader.vectors(*_of(batch, "tokens"))
        return {"anchors": anchors, "positives": positives, "keys": batch["key"],
                "positive_keys": batch["positive_key" if paired else "key"]}  # fmt: skip

    def figures(self, gathered: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Accuracy at 1 (of each prefix, too), mean reciprocal rank, alignment, uniformity: see `telos.objectives._retrieval`."""
        anchors, positives = gathered["anchors"], gathered["positives"]
        keys, positive_keys = gathered["keys"], gathered["positive_keys"]
        found: dict[str, np.ndarray] = {}
        for name, size in reversed(self._terms().items()):
            a, p = anchors[:, :size], positives[:, :size]
            if self.similarity == "cosine":
                a, p = unit(a), unit(p)
            place = ranks(a, p, keys, positive_keys)
            found[name.replace("contrastive", "accuracy_at_1")] = (place == 1).astype(np.float64)
            if size is None:
                found["mean_reciprocal_rank"] = 1 / place
        found["alignment"] = alignment(anchors, positives)
        if (spread := uniformity(anchors, keys)) is not None:
            found["uniformity"] = spread
        return {name: (values, np.ones(len(values))) for name, values in found.items()}

    def measure(self, model: Any, batch: Batch, rng: np.random.Generator) -> dict[str, tuple[Tensor, Tensor]]:
        """`figures` of these rows alone."""
        kept = {name: tensor.detach().cpu().numpy() for name, tensor in self.gather(model, batch, rng).items()}
        return {name: (torch.from_numpy(sums), torch.from_numpy(weights)) for name, (sums, weights) in self.figures(kept).items()}

    # -- vectors ----------------------------------------------------------------------------------------------------

    def embed(self, model: Any, tokens_BT: Tensor, lengths_B: Tensor, size: int | None = None) -> Tensor:
        """The vectors of texts (B, size), fp32, their first values; of length 1 where the similarity is the cosine."""
        return self._prefix(self._reader(model).vectors(tokens_BT, lengths_B), size)

    def _reader(self, model: Any) -> Reader:
        return Reader(model, self.pattern(model.spec), self.pooling, self.forward_rows)

    def _prefix(self, vectors_BD: Tensor, size: int | None) -> Tensor:
        cut_BD = vectors_BD[:, :size]
        return functional.normalize(cut_BD, dim=1) if self.similarity == "cosine" else cut_BD

    def _terms(self) -> dict[str, int | None]:
        """Name of a term → how much of the vectors it is of, the whole last."""
        return {f"contrastive_{size}": size for size in self.sizes} | {"contrastive": None}

    def _scale(self, model: Any) -> "Tensor | float":
        return model.owned.scale() if self.learn_temperature else 1 / self.temperature


def _of(batch: Batch, name: str) -> tuple[Tensor, Tensor]:
    """(tokens, lengths) of the texts in a column."""
    return batch[name], (batch["segments"] == 1).sum(1) if name == "tokens" else batch[f"{name}_length"]


def _text(ids: np.ndarray, vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
    """(the text's ids without its end, behind what begins every text; a number that tells texts apart)."""
    ids = ids.astype(np.int64)
    if len(ids) and ids[-1] == vocabulary.end_of_text:
        ids = ids[:-1]
    digest = hashlib.blake2b(ids.tobytes(), digest_size=8).digest()
    return np.concatenate([[np.int64(vocabulary.begin_of_text)], ids]), np.array(int.from_bytes(digest, "little", signed=True))


def _dropout(model: Model) -> float:
    """The largest share that any part of the model drops."""
    named = [name for name in type(model).model_fields if "dropout" in name or name == "stochastic_depth"]
    return max((float(getattr(model, name)) for name in named), default=0.0)
