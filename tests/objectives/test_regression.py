"""Regression: loss and gradient in NumPy float64, the least-squares optimum, units, any split, what is refused."""

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.models import Inputs
from telos.models.bag_of_embeddings import BagOfEmbeddings
from telos.models.ngram import NGram
from telos.models.softmax_regression import SoftmaxRegression
from telos.models.transformer import Transformer
from telos.objectives import collate
from telos.objectives.regression import Regression
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.gradients import accumulate
from telos.train.trainable import Trainable
from tests.objectives.heads import with_drawn_head

SCALE = (10.0, 4.0)
VOCABULARY = Vocabulary(20, "test", {END_OF_TEXT: 20}).with_value_scale(SCALE)
TRANSFORMER = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=12)
TEXTS, VALUES = [[3, 5, 3], [7], [1, 2, 3, 4, 5, 6], [8, 9]], [11.0, 3.5, 10.0, 42.0]
RNG = np.random.default_rng(0)
ERRORS = [{}, {"error": "absolute"}, {"error": "huber"}, {"error": "huber", "huber_delta": 0.25}]


def batch_of(objective):
    rows = [Row(np.array(text, np.uint16), 20, np.full(len(text), i), i, beside={"value": value})
            for i, (text, value) in enumerate(zip(TEXTS, VALUES, strict=True))]  # fmt: skip
    return collate([objective.examples(row, RNG, VOCABULARY) for row in rows])


def trainable(objective, spec=TRANSFORMER):
    return with_drawn_head(objective, spec, VOCABULARY)


def in_numpy(settings, pooled, weight, bias):
    """(loss, its gradient by weight and bias), the formula of the docstring in float64."""
    r = (np.array(VALUES) - SCALE[0]) / SCALE[1] - (pooled @ weight + bias)
    delta = settings.get("huber_delta", 1.0)
    small = np.abs(r) <= delta
    rho, slope = {
        "squared": (r**2, 2 * r),
        "absolute": (np.abs(r), np.sign(r)),
        "huber": (np.where(small, r**2 / 2, delta * (np.abs(r) - delta / 2)), np.where(small, r, delta * np.sign(r))),
    }[settings.get("error", "squared")]
    return rho.sum(), -(slope[:, None] * pooled).sum(0), -slope.sum()


@pytest.mark.parametrize("settings", [*ERRORS, {"pooling": "last"}, {"pooling": "first"}], ids=str)
def test_loss_and_gradient_are_the_formulas(settings):
    objective = Regression(**settings)
    model = trainable(objective)
    with torch.no_grad():
        values = [model.network.hidden(Inputs(torch.tensor([[20, *text]]))).values_BTD[0].double().numpy() for text in TEXTS]
    pick = {"mean": lambda v: v.mean(0), "last": lambda v: v[-1], "first": lambda v: v[0]}[objective.pooling]
    weight, bias = (p.detach().double().numpy() for p in (model.owned.linear.weight, model.owned.linear.bias))
    loss, by_weight, by_bias = in_numpy(settings, np.array([pick(v) for v in values]), weight[0], bias[0])
    batch = batch_of(objective)
    total, coefficient = objective.loss(model, batch, RNG).terms["error"]
    total.backward()
    assert (coefficient, objective.weights(batch)) == (1.0, {"error": 4.0})
    assert total.item() == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(model.owned.linear.weight.grad[0], by_weight, rtol=1e-4, atol=1e-5)
    assert model.owned.linear.bias.grad.item() == pytest.approx(by_bias, rel=1e-4)


