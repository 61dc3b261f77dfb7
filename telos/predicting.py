"""`telos predict`: what a model folder tells of any texts: classes, numbers, tags of words, or answers to questions.

What it tells hangs on the objective that it was trained with.  Where the texts come with what is true of them, the figures too.
Tests: tests/end_to_end/test_supervised.py.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from telos import classifying
from telos.corpus.annotations import words_of
from telos.document_results import span_text
from telos.evaluate import answers, numbers, tags
from telos.evaluate.documents import told
from telos.evaluate.in_windows import told_in_windows
from telos.foundation.document import Document
from telos.foundation.errors import TelosError
from telos.foundation.units import counted, figure
from telos.objectives import Objective
from telos.objectives._tag_spans import marks_spans, spans
from telos.tokens.annotations import encode_words
from telos.tokens.batches import Row
from telos.train.trainable import Trainable, learned


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model that tells something of whole documents."""

    model: Trainable
    objective: Objective
    tokenizer: Any

    @classmethod
    def of(cls, folder: Path, loaded: tuple[Any, Any]) -> "Predictor":
        """From a model folder and what is loaded of it; `TelosError` where it was not trained to tell anything of texts."""
        network, tokenizer = loaded
        model, objective, _ = learned(folder, network, lambda one: one.annotation in ("label", *_TELLS),
                                      "a model to predict with must have learned what stands beside texts",
                                      "train one: objective=classification, regression, tagging or span_extraction")  # fmt: skip
        return cls(model, objective, tokenizer)

    def values(self, texts: Sequence[str]) -> np.ndarray:
        """A number for each text, float64."""
        rows = [self._row(ids, i, {"value": 0.0}) for i, ids in enumerate(self.tokenizer.encode_batch(list(texts)))]
        return np.array(self._told(rows), np.float64)

    def tags(self, texts: Sequence[str], words: Sequence[Sequence[tuple[int, int]]]) -> list[list[str]]:
        """A tag for each word, a word being where it starts and ends in its text."""
        names = self.model.network.vocabulary.labels
        having = [i for i, of in enumerate(words) if of]
        encoded, firsts = encode_words(self.tokenizer, [texts[i] for i in having], [[a for a, _ in words[i]] for i in having])
        rows = [self._row(ids, i, {"tags": np.array([(place, 0) for place in places])})
                for i, (ids, places) in enumerate(zip(encoded, firsts, strict=True))]  # fmt: skip
        found: list[list[str]] = [[] for _ in texts]
        for i, of in zip(having, self._told(rows), strict=True):
            found[i] = [names[tag] if tag < len(names) else "O" for tag in of[: len(words[i])]]
        return found

    def answers(self, questions: Sequence[str], contexts: Sequence[str]) -> list[str]:
        """An answer to each question from its context, "" for none."""
        asked, read = self.tokenizer.encode_batch(list(questions)), self.tokenizer.encode_batch(list(contexts))
        network = self.model.network
        rows = [Row(ids, network.vocabulary.end_of_text, np.full(len(ids), i, np.int64), i, beside={"question": question})
                for i, (question, ids) in enumerate(zip(asked, read, strict=True))]  # fmt: skip
        found = told_in_windows(self.model, self.objective, rows, network.vocabulary)
        return [
            span_text(self.tokenizer, row.tokens, context, of) for row, context, of in zip(rows, contexts, found, strict=True)
        ]

    def _row(self, ids: np.ndarray, number: int, beside: dict[str, Any]) -> Row:
        ids = ids[: self.objective.raw_length(self.model.network.context_length)]
        end = self.model.network.vocabulary.end_of_text
        return Row(ids, end, np.full(len(ids), number, np.int64), number, beside=beside)

    def _told(self, rows: list[Row]) -> list[np.ndarray]:
        return told(self.model, self.objective, rows, self.model.network.vocabulary)


def predict(folder: Path, loaded: tuple[Any, Any], words: list[str], overrides: list[str]) -> tuple[dict[str, Any], str]:
    """(facts, lines for people).  ``words``: texts (of a model that answers questions a question and its context), or one file or
    folder whose documents are read."""
    predictor = Predictor.of(folder, loaded)
    annotation = predictor.objective.annotation
    if annotation == "label":
        return classifying.classify(folder, loaded, words, overrides)
    if annotation == "answers" and len(words) == 2 and not any(map(classifying.is_there, words)):
        documents = [Document("", words[1], "", metadata={"question": words[0]})]
    else:
        documents = classifying.documents(words, overrides, verb="predict")
    began = time.perf_counter()
    facts, lines = _TELLS[str(annotation)](predictor, documents)
    cost = {"model": str(folder), "documents": len(documents), "seconds": time.perf_counter() - began}
    return cost | facts, "\n".join(lines)


