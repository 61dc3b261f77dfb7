"""Classification: pooling by loops, the loss by torch, scikit-learn's optimum, any split into micro-batches, what is refused."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from telos.foundation.errors import TelosError
from telos.models import Inputs, Model
from telos.models.bag_of_embeddings import BagOfEmbeddings
from telos.models.ngram import NGram
from telos.models.softmax_regression import SoftmaxRegression
from telos.models.transformer import Transformer
from telos.objectives import collate
from telos.objectives.causal import Causal
from telos.objectives.classification import Classification
from telos.tokens.batches import Row
from telos.tokens.vocabulary import BEGIN_OF_TEXT, END_OF_TEXT, Vocabulary
from telos.train.gradients import accumulate
from telos.train.trainable import Trainable
from tests.objectives.heads import with_drawn_head

VOCABULARY = Vocabulary(20, "test", {END_OF_TEXT: 20}, ("neg", "neutral", "pos"))
TRANSFORMER = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=12)
TEXTS = [[3, 5, 3], [7], [1, 2, 3, 4, 5, 6], []]


def rows(labels=(2, 0, 1, 0)):
    return [Row(np.array(text, np.uint16), 20, np.full(len(text), i), i, label=label)
            for i, (text, label) in enumerate(zip(TEXTS, labels, strict=True))]  # fmt: skip


def batch_of(objective, labels=(2, 0, 1, 0)):
    return collate([objective.examples(row, np.random.default_rng(0), VOCABULARY) for row in rows(labels)])


def trainable(objective, spec=TRANSFORMER):
    return with_drawn_head(objective, spec, VOCABULARY)


RNG = np.random.default_rng(0)


@pytest.mark.parametrize("pooling", ["mean", "last", "first"])
def test_the_head_reads_what_the_network_made_of_each_text_alone(pooling):
    objective = Classification(pooling=pooling)
    model = trainable(objective)
    found = objective.logits(model, batch_of(objective))
    for text, logits in zip(TEXTS, found, strict=True):
        values = model.network.hidden(Inputs(torch.tensor([[20, *text]]))).values_BTD[0]
        pooled = {"mean": values.mean(0), "last": values[-1], "first": values[0]}[pooling]
        linear = model.owned.linear
        torch.testing.assert_close(logits, linear.weight @ pooled + linear.bias, atol=1e-5, rtol=1e-5)


def test_a_text_begins_with_a_tokenizers_own_begin_of_text():
    vocabulary = VOCABULARY.with_specials((BEGIN_OF_TEXT,))
    assert Classification().examples(rows()[0], RNG, vocabulary)["tokens"].tolist() == [21, 3, 5, 3]


@pytest.mark.parametrize("spec", [TRANSFORMER, BagOfEmbeddings(hidden_size=8, buckets=50)], ids=lambda spec: spec.kind())
def test_the_loss_and_what_is_measured(spec):
    objective = Classification()
    model = trainable(objective, spec)
    batch = batch_of(objective)
    logits = objective.logits(model, batch)
    loss = objective.loss(model, batch, RNG)
    total, coefficient = loss.terms["nats_per_label"]
    labels = torch.tensor([2, 0, 1, 0])
    assert coefficient == 1
    assert total.item() == pytest.approx(functional.cross_entropy(logits, labels, reduction="sum").item(), rel=1e-6)
    assert objective.weights(batch) == {"nats_per_label": 4.0}
    right = (logits.argmax(1) == labels).float()
    assert loss.metrics == {"accuracy": pytest.approx(right.mean().item())}
    measured = objective.measure(model, batch, RNG)
    assert list(measured) == ["accuracy", "nats_per_label"]
    assert torch.equal(measured["accuracy"][0], right)
    assert measured["nats_per_label"][0].sum().item() == pytest.approx(total.item(), rel=1e-6)
    assert all(weights.tolist() == [1] * 4 for _, weights in measured.values())


def test_a_class_that_training_never_saw_is_never_right():
    objective = Classification()
    model = trainable(objective)
    sums = objective.measure(model, batch_of(objective, labels=(3, 4, 1, 9)), RNG)
    assert sums["accuracy"][0][[0, 1, 3]].tolist() == [0, 0, 0]
    assert sums["nats_per_label"][1].tolist() == [0, 0, 1, 0]
    assert sums["nats_per_label"][0][[0, 1, 3]].tolist() == [0, 0, 0]


def test_what_any_objective_measures_is_its_loss_row_by_row():
    objective = Causal()
    network = TRANSFORMER.build(VOCABULARY, seed=3)
    batch = collate([objective.examples(row, RNG, VOCABULARY) for row in rows()[:3]])
    sums, weights = objective.measure(network, batch, RNG)["nll"]
    assert weights.tolist() == [3, 1, 6]
    assert sums.sum().item() == pytest.approx(objective.loss(network, batch, RNG).terms["nll"][0].item(), rel=1e-5)


def test_a_fresh_head_finds_every_class_equally_likely():
    objective = Classification()
    network = TRANSFORMER.build(VOCABULARY, seed=3)
    model = Trainable(network, objective.build(network, VOCABULARY))
    loss = objective.loss(model, batch_of(objective), RNG).terms["nats_per_label"][0]
    assert loss.item() == pytest.approx(4 * np.log(3), rel=1e-6)
    assert model.roles()["objective.linear.weight"] == "head"


@pytest.mark.parametrize("split", [[slice(0, 4)], [slice(0, 1), slice(1, 4)], [slice(i, i + 1) for i in range(4)]])
def test_any_split_gives_the_same_gradient(split):
    objective = Classification()
    gradients = []
    for parts in ([slice(0, 4)], split):
        model = trainable(objective)
        losses = accumulate(model, objective, batch_of(objective), parts, seed=1, step=0)
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-5, rtol=1e-4)
    assert 0 <= losses.metrics["accuracy"] <= 1


def test_at_the_optimum_it_is_scikit_learns_logistic_regression():
    """A frozen bag under the head is multinomial regression on the means: convex, with a known optimum."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    objective = Classification()
    network = BagOfEmbeddings(hidden_size=4, buckets=50).build(VOCABULARY, seed=5)
    draw = np.random.default_rng(6)
    labels = draw.integers(0, 3, 60)
    texts = [np.append(draw.integers(0, 20, draw.integers(1, 8)), label) for label in labels]
    given = [Row(text.astype(np.uint16), 20, np.zeros(len(text)), i, label=int(label))
             for i, (text, label) in enumerate(zip(texts, labels, strict=True))]  # fmt: skip
    batch = collate([objective.examples(row, RNG, VOCABULARY) for row in given])
    model = Trainable(network, objective.build(network, VOCABULARY))
    optimizer = torch.optim.LBFGS(model.owned.parameters(), max_iter=500, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = objective.loss(model, batch, RNG).terms["nats_per_label"][0] / 60 + 0.01 * model.owned.linear.weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        features = network.hidden(Inputs(batch["tokens"], segments_BT=batch["segments"])).values_BTD[:, 0].numpy()
        found = objective.logits(model, batch).softmax(1).numpy()
    # scikit-learn minimises ½ ‖W‖² + C Σ loss: the same as ours at C = 1 ÷ (2 · 0.01 · n).
    reference = linear_model.LogisticRegression(C=1 / (2 * 0.01 * 60), tol=1e-10, max_iter=10_000).fit(features, labels)
    assert np.abs(found - reference.predict_proba(features)).max() < 1e-4


def test_what_is_refused():
    with pytest.raises(TelosError) as error:
        Classification().build(TRANSFORMER.build(VOCABULARY), Vocabulary(20, "test", {END_OF_TEXT: 20}, ("only",)))
    assert (error.value.must, error.value.found) == ("classification needs documents of at least two classes", "1: only")
    assert "corpus.label_field=NAME" in error.value.fix
    with pytest.raises(TelosError) as error:
        Classification().examples(Row(np.array([3]), 20, np.array([7]), 0), RNG, VOCABULARY)
    assert (error.value.must, error.value.found) == ("every document must have a label", "document 7 has none")
    with pytest.raises(TelosError) as error:
        Causal().check(BagOfEmbeddings())
    assert error.value.must == "objective 'causal' needs a model that gives a likelihood of text"
    assert error.value.found == "'bag_of_embeddings' reads a text as a whole and gives none"
    with pytest.raises(TelosError) as error:
        Classification().check(NGram())
    assert "learns by counting" in error.value.found
    Classification().check(BagOfEmbeddings())
    Classification().check(TRANSFORMER)


def test_a_model_without_hidden_values_is_refused():
    with pytest.raises(TelosError) as error:
        Classification().check(SoftmaxRegression())
    assert error.value.found == "'softmax_regression' has none: its output layer is all of it"
    for kind in Model.kinds():
        spec = Model.parse({"kind": kind})
        if spec.learns_by == "gradient" and spec.patterns & {"bidirectional", "causal"} and spec.has_values:
            network = spec.build(VOCABULARY)
            assert network.hidden(Inputs(torch.tensor([[20, 3]]))).values_BTD.is_floating_point(), kind
