"""What is measured of documents: any grouping gives the same, intervals by kind, undefined figures left out."""

import numpy as np
import pytest
import torch

from telos.evaluate import documents
from telos.evaluate.documents import Measured, answers, in_batches, measure
from telos.evaluate.likelihood import bootstrap
from telos.evaluate.metrics.accuracy import wilson
from telos.models.bag_of_embeddings import BagOfEmbeddings
from telos.objectives.classification import Classification
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.trainable import Trainable

VOCABULARY = Vocabulary(20, "test", {END_OF_TEXT: 20}, ("a", "b", "c"))


@pytest.fixture
def model():
    network = BagOfEmbeddings(hidden_size=8).build(VOCABULARY)
    owned = Classification().build(network, VOCABULARY)
    with torch.no_grad():
        owned.linear.weight.normal_(0, 30, generator=torch.Generator().manual_seed(1))
    made = Trainable(network, owned)
    made.train(False)
    return made


@pytest.fixture
def rows():
    rng = np.random.default_rng(1)
    lengths = [1, 9, 3, 0, 30, 2, 17, 5]
    return [Row(rng.integers(0, 20, n), 20, np.full(n, i), i, label=i % 3) for i, n in enumerate(lengths)]


def test_each_value_stands_at_its_own_row_however_they_are_grouped(model, rows, monkeypatch):
    together = measure(model, Classification(), rows, VOCABULARY)
    shares = answers(model, Classification(), rows, VOCABULARY, lambda logits: logits.softmax(1))
    monkeypatch.setattr(documents, "BATCH_TOKENS", 20)
    assert len(list(in_batches(Classification(), rows, VOCABULARY, seed=1))) > 3
    apart = measure(model, Classification(), rows, VOCABULARY)
    for name, values in together.sums.items():
        np.testing.assert_allclose(apart.sums[name], values, atol=1e-5)
    np.testing.assert_allclose(together.sums["nats_per_label"], [-np.log(shares[i, i % 3]) for i in range(8)], atol=1e-5)
    np.testing.assert_array_equal(together.sums["accuracy"], shares.argmax(1) == np.arange(8) % 3)
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-6)
    assert 0 < together.value("accuracy") < 1


def test_every_row_is_in_exactly_one_batch(rows, monkeypatch):
    monkeypatch.setattr(documents, "BATCH_TOKENS", 20)
    places = [place for some, _ in in_batches(Classification(), rows, VOCABULARY, seed=1) for place in some]
    assert sorted(places) == list(range(8))


def test_right_or_wrong_has_wilsons_interval_and_anything_else_a_bootstrap():
    right, nats, tokens = np.array([1.0, 0, 1, 1, 0, 1]), np.arange(6.0), np.array([1.0, 2, 3, 1, 2, 3])
    measured = Measured({"accuracy": right, "nats": nats}, {"accuracy": np.ones(6), "nats": tokens})
    assert measured.interval("accuracy") == wilson(4, 6)
    assert measured.interval("nats") == bootstrap(nats, tokens)
    found = measured.headline()
    assert next(iter(found)) == "accuracy"
    assert (found["accuracy"], found["nats"], found["test_documents"]) == (pytest.approx(4 / 6), pytest.approx(15 / 12), 6)


def test_undefined_is_left_out():
    measured = Measured({"accuracy": np.zeros(2), "nats": np.zeros(2)}, {"accuracy": np.ones(2), "nats": np.zeros(2)})
    assert measured.value("nats") is None
    assert "nats" not in measured.headline()
