"""Held-out documents under a model whose objective is of whole documents: figures, what it must beat, tables.

Tests: tests/end_to_end/test_classification.py, tests/end_to_end/test_supervised.py, tests/test_document_results.py.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from telos.evaluate import answers as answered
from telos.evaluate import class_baselines, numbers, tags
from telos.evaluate.document_baselines import DocumentResult
from telos.evaluate.documents import Measured, answers, measure, told
from telos.evaluate.in_windows import told_in_windows
from telos.foundation.document import Document
from telos.foundation.random import key
from telos.held_out import HeldOut
from telos.objectives import Objective
from telos.objectives.mix import Mix
from telos.stages import Prepared
from telos.tokens.annotations import character_edges
from telos.tokens.batches import Row
from telos.tokens.documents import document_row
from telos.tokens.store import TokenStore
from telos.tokens.tokenizers import TrainedTokenizer
from telos.train.clock import Clock
from telos.train.trainable import Trainable

BESIDE = ("value", "tags", "answers")
"""Annotations that a module of `telos.evaluate` has figures and baselines for."""
VALIDATION_TOKENS = 65_536
"""Validation during training measures documents of about so many tokens, chosen by a hash."""
MOST_CONFUSED = 12
"""A table of what is taken for what is shown up to so many classes."""


def rows_of(store: TokenStore, documents: np.ndarray, objective: Objective, context_length: int) -> list[Row]:
    """Each document as a row; of an objective over the stream, as rows of what fits one after another."""
    longest = objective.raw_length(context_length)
    if objective.unit == "document":
        return [document_row(store, int(i), longest, int(i)) for i in documents]
    return [row for i in documents for row in pieces(store, int(i), longest)]


def pieces(store: TokenStore, document: int, longest: int, most: int | None = None) -> list[Row]:
    """Rows of at most ``longest`` tokens that are one document together, its end included; with ``most``, so many tokens of its
    beginning, the last of which is the end of text in place of the document's own."""
    start, stop = int(store.starts[document]), int(store.starts[document + 1])
    tokens, marks = store.read(start, stop), None if store.marks is None else store.marks.read(start, stop)
    if most is not None:
        tokens = np.append(tokens[: most - 1], tokens.dtype.type(store.end_of_text))
    rows = []
    for at in range(0, len(tokens), longest):
        part = tokens[at : at + longest]
        previous = store.end_of_text if at == 0 else int(tokens[at - 1])
        rows.append(Row(part, previous, np.full(len(part), document, np.int64), at,
                        marks=None if marks is None else marks[at : at + len(part)]))  # fmt: skip
    return rows


def result(objective: Objective, prepared: Prepared, held: HeldOut, model: Trainable, *, baselines: bool) -> DocumentResult:
    """Measure the held-out documents.  ``baselines``: also what a classifier must beat, on the same documents."""
    store, vocabulary = prepared.stores[held.split], model.network.vocabulary.with_tokenizer(prepared.tokenizer)
    rows = _held_rows(store, held, objective, model.network.context_length)
    measured = measure(model, objective, rows, vocabulary)
    if objective.annotation in BESIDE and not isinstance(objective, Mix):
        return _beside(objective, prepared, held, model, rows, measured, baselines=baselines)
    if objective.annotation != "label" or isinstance(objective, Mix):  # tables are of one objective
        return DocumentResult(measured.headline(), [], [])
    classes = answers(model, objective, rows, vocabulary, lambda logits: logits.argmax(1))
    true = np.array([row.label for row in rows], np.int64)
    beside = _baselines(prepared, held, measured, true) if baselines else []
    tables = [_by_class(true, classes, store.labels or ())]
    if len(vocabulary.labels) <= MOST_CONFUSED:
        tables.append(_confusion(true, classes, store.labels or ()))
    if beside:
        tables.insert(0, _accuracies(measured, beside))
    return DocumentResult(measured.headline(), beside, tables)


def _beside(  # noqa: PLR0917
    objective: Any, prepared: Prepared, held: HeldOut, model: Trainable, rows: list[Row], measured: Measured, *, baselines: bool
) -> DocumentResult:
    """Of numbers, of tags of words, of answers to questions."""
    train = prepared.stores["train"]
    if objective.annotation == "answers":
        store = prepared.stores[held.split]
        rows = [document_row(store, int(i), int(store.starts[i + 1] - store.starts[i]), int(i)) for i in held.documents]
        found = told_in_windows(model, objective, rows, model.network.vocabulary)
    else:
        found = told(model, objective, rows, model.network.vocabulary)
    if objective.annotation == "value":
        true, scale = np.array([row.beside["value"] for row in rows]), train.annotations.value_scale()
        assert scale is not None
        return numbers.result(measured, true, np.array(found, np.float64), scale[0], baselines=baselines)
    documents = _documents(prepared, held)
    if objective.annotation == "tags":
        names, marked = model.network.vocabulary.labels, [tags.tagged(document) for document in documents]
        said = [[names[tag] if tag < len(names) else "O" for tag in of[: len(pairs)]]
                for of, pairs in zip(found, marked, strict=True)]  # fmt: skip
        training = map(tags.tagged, prepared.corpus.documents("train")) if baselines else None
        return tags.result(measured, marked, said, training)
    spoken = [span_text(prepared.tokenizer, row.tokens, document.text, of)
              for row, document, of in zip(rows, documents, found, strict=True)]  # fmt: skip
    asked = [(str(document.metadata["question"]), document.text) for document in documents]
    true_answers = [[str(one["text"]) for one in document.metadata.get("answers", [])] for document in documents]
    return answered.result(measured, asked, true_answers, spoken, baselines=baselines)