def test_what_is_told_is_in_the_datas_units():
    objective = Regression()
    network = BagOfEmbeddings(hidden_size=8, buckets=50).build(VOCABULARY, seed=5)
    model = Trainable(network, objective.build(network, VOCABULARY))
    batch = batch_of(objective)
    assert objective.told(model, batch).tolist() == [10.0] * 4, "a fresh head tells the mean"
    with torch.no_grad():
        model.owned.linear.bias.fill_(0.5)
    assert objective.told(model, batch).tolist() == [12.0] * 4
    measured = objective.measure(model, batch, RNG)
    assert list(measured) == ["mean_absolute_error", "mean_squared_error"]
    assert measured["mean_absolute_error"][0].tolist() == [1.0, 8.5, 2.0, 30.0]
    assert measured["mean_squared_error"][0].tolist() == [1.0, 72.25, 4.0, 900.0]
    assert objective.loss(model, batch, RNG).metrics["mean_absolute_error"] == pytest.approx(41.5 / 4)
    assert model.roles()["objective.linear.weight"] == "head"


def test_at_the_optimum_it_is_least_squares():
    objective = Regression()
    network = BagOfEmbeddings(hidden_size=3, buckets=50).build(VOCABULARY, seed=5)
    draw = np.random.default_rng(6)
    texts = [draw.integers(0, 20, draw.integers(1, 8)) for _ in range(40)]
    values = [float(text.mean()) for text in texts]
    rows = [Row(text.astype(np.uint16), 20, np.zeros(len(text)), i, beside={"value": value})
            for i, (text, value) in enumerate(zip(texts, values, strict=True))]  # fmt: skip
    batch = collate([objective.examples(row, RNG, VOCABULARY) for row in rows])
    model = Trainable(network, objective.build(network, VOCABULARY))
    model.owned.double()
    with torch.no_grad():
        features = network.hidden(Inputs(batch["tokens"], segments_BT=batch["segments"])).values_BTD[:, 0].double().numpy()
    wanted = np.linalg.lstsq(np.c_[features, np.ones(40)], np.array(values), rcond=None)[0]
    with torch.no_grad():
        model.owned.linear.weight.copy_(torch.tensor(wanted[:-1] / SCALE[1])[None])
        model.owned.linear.bias.copy_(torch.tensor([(wanted[-1] - SCALE[0]) / SCALE[1]]))
    best = ((np.c_[features, np.ones(40)] @ wanted - values) ** 2).sum()
    residuals = model.owned.standardised(batch["values"]) - model.owned(torch.tensor(features))
    loss = objective.penalty(residuals).sum()
    loss.backward()
    assert loss.item() * SCALE[1] ** 2 == pytest.approx(best)
    assert model.owned.linear.weight.grad.abs().max() < 1e-9, "the gradient is zero where least squares ends"
    assert model.owned.linear.bias.grad.abs().max() < 1e-9


@pytest.mark.parametrize("settings", ERRORS, ids=str)
@pytest.mark.parametrize("split", [[slice(0, 1), slice(1, 4)], [slice(i, i + 1) for i in range(4)]], ids=len)
def test_any_split_gives_the_same_gradient(settings, split):
    objective = Regression(**settings)
    gradients = []
    for parts in ([slice(0, 4)], split):
        model = trainable(objective)
        losses = accumulate(model, objective, batch_of(objective), parts, seed=1, step=0)
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert losses.metrics["mean_absolute_error"] > 0
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-5, rtol=1e-4)


def test_what_is_refused():
    network = TRANSFORMER.build(VOCABULARY)
    for scale, found in ((None, "none"), ((3.0, 0.0), "3 alone")):
        with pytest.raises(TelosError) as error:
            Regression().build(network, VOCABULARY.with_value_scale(scale))
        assert error.value.must == "regression needs documents with at least two different numbers"
        assert error.value.found == found
    with pytest.raises(TelosError) as error:
        Regression().examples(Row(np.array([3]), 20, np.array([7]), 0), RNG, VOCABULARY)
    assert (error.value.must, error.value.found) == ("every document must have a number", "document 7 has none")
    for spec in (NGram(), SoftmaxRegression()):
        with pytest.raises(TelosError):
            Regression().check(spec)
    Regression().check(BagOfEmbeddings())
