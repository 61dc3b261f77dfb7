"""`telos classify`: the class of any text under a model folder that was trained with objective=classification.

Tests: tests/end_to_end/test_classification.py.
"""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from telos.corpus.clean import CleanText
from telos.corpus.sources import RawDocument, Source
from telos.corpus.spans import moved
from telos.evaluate.documents import answers
from telos.evaluate.metrics.accuracy import wilson
from telos.foundation.document import Document
from telos.foundation.errors import TelosError
from telos.foundation.overrides import apply
from telos.foundation.spec import Spec
from telos.foundation.units import counted
from telos.objectives.classification import Classification
from telos.tokens.batches import Row
from telos.train.trainable import Trainable, learned

SHOWN_CHARACTERS = 60

_FILE_NAME = re.compile(r"\S+\.(txt|md|rst|html?|jsonl?|csv|tsv|parquet|pdf|docx|epub)(\.(gz|zst|bz2|xz))?", re.IGNORECASE)
"""What is a name that was mistyped rather than a text."""


class ClassifyRecipe(Spec):
    """The part of a recipe that `telos classify` reads."""

    corpus: Source | None = None
    clean: CleanText = Field(default_factory=CleanText)


@dataclass(frozen=True, slots=True)
class Classifier:
    """A model that tells classes: ``labels`` by id."""

    model: Trainable
    objective: Classification
    tokenizer: Any
    labels: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path, loaded: tuple[Any, Any]) -> "Classifier":
        """From a model folder and what is loaded of it; `TelosError` where it was not trained to tell classes."""
        network, tokenizer = loaded
        model, objective, labels = learned(folder, network, lambda one: isinstance(one, Classification),
                                           "a model to classify with must have been trained with objective=classification",
                                           "train one: telos run TEXTS corpus.label_field=NAME objective=classification"
                                           )  # fmt: skip
        return cls(model, objective, tokenizer, labels)

    def probabilities(self, texts: list[str]) -> np.ndarray:
        """(texts, classes), float32; each row sums to 1."""
        longest = self.objective.raw_length(self.model.network.context_length)
        end = self.model.network.vocabulary.end_of_text
        # A row must have a label to be built; nothing that is asked here depends on it.
        rows = [Row(ids[:longest], end, np.zeros(min(len(ids), longest), np.int64), i, label=0)
                for i, ids in enumerate(self.tokenizer.encode_batch(texts))]  # fmt: skip
        return answers(self.model, self.objective, rows, self.model.network.vocabulary, lambda logits: logits.softmax(1))


def classify(folder: Path, loaded: tuple[Any, Any], words: list[str], overrides: list[str]) -> tuple[dict[str, Any], str]:
    """(facts, lines for people).  ``words``: texts, or one file or folder whose documents are read; where ``corpus.label_field``
    says what they are, the accuracy too."""
    classifier = Classifier.of(folder, loaded)
    texts, true = _texts(words, overrides)
    began = time.perf_counter()
    shares = classifier.probabilities(texts)
    seconds = time.perf_counter() - began
    told = [classifier.labels[i] for i in shares.argmax(1)]
    each = [{"text": text, "label": label, "probability": float(row.max()),
             "probabilities": dict(zip(classifier.labels, row.tolist(), strict=True))}
            for text, label, row in zip(texts, told, shares, strict=True)]  # fmt: skip
    lines = [f"{one['label']}  {one['probability']:.3f}  {short(one['text'])}" for one in each]
    facts: dict[str, Any] = {"model": str(folder), "documents": len(texts), "seconds": seconds}
    known = [(label, said) for label, said in zip(true, told, strict=True) if label is not None]
    if known:
        right = sum(label == said for label, said in known)
        interval = wilson(right, len(known))
        assert interval is not None
        facts |= {"labelled_documents": len(known), "accuracy": right / len(known), "accuracy_ci95": interval}
        lines.append(f"accuracy {right / len(known):.3f} (95 % interval {interval[0]:.3f} to {interval[1]:.3f}, "
                     f"{counted(len(known), 'document')})")  # fmt: skip
    return facts | {"classifications": each}, "\n".join(lines)


def _texts(words: list[str], overrides: list[str]) -> tuple[list[str], list[str | None]]:
    """Texts, each with its label where that is known."""
    found = documents(words, overrides)
    return [one.text for one in found], [one.metadata.get("label") for one in found]


def documents(words: list[str], overrides: list[str], verb: str = "classify") -> list[Document]:
    """``words`` as documents: each a text, or one file or folder, whose documents come with what stands beside them."""
    files = len(words) == 1 and is_there(words[0])
    data: dict[str, Any] = {"corpus": {"kind": "files", "path": words[0]}} if files else {}
    recipe = ClassifyRecipe.parse(apply(data, overrides))
    if not files:
        _refuse_names(words, verb)
        texts = [recipe.clean.text(word) for word in words]
        if not texts:
            raise TelosError(f"telos {verb} takes a model and texts, or a file of them", "no text",
                             f"write for example: telos {verb} runs/mine/model 'what a film'")  # fmt: skip
        return [Document("", text, "") for text in texts]
    assert recipe.corpus is not None
    found = [raw for item in recipe.corpus.inputs() for raw in recipe.corpus.read(item) if not raw.skipped]
    found = [raw for raw in found if raw.text.strip()]
    if not found:
        raise TelosError(f"a file to {verb} must hold a text", f"none in {words[0]}", "give a file or folder with text")
    return [_cleaned(raw, recipe.clean) for raw in found]


def _cleaned(raw: RawDocument, clean: CleanText) -> Document:
    """As in a corpus: places move with their text, a question and a target are text too."""
    text, beside = clean.text(raw.text), dict(raw.metadata)
    if "tags" in beside:
        beside["tags"] = moved(beside["tags"], raw.text, text)
    for name in ("question", "target"):
        if name in beside:
            beside[name] = clean.text(beside[name])
    return Document("", text, "", metadata=beside)


def is_there(word: str) -> bool:
    try:
        return Path(word).exists()
    except OSError:  # a text that is too long for a name
        return False


def _refuse_names(words: list[str], verb: str) -> None:
    for word in words:
        if is_there(word):
            raise TelosError(f"telos {verb} takes one file or folder, or texts", f"{word}, and {len(words) - 1} more",
                             "put the files into one folder, or ask for one after another")  # fmt: skip
        if _FILE_NAME.fullmatch(word):
            raise TelosError(f"a file to {verb} must be there", f"no file {word}",
                             "correct the path; if it is a text, write a space behind it")  # fmt: skip


def short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]} …"
