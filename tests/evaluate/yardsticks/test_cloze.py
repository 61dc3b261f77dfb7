"""Cloze: a model that knows the text, models that know nothing, ties, batches and budgets."""

import math

import numpy as np
import pytest

from telos.evaluate.yardsticks import Context
from telos.evaluate.yardsticks._words import hidden_words
from telos.evaluate.yardsticks.cloze import Cloze, share_right
from telos.evaluate.yardsticks.infilling import Infilling
from telos.models.transformer import Transformer

RNG = np.random.default_rng(7)
WORDS = [a + b + c for a in "bcdfgh" for b in "aeiou" for c in "klmn"]
TEXTS = [" ".join(RNG.permutation(WORDS)) + "." for _ in range(4)]
"""Every word once a text: no word is more frequent than another, and all have the same length."""
WAYS = ("causal", "gru", "prefix", "infill", "masked", "masked_diffusion", "permutation", "spans_causal", "spans_prefix",
        "spans_both", "replaced_token")  # fmt: skip
SMALL = Cloze(words=60, characters=16)


def test_a_model_that_knows_the_text_is_always_right(ngram):
    found = Cloze(words=80, characters=60).measure(ngram(TEXTS, order=9), Context(TEXTS))
    assert found.value == 1
    assert found.interval[0] > 0.9
    assert found.comparable == "accuracy among words: 10 choices"
    assert found.beside["chance"] == 0.1
    assert found.beside["accuracy_left_side_alone"] > 0.9


def test_the_right_side_helps_a_model_that_counts(ngram):
    """The first letters of a text have no left side: there the right side alone tells."""
    texts = [f"{word} and then {word} again." for word in WORDS]
    one = ngram(texts, order=20)
    found = Cloze(words=200).measure(one, Context(texts))
    assert found.value > found.beside["accuracy_left_side_alone"] + 0.1


@pytest.mark.parametrize("name", WAYS)
def test_a_model_that_knows_nothing_is_at_chance(subject, name):
    """Random weights, words drawn at random: the share right is binomial, three deviations."""
    found = SMALL.measure(subject(name), Context(TEXTS))
    assert abs(found.value - 0.1) < 3.1 * math.sqrt(0.1 * 0.9 / 60)
    assert found.kind == "accuracy"
    assert found.comparable == "accuracy among words: 10 choices"
    assert found.sees.startswith("both sides")


def test_equal_scores_are_a_guess(subject):
    one = subject("causal")
    fresh = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=128).build(one.model.vocabulary)
    found = SMALL.measure(type(one)(fresh, one.tokenizer, one.objective), Context(TEXTS))
    assert found.values == pytest.approx(np.full(60, 0.1))
    assert share_right(np.array([1.0, 3.0, 3.0]), 1) == 0.5
    assert share_right(np.array([1.0, 3.0, 3.0]), 0) == 0
    assert share_right(np.array([4.0, 3.0, 3.0]), 0) == 1


@pytest.mark.parametrize("name", ["causal", "masked", "permutation", "spans_both"])
def test_neither_the_batch_size_nor_the_budget_changes_a_word(subject, name):
    whole = SMALL.measure(subject(name), Context(TEXTS))
    small = SMALL.measure(subject(name), Context(TEXTS, batch_tokens=100))
    np.testing.assert_array_equal(whole.values, small.values)
    part = SMALL.measure(subject(name), Context(TEXTS, budget_seconds=0.0))
    assert len(part.items) == 32
    known = dict(zip(whole.items, whole.values, strict=True))
    assert [known[item] for item in part.items] == part.values.tolist()


def test_infilling_is_right_where_the_word_is_written(ngram):
    """A model that counts continues the left side: it knows the text by heart, and so what follows 60 characters."""
    one = ngram(TEXTS * 3, order=9)
    found = Infilling(words=80, characters=60).measure(one, Context(TEXTS))
    assert found.value > 0.9
    assert found.comparable == "exact match, given the left side alone"
    assert Infilling(words=80, characters=60).measure(ngram(["zz yy xx"]), Context(TEXTS)).value == 0


@pytest.mark.parametrize(("name", "sees"), [("infill", "both sides"), ("spans_both", "both sides"),
                                            ("masked", "both sides and the number of tokens")])  # fmt: skip
def test_infilling_of_other_kinds_is_not_compared(subject, name, sees):
    found = Infilling(words=5, characters=9).measure(subject(name), Context(TEXTS))
    assert found.comparable == f"exact match, given {sees}"
    assert found.value == 0
    hidden = hidden_words(TEXTS, (), count=5, choices=1, characters=9, seed=1)
    assert found.items == [word.name for word in hidden]


def test_a_detector_writes_nothing(subject):
    assert "does not write words" in Infilling().applies(subject("replaced_token"))
