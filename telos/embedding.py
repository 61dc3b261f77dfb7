"""`telos embed`: the vectors of any texts under a model folder that was trained with objective=contrastive.

Where the texts come with those that they are paired with (``corpus.target_field``), also how well each finds its own, and with a
number of how alike the two are (``corpus.value_field``) Spearman's correlation of the cosine with it, as semantic textual
similarity is measured (Reimers and Gurevych 2019, "Sentence-BERT", section 4.1).
Tests: tests/test_embedding.py, tests/end_to_end/test_contrastive.py.
"""

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from telos import classifying
from telos.evaluate import numbers
from telos.evaluate.document_card import figures
from telos.evaluate.documents import BATCH_TOKENS, measure
from telos.foundation import files
from telos.foundation.document import Document
from telos.foundation.errors import TelosError
from telos.foundation.progress import progress
from telos.objectives._width import width_of
from telos.objectives.contrastive import Contrastive
from telos.tokens.batches import Row
from telos.train.trainable import Trainable, learned


@dataclass(frozen=True, slots=True)
class Embedder:
    """A model that gives a vector of a text.  ``width``: of the whole vectors."""

    model: Trainable
    objective: Contrastive
    tokenizer: Any
    width: int

    @classmethod
    def of(cls, folder: Path, loaded: tuple[Any, Any]) -> "Embedder":
        """From a model folder and what is loaded of it; `TelosError` where it was not trained to give vectors."""
        network, tokenizer = loaded
        model, objective, _ = learned(folder, network, lambda one: isinstance(one, Contrastive),
                                      "a model to embed with must have been trained with objective=contrastive",
                                      "train one: telos run TEXTS objective=contrastive corpus.target_field=NAME")  # fmt: skip
        width = objective.projection_size or width_of(network, objective.pattern(network.spec))[0]
        return cls(model, objective, tokenizer, width)

    def embed(self, texts: Sequence[str], size: int | None = None) -> np.ndarray:
        """(texts, size) float32, a row a text, of length 1 where the model was trained by the cosine.

        ``size``: of the first values of each vector, one that was trained (`Contrastive.sizes`); None: all.  Of a text that is
        longer than the model's context the beginning is read.
        """
        import torch

        if size is not None and size not in (trained := (*self.objective.sizes, self.width)):
            raise TelosError("a size of vectors must be one that the model was trained for", str(size),
                             f"choose of {', '.join(map(str, trained))}, or train with objective.sizes=[{size}]")  # fmt: skip
        encoded = self._encoded(texts)
        order = np.argsort([len(ids) for ids in encoded], kind="stable")[::-1].tolist()
        found = np.zeros((len(encoded), size or self.width), np.float32)
        with progress("embed", len(encoded), "texts") as advance, torch.no_grad():
            while order:
                longest = len(encoded[order[0]])
                most = max(1, BATCH_TOKENS // longest)
                places, order = order[:most], order[most:]
                tokens_BT = np.zeros((len(places), longest), np.int64)
                for row, place in zip(tokens_BT, places, strict=True):
                    row[: len(encoded[place])] = encoded[place]
                lengths_B = torch.tensor([len(encoded[place]) for place in places], device=self.model.device)
                vectors = self.objective.embed(self.model, torch.from_numpy(tokens_BT).to(self.model.device), lengths_B, size)
                found[places] = vectors.cpu().numpy()
                advance(len(places))
        return found

    def measured(self, documents: Sequence[Document]) -> dict[str, Any]:
        """Figures of texts with their pairs among one another, with intervals."""
        longest, end = self.objective.raw_length(self.model.network.context_length), self.model.network.vocabulary.end_of_text
        texts = self.tokenizer.encode_batch([one.text for one in documents])
        targets = self.tokenizer.encode_batch([str(one.metadata["target"]) for one in documents])
        rows = [Row(ids[:longest], end, np.full(min(len(ids), longest), i, np.int64), i, target=target)
                for i, (ids, target) in enumerate(zip(texts, targets, strict=True))]  # fmt: skip
        return measure(self.model, self.objective, rows, self.model.network.vocabulary, what="pairs").headline()

    def _encoded(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Behind what begins every text, as far as the network reads."""
        begin, longest = self.model.network.vocabulary.begin_of_text, self.model.network.context_length
        return [np.concatenate([[begin], ids]).astype(np.int64)[:longest] for ids in self.tokenizer.encode_batch(list(texts))]


def embed(
    folder: Path, loaded: tuple[Any, Any], words: list[str], overrides: list[str], *, out: Path | None, size: int | None
) -> tuple[dict[str, Any], str]:
    """(facts, lines for people).  ``words``: texts, or one file or folder whose documents are read.  ``out``: a .npy file (texts,
    size), or a .jsonl one; None: the vectors are among the facts, and each is a line of JSON."""
    embedder = Embedder.of(folder, loaded)
    if out is not None and out.suffix not in (".npy", ".jsonl"):
        raise TelosError("--out must be a .npy or a .jsonl file", str(out), f"write for example: --out {out.stem}.npy")
    documents = classifying.documents(words, overrides, verb="embed")
    began = time.perf_counter()
    vectors = embedder.embed([one.text for one in documents], size)
    facts: dict[str, Any] = {"model": str(folder), "documents": len(documents), "size": vectors.shape[1],
                             "seconds": time.perf_counter() - began}  # fmt: skip
    pairs = [i for i, one in enumerate(documents) if "target" in one.metadata]
    if len(pairs) > 1:
        facts |= _of_pairs(embedder, [documents[i] for i in pairs], vectors[pairs], size)
    told = figures({"units": len(pairs)} | {name: value for name, value in facts.items() if name != "seconds"}, what="pairs")
    each = [{"text": one.text, "embedding": vector} for one, vector in zip(documents, vectors, strict=True)]
    lines = [orjson.dumps(one, option=orjson.OPT_SERIALIZE_NUMPY) for one in each]
    if out is None:
        return facts | {"embeddings": each}, "\n".join([*(line.decode() for line in lines), *told])
    if out.suffix == ".npy":
        content = io.BytesIO()
        np.save(content, vectors)
        _write(out, content.getvalue())
    else:
        _write(out, b"".join(line + b"\n" for line in lines))
    return facts | {"written": str(out)}, "\n".join([f"{len(documents):,} vectors of {vectors.shape[1]} in {out}", *told])


def _of_pairs(embedder: Embedder, documents: list[Document], vectors: np.ndarray, size: int | None) -> dict[str, Any]:
    found = {name: value for name, value in embedder.measured(documents).items() if name not in ("units", "unit_kind")}
    found["pairs"] = found.pop("test_documents")
    rated = [i for i, one in enumerate(documents) if "value" in one.metadata]
    if rated:
        others = embedder.embed([str(documents[i].metadata["target"]) for i in rated], size)
        true = np.array([documents[i].metadata["value"] for i in rated], np.float64)
        lengths = np.linalg.norm(vectors[rated], axis=1) * np.linalg.norm(others, axis=1)
        cosines = (vectors[rated] * others).sum(1, dtype=np.float64) / np.maximum(lengths, 1e-12)
        if (value := numbers.spearman(true, cosines)) is not None:
            found["spearman"] = value
            if (between := numbers.interval(numbers.spearman, true, cosines)) is not None:
                found["spearman_ci95"] = between
    return found


def _write(path: Path, content: bytes) -> None:
    try:
        files.write_file(path, content)
    except FileNotFoundError:
        raise TelosError("--out must lie in a folder that is there", f"no {path.parent}",
                         "make it, or choose another --out") from None  # fmt: skip
