"""Bits per byte as a yardstick: equal to what `telos score` computes, bounds above known entropies, items and budgets."""

import math

import numpy as np
import pytest

from telos.evaluate.likelihood import Likelihood, unit_edges
from telos.evaluate.score import network_nll
from telos.evaluate.yardsticks import Context
from telos.evaluate.yardsticks.bits_per_byte import BitsPerByte, bounding
from telos.foundation.errors import TelosError
from telos.models.transformer import Transformer

FEW = ["the cat sees the dog. " * 30, "猫看见狗。" * 90, "a", "dogs and cats and " * 300]
MANY = [f"document {i}: the cat sees {'the dog ' * (i % 5)}" for i in range(25)]


def by_hand(one, texts, nll):
    """(bits of each unit, its bytes), documents in their order."""
    tokens = np.concatenate([np.append(one.tokenizer.encode(text), one.model.vocabulary.end_of_text) for text in texts])
    sizes = np.array([1] * 256 + [0] * 200)[tokens]
    lengths = np.array([len(text.encode()) for text in texts])
    return Likelihood.of(nll(tokens.astype(np.int64)), sizes, unit_edges(lengths))


@pytest.mark.parametrize("texts", [FEW, MANY], ids=["few", "many"])
def test_the_figure_of_a_model_that_counts_is_that_of_its_stream(ngram, texts):
    one = ngram(["the cat sees the mat", "document 猫"])
    found = BitsPerByte().measure(one, Context(texts))
    wanted = by_hand(one, texts, one.model.nll)
    assert found.value == pytest.approx(wanted.bits_per_byte, rel=1e-6)
    assert sorted(found.values) == pytest.approx(sorted(wanted.nats / math.log(2)), rel=1e-5)
    assert (found.kind, found.comparable) == ("exact", "likelihood")


@pytest.mark.parametrize("name", ["causal", "prefix", "infill", "gru"])
def test_the_figure_of_a_network_is_that_of_scoring(subject, name):
    one = subject(name)
    found = BitsPerByte().measure(one, Context(MANY))
    alone = np.concatenate([network_nll(one.model, np.append(one.tokenizer.encode(text), 256)) for text in MANY])
    assert found.value == pytest.approx(by_hand(one, MANY, lambda tokens: alone).bits_per_byte, rel=1e-5)
    small = BitsPerByte().measure(one, Context(MANY, batch_tokens=200))
    np.testing.assert_allclose(small.values, found.values, rtol=1e-4)


def test_documents_are_named_and_few_are_parted(ngram):
    one = ngram(MANY)
    names = tuple(f"d{i}" for i in range(25))
    assert sorted(BitsPerByte().measure(one, Context(MANY, names)).items) == sorted(names)
    few = BitsPerByte().measure(one, Context(FEW, ("a", "b", "c", "d")))
    assert sorted(few.items) == ["a", "b", "c", "d#0", "d#1", "d#2"]
    assert few.weights.sum() == sum(len(text.encode()) for text in FEW)


def test_a_budget_leaves_documents_out_and_keeps_the_values_of_the_others(ngram, monkeypatch):
    from telos.evaluate.yardsticks import bits_per_byte

    one = ngram(MANY[:3])
    whole = BitsPerByte().measure(one, Context(MANY))
    monkeypatch.setattr(bits_per_byte, "CHUNK_BYTES", 200)
    part = BitsPerByte().measure(one, Context(MANY, budget_seconds=0.0))
    assert 0 < len(part.items) < len(MANY)
    known = dict(zip(whole.items, whole.values, strict=True))
    assert part.values == pytest.approx([known[item] for item in part.items])


def test_a_bound_of_a_model_that_knows_nothing(subject):
    """A new network gives every token the same probability: each order costs log V a token, exactly."""
    one = subject("permutation")
    vocabulary = one.model.vocabulary
    fresh = type(one)(Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=64).build(vocabulary), one.tokenizer,
                      one.objective)  # fmt: skip
    found = BitsPerByte(draws=1).measure(fresh, Context(MANY))
    tokens = sum(len(text) + 1 for text in MANY)
    assert found.value == pytest.approx(math.log2(vocabulary.size) * tokens / (tokens - len(MANY)), rel=1e-4)
    assert (found.kind, found.comparable) == ("bound", "bound on the likelihood, over random orders")
    assert sorted(found.items, key=int) == [str(i) for i in range(25)]


def test_the_bound_of_masked_diffusion_is_its_own(subject):
    """The mean over draws is near log V a token where nothing is known: shares of hidden tokens are drawn."""
    one = subject("masked_diffusion")
    vocabulary = one.model.vocabulary
    fresh = type(one)(Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=64).build(vocabulary), one.tokenizer,
                      one.objective)  # fmt: skip
    found = BitsPerByte(draws=20).measure(fresh, Context(MANY))
    tokens = sum(len(text) + 1 for text in MANY)
    assert found.value == pytest.approx(math.log2(vocabulary.size) * tokens / (tokens - len(MANY)), rel=0.05)
    assert BitsPerByte(draws=20).measure(fresh, Context(MANY)).value == found.value
    assert BitsPerByte(draws=20).measure(fresh, Context(MANY, seed=2)).value != found.value


@pytest.mark.parametrize("name", ["masked", "spans_both", "replaced_token"])
def test_what_gives_no_likelihood_says_so(subject, name):
    assert "gives no likelihood of a text" in BitsPerByte().applies(subject(name))
    with pytest.raises(TelosError, match="yardstick 'bits_per_byte' must apply to the model"):
        BitsPerByte().measure(subject(name), Context(MANY))


def test_permutation_is_asked_for_every_token(subject):
    assert bounding(subject("permutation").objective).predicted_fraction == 1
    assert bounding(subject("masked").objective) is None


def test_texts_must_be_there(ngram):
    with pytest.raises(TelosError, match="yardstick 'bits_per_byte' needs held-out texts"):
        BitsPerByte().measure(ngram(["a"]), Context())
    with pytest.raises(TelosError, match="must have at least one byte"):
        BitsPerByte().measure(ngram(["a"]), Context([""]))
