"""Infilling: both orders by hand, a permutation of the text for any text, texts that stay against `causal`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.objectives.causal import Causal
from telos.objectives.infill import MIDDLE, PREFIX, SUFFIX, Infill
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

END = 100
VOCABULARY = Vocabulary(END, "test", {END_OF_TEXT: END}).with_specials((PREFIX, SUFFIX, MIDDLE))
P, S, M = (VOCABULARY.specials[name] for name in (PREFIX, SUFFIX, MIDDLE))


def _row(tokens, documents, previous=END) -> Row:
    return Row(np.array(tokens, np.uint16), previous, np.array(documents, np.int64), 0)


def _example(row, seed=0, **how):
    return Infill(**how).examples(row, np.random.default_rng(seed), VOCABULARY)


def _text(target: list[int]) -> tuple[list[int], str]:
    """What was cut, put together again, and in which order it stood; with nothing before the middle the two are the same."""
    assert target[-1] == END
    body = target[:-1]
    if not body or body[0] != P:
        return body, "whole"
    if body[1] == S:
        middle = body.index(M)
        behind, rest = body[2:middle], body[middle + 1 :]
        return rest + behind, "suffix first"
    suffix, middle = body.index(S), body.index(M)
    return body[1:suffix] + body[middle + 1 :] + body[suffix + 1 : middle], "prefix first"


@pytest.mark.parametrize(("suffix_first", "order"), [(0, "prefix first"), (1, "suffix first")])
@given(text=st.lists(st.integers(0, END - 1), max_size=40), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_each_order_is_the_text_with_its_middle_at_the_end(suffix_first, order, text, seed):
    example = _example(_row([*text, END], [3] * (len(text) + 1)), seed, rate=1, suffix_first=suffix_first)
    found, seen = _text(example["targets"].tolist())
    assert found == text
    assert seen == order or example["targets"][1] == S
    assert example["tokens"].tolist() == [END, *example["targets"].tolist()[:-1]]
    assert set(example["weights"]) == {1}


@given(texts=st.lists(st.lists(st.integers(0, END - 1), max_size=12), min_size=1, max_size=5), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_documents_of_a_row_are_cut_each_by_itself(texts, seed):
    tokens = [token for text in texts for token in [*text, END]]
    example = _example(_row(tokens, [i for i, text in enumerate(texts) for _ in range(len(text) + 1)]), seed, rate=0.7)
    found = [example["targets"][example["segments"] == i].tolist() for i in range(1, len(texts) + 1)]
    assert [_text(one)[0] for one in found] == texts


def test_cuts_and_orders_are_drawn_as_often_as_asked_for_and_places_evenly():
    row = _row([*range(9), END], [0] * 10)
    drawn = [_example(row, seed, rate=0.6, suffix_first=0.25)["targets"].tolist() for seed in range(1500)]
    orders = [_text(target)[1] for target in drawn]
    assert orders.count("whole") / 1500 == pytest.approx(0.4, abs=0.04)
    # A quarter of 0.6; and of the rest those with nothing before the middle, 1 − (9/10)² of them.
    assert orders.count("suffix first") / 1500 == pytest.approx(0.15 + 0.45 * 0.19, abs=0.035)
    lengths = [_example(row, seed, rate=1, suffix_first=0)["targets"].tolist().index(S) - 1 for seed in range(1500)]
    # The smaller of two numbers drawn evenly from 0 … 9 has the mean Σ_k P(both ≥ k) = Σ_{k=1}^{9} ((10 − k) ÷ 10)² = 2.85.
    assert np.mean(lengths) == pytest.approx(2.85, abs=0.2)


@pytest.mark.parametrize("row", [
    _row([5, 6, END, 7, 8, END], [3, 3, 3, 1, 1, 1]),
    _row([5, 6, END, 7, 8], [3, 3, 3, 1, 1], previous=9),
    _row([7, 8, 9], [1, 1, 1]),
])  # fmt: skip
def test_texts_that_stay_are_what_causal_makes_of_them(row):
    ours, theirs = _example(row, rate=0), Causal().examples(row, np.random.default_rng(0), VOCABULARY)
    for name in ("tokens", "targets", "weights"):
        assert ours[name].tolist() == theirs[name].tolist()
    assert (np.diff(ours["segments"]) != 0).tolist() == (np.diff(theirs["segments"]) != 0).tolist()


@pytest.mark.parametrize("context", [8, 64, 256])
def test_as_much_of_a_document_is_drawn_as_fits(context):
    raw = Infill().raw_length(context)
    lengths = [len(_example(_row([1] * n, [0] * n), rate=1)["tokens"]) for n in (raw, raw + 1)]
    assert lengths[0] <= context < lengths[1]
