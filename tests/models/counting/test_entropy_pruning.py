"""Relative-entropy pruning: the divergence by summing over every token, sums to 1, and what thresholds do."""

import math

import numpy as np
import pytest

from telos.models.counting.back_off import BackOff
from telos.models.counting.entropy_pruning import divergences, prune
from telos.models.ngram import CountedNGram, NGram
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

SIZE = 9


def counted(order: int = 3, **settings) -> CountedNGram:
    rng = np.random.default_rng(3)
    tokens = [0]
    for u in rng.random(1500):
        tokens.append(int((tokens[-1] * 2 + u * 4) % 8) if u < 0.8 else 8)
    model = NGram(order=order, **settings).build(Vocabulary(8, "", {END_OF_TEXT: 8}))
    model.fit(np.array(tokens))
    return model


def distribution(model: BackOff, history: tuple[int, ...]) -> np.ndarray:
    return model.following(np.array(history))


@pytest.mark.parametrize("length", [2, 3])
def test_the_divergence_is_that_of_the_whole_distributions(length: int):
    """p(c) · Σ_v p(v | c) log p(v | c) / p'(v | c), with p' made by taking one n-gram out and weighing the rest anew."""
    model = counted().back_off
    found, grams = divergences(model, length), model.grams(length)
    assert len(grams) > 20
    for place in range(0, len(grams), 7):
        *context, token = grams[place].tolist()
        before = distribution(model, tuple(context))
        lower = distribution(model, tuple(context[1:])) if length > 2 else model.unigrams
        listed = {gram[-1] for gram in grams.tolist() if gram[:-1] == context} - {token}
        others = [v for v in range(SIZE) if v not in listed]
        after = before.copy()
        after[others] = (1 - before[list(listed)].sum()) * lower[others] / lower[others].sum()
        joint = math.prod(distribution(model, tuple(context[:k]))[context[k]] if k else model.unigrams[context[0]]
                          for k in range(len(context)))  # fmt: skip
        assert after.sum() == pytest.approx(1)
        assert found[place] == pytest.approx(joint * (before * np.log(before / after)).sum(), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("threshold", [1e-4, 1e-3, 1e-2, 1.0])
def test_probabilities_still_add_up_to_one(threshold: float):
    model, whole = prune(counted(4).back_off, threshold), counted(4).back_off
    assert sum(map(len, model.keys)) < sum(map(len, whole.keys))
    for history in [(8,), (0,), (1, 2), (3, 6, 4), (8, 0), (8, 5, 5), (7, 7, 7)]:
        assert model.following(np.array(history)).sum() == pytest.approx(1, abs=1e-12)


def test_nothing_goes_at_zero_and_all_at_infinity_and_more_in_between():
    whole = counted(4).back_off
    sizes = [sum(map(len, prune(whole, threshold).keys)) for threshold in (0.0, 1e-5, 1e-4, 1e-3, math.inf)]
    assert sizes[0] == sum(map(len, whole.keys))
    assert sizes[-1] == 0
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 5


def test_the_n_grams_that_stay_keep_their_probability_and_their_context():
    whole, model = counted(3).back_off, prune(counted(3).back_off, 1e-3)
    for length in (2, 3):
        places = whole.ids(model.grams(length))
        assert (places >= 0).all()
        np.testing.assert_array_equal(model.probabilities[length - 2], whole.probabilities[length - 2][places])


def test_the_setting_prunes_and_costs_little_perplexity():
    text = np.array([0, 1, 3, 6, 4, 8, 2, 5, 8, 0, 0, 1])
    pruned, whole = counted(3, prune_threshold=1e-3), counted(3)
    assert pruned.state_bytes < whole.state_bytes
    assert pruned.nll(text).mean() == pytest.approx(whole.nll(text).mean(), abs=0.1)
    assert not np.array_equal(pruned.nll(text), whole.nll(text))
