"""Additive smoothing and maximum likelihood: the formula on every context, and the bigrams of names."""

import math
from collections import Counter

import numpy as np
import pytest

from telos.models.ngram import NGram
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

END, SIZE = 5, 6
STREAM = np.array([0, 1, 0, 1, 2, END, 0, 0, 1, END, 3, END, END, 1, 2, 2, 1, 0])


def formula(history: list[int], token: int, order: int, pseudocount: float) -> float:
    """Counts of whole contexts, by going through every document."""
    context = tuple([END, *history][-(order - 1) :]) if order > 1 else ()
    n: Counter[tuple[int, ...]] = Counter()
    document: list[int] = [END]
    for t in STREAM.tolist():
        n[(*document[-(order - 1) :], t) if order > 1 else (t,)] += 1
        document = [END] if t == END else [*document, t]
    total = sum(count for gram, count in n.items() if gram[:-1] == context)
    if total + pseudocount == 0:
        return 1 / SIZE
    return (n[(*context, token)] + pseudocount) / (total + pseudocount * SIZE)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("pseudocount", [1.0, 0.25, 0.0])
def test_equals_the_formula_after_any_context(order: int, pseudocount: float):
    smoothing = {"smoothing": "additive", "pseudocount": pseudocount} if pseudocount else {"smoothing": "maximum_likelihood"}
    model = NGram(order=order, **smoothing).build(Vocabulary(5, "", {END_OF_TEXT: END}))
    model.fit(STREAM)
    histories = ([], [0], [1], [4], [0, 1], [1, 0], [4, 4], [0, 1, 2], [2, 2, 1], [3, 0, 1, 0])
    for history in histories:
        wanted = [formula(history, token, order, pseudocount) for token in range(SIZE)]
        np.testing.assert_allclose(np.exp(model.log_probabilities(np.array(history, int))), wanted, rtol=1e-12, atol=1e-15)
    text = np.array([*STREAM[:6], 4, 0, 1, 2, 2, END, 2])
    document: list[int] = []
    for token, nll in zip(text.tolist(), model.nll(text), strict=True):
        p = formula(document, token, order, pseudocount)
        assert nll == (pytest.approx(-math.log(p), rel=1e-6) if p else math.inf)
        document = [] if token == END else [*document, token]


@pytest.mark.data
@pytest.mark.parametrize(
    ("settings", "published"),
    [({"smoothing": "maximum_likelihood"}, 2.4540), ({"smoothing": "additive", "pseudocount": 1.0}, 2.4546)],
)
def test_bigrams_of_names(shared_data, settings, published):
    """Nats a character of all names under the bigrams of all names, the end included (Karpathy, makemore)."""
    names = (shared_data / "names" / "names.txt").read_text().split()
    end = 26
    tokens = np.array([t for name in names for t in [*(ord(c) - ord("a") for c in name), end]])
    model = NGram(order=2, **settings).build(Vocabulary(26, "", {END_OF_TEXT: end}))
    model.fit(tokens)
    assert round(float(model.nll(tokens).mean(dtype=np.float64)), 4) == published