def _documents(prepared: Prepared, held: HeldOut) -> list[Document]:
    """The held-out documents, in the order of their rows."""
    store = prepared.stores[held.split]
    wanted = {store.document_ids[i].decode(): place for place, i in enumerate(held.documents)}
    found: dict[int, Document] = {}
    for document in prepared.corpus.documents(held.split):
        if document.id in wanted:
            found[wanted[document.id]] = document
    return [found[place] for place in range(len(held.documents))]


def span_text(tokenizer: TrainedTokenizer, ids: np.ndarray, text: str, span: np.ndarray) -> str:
    """What a text says from a first to a last token, without white space around it; "" for no span."""
    first, last = (int(place) for place in span)
    if first < 0:
        return ""
    whole = ids if len(ids) else np.zeros(0, np.int64)
    edges = character_edges(tokenizer, whole, text)
    return text[edges[first] : edges[min(last, len(edges) - 2) + 1]].strip()


def _held_rows(store: TokenStore, held: HeldOut, objective: Objective, context_length: int) -> list[Row]:
    whole = len(held.documents) > 1 or len(held.tokens) == len(store.document(int(held.documents[0])))
    if objective.unit == "document" or whole:
        return rows_of(store, held.documents, objective, context_length)
    return pieces(store, int(held.documents[0]), objective.raw_length(context_length), most=len(held.tokens))


def _baselines(prepared: Prepared, held: HeldOut, measured: Measured, true: np.ndarray) -> list[class_baselines.ClassBaseline]:
    train, other, ours = prepared.stores["train"], prepared.stores[held.split], measured.sums["accuracy"]
    common = class_baselines.commonest(train)
    bayes = class_baselines.naive_bayes(train, other, held.documents, prepared.tokenizer.vocabulary.size)
    return [class_baselines.against("commonest_class", "always the commonest class", ours, (true == common).astype(float)),
            class_baselines.against("naive_bayes", "naive Bayes over tokens", ours, (true == bayes).astype(float))]  # fmt: skip


def validation(
    objective: Objective, prepared: Prepared, held: HeldOut, owned: Any, *, clock: Clock, closing: Callable[[], float]
) -> Callable[[Any], dict[str, float]] | None:
    """Measures some validation documents, and by the time that takes keeps enough of the budget for the held-out ones.
    ``closing``: seconds that saving and report take."""
    store = prepared.stores.get("validation")
    if store is None:
        return None
    by_hash = np.array(sorted(range(store.num_documents), key=lambda i: key(0, "validation", int(store.starts[i]), i)))
    ends = np.cumsum(np.diff(store.starts)[by_hash])
    chosen = np.sort(by_hash[: max(1, int(np.searchsorted(ends, VALIDATION_TOKENS, side="right")))])
    share = len(held.tokens) / max(1, int(ends[len(chosen) - 1]))
    taken: deque[float] = deque(maxlen=3)

    def evaluate(network: Any) -> dict[str, float]:
        rows = rows_of(store, chosen, objective, network.context_length)
        began = time.perf_counter()
        vocabulary = network.vocabulary.with_tokenizer(prepared.tokenizer)
        measured = measure(Trainable(network, owned), objective, rows, vocabulary, what="validation")
        taken.append(time.perf_counter() - began)
        clock.reserve_seconds = closing() + share * sorted(taken)[(len(taken) - 1) // 2]
        figures = ((name, measured.value(name)) for name in measured.sums)
        return {name: value for name, value in figures if value is not None}

    return evaluate


def _accuracies(measured: Measured, beside: list[class_baselines.ClassBaseline]) -> dict[str, Any]:
    value, interval = measured.value("accuracy"), measured.interval("accuracy")
    rows: list[list[Any]] = [["this model", _share(value), _between(interval), ""]]
    for other in beside:
        rows.append([other["label"], _share(other["accuracy"]), _between(other["accuracy_ci95"]), other["verdict"]])
    return {"title": "Accuracy", "columns": ["classifier", "accuracy", "95 % interval", "this model is"], "rows": rows}


def _by_class(true: np.ndarray, told: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    """Precision, recall and F1 of each class (van Rijsbergen 1979), where they are defined."""
    rows = []
    for i, name in enumerate(names):
        right, of, said = int(((true == i) & (told == i)).sum()), int((true == i).sum()), int((told == i).sum())
        f1 = 2 * right / (of + said) if of + said else None
        rows.append([name, of, _share(right / said if said else None), _share(right / of if of else None), _share(f1)])
    return {"title": "By class", "columns": ["class", "documents", "precision", "recall", "F1"], "rows": rows}


def _confusion(true: np.ndarray, told: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    rows = [[name, *(int(((true == i) & (told == j)).sum()) for j in range(len(names)))] for i, name in enumerate(names)]
    return {"title": "What is taken for what", "columns": ["true class", *(f"told {name}" for name in names)], "rows": rows}


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _between(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
