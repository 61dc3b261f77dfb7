"""What any classifier must beat: the commonest class, and naive Bayes over tokens.

    log p(c | d) = log N_c / N + Σ_{t ∈ d} log (n_{c,t} + 1) / (n_c + V)   + a constant

N_c documents of class c, n_{c,t} times token t in them, n_c tokens in all: multinomial naive Bayes with add-one smoothing
(McCallum and Nigam 1998, "A Comparison of Event Models for Naive Bayes Text Classification", equations 4 to 6).
Tests: tests/evaluate/test_class_baselines.py (scikit-learn's MultinomialNB).
"""

from typing import TypedDict

import numpy as np

from telos.evaluate.likelihood import Interval, bootstrap
from telos.evaluate.metrics.accuracy import wilson
from telos.evaluate.verdict import Verdict, verdict
from telos.tokens.store import TokenStore

TOKENS_AT_ONCE = 2**22


class ClassBaseline(TypedDict):
    """A classifier beside ours on the same documents.  ``difference``: ours − theirs in accuracy, above zero where ours is right
    more often; its interval is of differences document by document."""

    name: str
    label: str
    accuracy: float
    accuracy_ci95: Interval | None
    difference: float
    difference_ci95: Interval | None
    verdict: Verdict


def against(name: str, label: str, ours: np.ndarray, theirs: np.ndarray) -> ClassBaseline:
    """``ours`` and ``theirs``: 1 where a document's class is right, else 0."""
    difference = ours.astype(float) - theirs
    interval = bootstrap(difference, np.ones(len(difference)))
    return {
        "name": name,
        "label": label,
        "accuracy": float(theirs.mean()),
        "accuracy_ci95": wilson(float(theirs.sum()), len(theirs)),
        "difference": float(difference.mean()),
        "difference_ci95": interval,
        # `verdict` is of costs, of which fewer are better.
        "verdict": verdict(None if interval is None else (-interval[1], -interval[0])),
    }


def commonest(train: TokenStore) -> int:
    """The class that most training documents have; of equals the first."""
    return int(train.label_counts().argmax())


def naive_bayes(train: TokenStore, other: TokenStore, documents: np.ndarray, vocabulary_size: int) -> np.ndarray:
    """The class of each of these documents of another store, int64.  Time O(tokens); memory O(classes · vocabulary)."""
    counts, documents_of = _counts(train, vocabulary_size), train.label_counts()
    with np.errstate(divide="ignore"):
        prior = np.log(documents_of / documents_of.sum())
    weights = np.log(counts + 1.0) - np.log(counts.sum(1, keepdims=True) + vocabulary_size)
    scores = [prior + weights[:, other.document(int(i))[:-1]].sum(1) for i in documents]
    return np.array(scores).reshape(len(documents), len(documents_of)).argmax(1)


def _counts(store: TokenStore, vocabulary_size: int) -> np.ndarray:
    """How often each class has each token, ends of text left out: int64 (C, V)."""
    assert store.labels is not None
    classes = len(store.labels)
    labels = np.array([classes if (label := store.label(i)) is None else label for i in range(store.num_documents)])
    counts = np.zeros((classes + 1, vocabulary_size), np.int64)
    first = 0
    while first < store.num_documents:
        last = max(first + 1, int(np.searchsorted(store.starts, store.starts[first] + TOKENS_AT_ONCE, side="right")) - 1)
        tokens = store.read(int(store.starts[first]), int(store.starts[last])).astype(np.int64)
        of = np.repeat(labels[first:last], np.diff(store.starts[first : last + 1]))
        counts += np.bincount(of * vocabulary_size + tokens, minlength=counts.size).reshape(counts.shape)
        first = last
    counts[:, store.end_of_text] = 0
    return counts[:classes]
