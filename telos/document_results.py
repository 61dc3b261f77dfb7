"""Held-out documents under a model whose objective is of whole documents: figures, what a classifier must beat, tables.

Tests: tests/end_to_end/test_classification.py, tests/test_document_results.py.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from telos.evaluate import class_baselines
from telos.evaluate.documents import Measured, answers, measure
from telos.foundation.random import key
from telos.held_out import HeldOut
from telos.objectives import Objective
from telos.stages import Prepared
from telos.tokens.batches import Row
from telos.tokens.documents import document_row
from telos.tokens.store import TokenStore
from telos.train.clock import Clock
from telos.train.trainable import Trainable

VALIDATION_TOKENS = 65_536
"""Validation during training measures documents of about so many tokens, chosen by a hash."""
MOST_CONFUSED = 12
"""A table of what is taken for what is shown up to so many classes."""


@dataclass(frozen=True, slots=True)
class DocumentResult:
    """``headline``: figures with their intervals.  ``baselines``: classifiers beside ours.  ``tables``: for the report."""

    headline: dict[str, Any]
    baselines: list[class_baselines.ClassBaseline]
    tables: list[dict[str, Any]]


def rows_of(store: TokenStore, documents: np.ndarray, objective: Objective, context_length: int) -> list[Row]:
    """Each document as a row; of an objective over the stream, as rows of what fits one after another."""
    longest = objective.raw_length(context_length)
    if objective.unit == "document":
        return [document_row(store, int(i), longest, int(i)) for i in documents]
    return [row for i in documents for row in pieces(store.document(int(i)), int(i), longest, store.end_of_text)]


def pieces(tokens: np.ndarray, document: int, longest: int, end: int) -> list[Row]:
    """Rows of at most ``longest`` tokens that are one document together, its end included."""
    return [Row(part, end if at == 0 else int(tokens[at - 1]), np.full(len(part), document, np.int64), at)
            for at in range(0, len(tokens), longest) for part in [tokens[at : at + longest]]]  # fmt: skip


def result(objective: Objective, prepared: Prepared, held: HeldOut, model: Trainable, *, baselines: bool) -> DocumentResult:
    """Measure the held-out documents.  ``baselines``: also what a classifier must beat, on the same documents."""
    store, vocabulary = prepared.stores[held.split], model.network.vocabulary.with_tokenizer(prepared.tokenizer)
    rows = _held_rows(store, held, objective, model.network.context_length)
    measured = measure(model, objective, rows, vocabulary)
    if objective.annotation != "label":
        return DocumentResult(measured.headline(), [], [])
    told = answers(model, objective, rows, vocabulary, lambda logits: logits.argmax(1))
    true = np.array([row.label for row in rows], np.int64)
    beside = _baselines(prepared, held, measured, true) if baselines else []
    tables = [_by_class(true, told, store.labels or ())]
    if len(vocabulary.labels) <= MOST_CONFUSED:
        tables.append(_confusion(true, told, store.labels or ()))
    if beside:
        tables.insert(0, _accuracies(measured, beside))
    return DocumentResult(measured.headline(), beside, tables)


def _held_rows(store: TokenStore, held: HeldOut, objective: Objective, context_length: int) -> list[Row]:
    whole = len(held.documents) > 1 or len(held.tokens) == len(store.document(int(held.documents[0])))
    if objective.unit == "document" or whole:
        return rows_of(store, held.documents, objective, context_length)
    return pieces(held.tokens, int(held.documents[0]), objective.raw_length(context_length), store.end_of_text)


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