def _values(predictor: Predictor, documents: list[Document]) -> tuple[dict[str, Any], list[str]]:
    said = predictor.values([one.text for one in documents])
    lines = [f"{value:.4g}  {classifying.short(one.text)}" for value, one in zip(said, documents, strict=True)]
    facts: dict[str, Any] = {}
    known = [i for i, one in enumerate(documents) if "value" in one.metadata]
    if known:
        true = np.array([documents[i].metadata["value"] for i in known])
        figures = {"mean_absolute_error": float(np.abs(true - said[known]).mean()),
                   "r_squared": numbers.r_squared(true, said[known]),
                   "spearman": numbers.spearman(true, said[known])}  # fmt: skip
        facts = {name: value for name, value in figures.items() if value is not None}
        lines.append(_figures(facts, len(known)))
    each = [{"text": one.text, "value": float(value)} for one, value in zip(documents, said, strict=True)]
    return facts | {"predictions": each}, lines


def _tags(predictor: Predictor, documents: list[Document]) -> tuple[dict[str, Any], list[str]]:
    given = [one.metadata.get("tags") for one in documents]
    words = [[(w["start"], w["end"]) for w in of] if of else words_of(one.text)
             for of, one in zip(given, documents, strict=True)]  # fmt: skip
    said = predictor.tags([one.text for one in documents], words)
    each = [_tagged(*one) for one in zip(documents, words, said, strict=True)]
    lines = ["  ".join(f"{word}/{tag}" for word, tag in zip(one["words"], one["tags"], strict=True)) for one in each]
    facts: dict[str, Any] = {}
    known = [i for i, of in enumerate(given) if of]
    if known:
        marked = [[w["tag"] for w in documents[i].metadata["tags"]] for i in known]
        right = [a == b for i, of in zip(known, marked, strict=True) for a, b in zip(of, said[i], strict=True)]
        facts["accuracy"] = float(np.mean(right))
        above, below = tags.f1_parts(marked, [said[i] for i in known])
        if marks_spans([tag for of in marked for tag in of]):
            facts["span_f1"] = float(above.sum() / max(1.0, below.sum()))
        lines.append(_figures(facts, len(known)))
    return facts | {"predictions": each}, lines


def _tagged(document: Document, words: Sequence[tuple[int, int]], said: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"text": document.text, "words": [document.text[a:b] for a, b in words], "tags": said}
    if marks_spans(said):
        marked = sorted(spans(said), key=lambda one: one[1])
        found["spans"] = [{"kind": kind, "text": document.text[words[a][0] : words[b][1]], "start": words[a][0],
                           "end": words[b][1]} for kind, a, b in marked]  # fmt: skip
    return found


def _answers(predictor: Predictor, documents: list[Document]) -> tuple[dict[str, Any], list[str]]:
    if not all("question" in one.metadata for one in documents):
        raise TelosError("a model that answers takes a question and its context, or a file of them", "a text without a question",
                         "write telos predict MODEL QUESTION CONTEXT, or name the field with the question: "
                         "corpus.question_field=NAME")  # fmt: skip
    questions = [str(one.metadata["question"]) for one in documents]
    said = predictor.answers(questions, [one.text for one in documents])
    lines = [f"{answer or '(no answer)'}  ← {classifying.short(asked)}" for answer, asked in zip(said, questions, strict=True)]
    facts: dict[str, Any] = {}
    known = [i for i, one in enumerate(documents) if "answers" in one.metadata]
    if known:
        true = [[str(one["text"]) for one in documents[i].metadata["answers"]] for i in known]
        facts = {"answer_f1": float(np.mean([answers.f1(said[i], of) for i, of in zip(known, true, strict=True)])),
                 "exact_match": float(np.mean([answers.exact_match(said[i], of) for i, of in zip(known, true, strict=True)]))
                 }  # fmt: skip
        lines.append(_figures(facts, len(known)))
    each = [{"question": asked, "answer": answer} for asked, answer in zip(questions, said, strict=True)]
    return facts | {"predictions": each}, lines


_TELLS = {"value": _values, "tags": _tags, "answers": _answers}


def _figures(facts: dict[str, Any], documents: int) -> str:
    told = ", ".join(figure(name, value) for name, value in facts.items())
    return f"{told} ({counted(documents, 'document')})"
