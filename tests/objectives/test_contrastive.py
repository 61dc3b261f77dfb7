"""Contrastive vectors: the loss by NumPy, pooling by loops, parts and splits, what is left out, what is measured and refused."""

import math

import numpy as np
import pytest
import torch

from telos.evaluate.documents import measure
from telos.foundation.errors import TelosError
from telos.layers.experts import Experts
from telos.models import Inputs
from telos.models.bag_of_embeddings import BagOfEmbeddings
from telos.models.gru import GRU
from telos.models.ngram import NGram
from telos.models.softmax_regression import SoftmaxRegression
from telos.models.transformer import Transformer
from telos.objectives import collate
from telos.objectives._vectors import Head
from telos.objectives.contrastive import Contrastive
from telos.objectives.mix import Mix
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.gradients import accumulate
from telos.train.trainable import Trainable

VOCABULARY = Vocabulary(20, "test", {END_OF_TEXT: 20})
TRANSFORMER = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=12)
TEXTS = [[3, 5, 3], [7], [1, 2, 3, 4, 5, 6], [8, 8], [3, 5, 3], [9, 1], [4], [2, 6, 6]]
TARGETS = [[4, 4], [8, 1, 2, 3], [9], [1, 1], [5], [6, 7, 8], [9], [10, 11]]
NEGATIVES = [[[1], [12, 3]], [[2, 2], []], [[9], [13]], [[], []], [[7, 7], [1]], [[3, 5, 3], [2]], [[14], [15]], [[16], [17]]]
RNG = np.random.default_rng(0)


def rows(targets=TARGETS, negatives=NEGATIVES):
    def ended(ids):
        return np.array([*ids, 20], np.uint16)

    return [
        Row(np.array(text, np.uint16), 20, np.full(len(text), i), i,
            target=None if targets is None else ended(targets[i]),
            negatives=() if negatives is None else tuple(ended(one) for one in negatives[i]))
        for i, text in enumerate(TEXTS)
    ]  # fmt: skip


def batch_of(objective, **settings):
    return collate([objective.examples(row, RNG, VOCABULARY) for row in rows(**settings)])


def trainable(objective, spec=TRANSFORMER, training=False):
    network = spec.build(VOCABULARY, seed=3)
    with torch.no_grad():
        for i, parameter in enumerate(network.parameters()):
            parameter.normal_(0, 0.3, generator=torch.Generator().manual_seed(i))
    model = Trainable(network, objective.build(network, VOCABULARY))
    model.train(training)
    return model


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def backward(model, objective, batch, seed=5):
    """The gradient of the loss as the loop asks for it."""
    torch.manual_seed(seed)
    loss = objective.loss(model, batch, RNG)
    sum(coefficient * total for total, coefficient in loss.terms.values()).backward()
    return loss, gradients(model)


# -- the vectors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["mean", "last", "first"])
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_a_vector_is_what_the_network_made_of_its_text_alone(pooling, similarity):
    objective = Contrastive(pooling=pooling, similarity=similarity, projection_size=6)
    model = trainable(objective)
    batch = batch_of(objective)
    found = objective.embed(model, batch["tokens"], (batch["segments"] == 1).sum(1), size=4)
    for text, vector in zip(TEXTS, found, strict=True):
        values = model.network.hidden(Inputs(torch.tensor([[20, *text]]), pattern="bidirectional")).values_BTD[0]
        pooled = {"mean": values.mean(0), "last": values[-1], "first": values[0]}[pooling]
        expected = (model.owned.projection.weight @ pooled)[:4]
        expected = expected / expected.norm() if similarity == "cosine" else expected
        torch.testing.assert_close(vector, expected, atol=1e-5, rtol=1e-4)


def test_a_long_target_is_read_as_far_as_the_network_can():
    objective = Contrastive()
    model = trainable(objective)
    long = torch.arange(30)[None] % 20
    whole = objective.embed(model, long, torch.tensor([30]))
    torch.testing.assert_close(whole, objective.embed(model, long[:, :12], torch.tensor([12])))


# -- the loss ---------------------------------------------------------------------------------------------------------


def transcribed(objective, vectors, texts, targets, negatives):
    """Σ ℓ of a group in float64, each prefix by itself; ``vectors``: text (as a tuple) → what the network gives."""
    totals = {}
    for size in (*objective.sizes, None):

        def vector(text, size=size):
            cut = np.asarray(vectors[tuple(text)], np.float64)[:size]
            return cut / np.linalg.norm(cut) if objective.similarity == "cosine" else cut

        total = 0.0
        for i, text in enumerate(texts):

            def same(j, i=i, text=text):
                return bool({tuple(text), tuple(targets[i])} & {tuple(texts[j]), tuple(targets[j])})

            others = [j for j in range(len(texts)) if j != i and not same(j)]
            hard = [n for more in negatives for n in more if n and n not in (text, targets[i])]
            own = vector(text) @ vector(targets[i]) / objective.temperature
            seen = [own, *(vector(text) @ vector(targets[j]) / objective.temperature for j in others)]
            seen += [vector(text) @ vector(n) / objective.temperature for n in hard]
            nats = np.log(np.exp(seen).sum()) - own
            if objective.symmetric:
                back = [own, *(vector(texts[j]) @ vector(targets[i]) / objective.temperature for j in others)]
                nats = (nats + np.log(np.exp(back).sum()) - own) / 2
            total += nats
        totals["contrastive" if size is None else f"contrastive_{size}"] = total
    return totals


SETTINGS = [{}, {"temperature": 0.3}, {"similarity": "dot", "temperature": 1.0}, {"symmetric": True}, {"sizes": (3, 8)},
            {"group": 4}, {"learn_temperature": True}, {"projection_size": 5}, {"pooling": "last"}]  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_loss_is_the_transcription(settings):
    objective = Contrastive(**{"group": 8} | settings)
    model = trainable(objective)
    batch = batch_of(objective)
    every = [*TEXTS, *TARGETS, *(one for more in NEGATIVES for one in more)]
    vectors = {tuple(text): objective.replace(similarity="dot").embed(model, torch.tensor([[20, *text]]),
                                                                     torch.tensor([1 + len(text)]))[0].detach()
               for text in every}  # fmt: skip
    expected = {}
    for at in range(0, 8, objective.group):
        part = slice(at, at + objective.group)
        for name, total in transcribed(objective, vectors, TEXTS[part], TARGETS[part], NEGATIVES[part]).items():
            expected[name] = expected.get(name, 0.0) + total
    loss = objective.loss(model, batch, RNG)
    assert {name: total.item() for name, (total, _) in loss.terms.items()} == pytest.approx(expected, rel=1e-5)
    assert all(coefficient == 1 for _, coefficient in loss.terms.values())
    assert objective.weights(batch) == dict.fromkeys(expected, 8.0)
    assert 0 <= loss.metrics["accuracy"] <= 1
    assert ("temperature" in loss.metrics) == objective.learn_temperature


def test_finite_differences():
    """The slope of the loss along its gradient, through network, projection, temperature and prefixes."""
    objective = Contrastive(group=8, projection_size=6, sizes=(3,), learn_temperature=True, temperature=0.2, symmetric=True)
    model = trainable(objective)
    batch = batch_of(objective)
    _, slope = backward(model, objective, batch)
    named = dict(model.named_parameters())
    norm = sum(float(g.double().square().sum()) for g in slope.values())
    values = []
    for step in (1e-3, -1e-3):
        with torch.no_grad():
            for name, gradient in slope.items():
                named[name].add_(gradient, alpha=step / norm**0.5)
            values.append(sum(total.item() for total, _ in objective.loss(model, batch, RNG).terms.values()))
            for name, gradient in slope.items():
                named[name].sub_(gradient, alpha=step / norm**0.5)
    assert (values[0] - values[1]) / 2e-3 == pytest.approx(norm**0.5, rel=2e-3)


def test_two_views_are_read_under_two_dropouts():
    spec = TRANSFORMER.replace(dropout=0.2)
    objective = Contrastive(positives="views", group=8)
    batch = batch_of(objective, targets=None, negatives=None)
    losses = [backward(trainable(objective, spec, training), objective, batch)[0].terms["contrastive"][0].item()
              for training in (False, True, True)]  # fmt: skip
    assert losses[1] == losses[2]  # the same draw
    assert losses[0] != losses[1]


def test_padding_weighs_nothing():
    objective = Contrastive(group=8)
    model = trainable(objective)
    batch = batch_of(objective)
    before = objective.loss(model, batch, RNG).terms["contrastive"][0].item()
    for name, lengths in (("tokens", (batch["segments"] == 1).sum(1)), ("positive", batch["positive_length"])):
        behind = torch.arange(batch[name].shape[1]) >= lengths[:, None]
        assert behind.any()
        batch[name][behind] = 19
    assert objective.loss(model, batch, RNG).terms["contrastive"][0].item() == pytest.approx(before, abs=1e-5)


# -- parts and splits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [TRANSFORMER, TRANSFORMER.replace(dropout=0.3, attention_dropout=0.2),
                                  GRU(num_layers=2, hidden_size=8, dropout=0.3), BagOfEmbeddings(hidden_size=8, dropout=0.2)],
                         ids=["transformer", "dropout", "gru", "bag"])  # fmt: skip
@pytest.mark.parametrize("forward_rows", [1, 3, 8])
def test_in_parts_the_gradient_is_that_of_one_graph(spec, forward_rows, monkeypatch):
    """With the dropout of each part: once with checkpoints, once with everything held."""
    objective = Contrastive(group=8, forward_rows=forward_rows, projection_size=5, learn_temperature=True)
    batch = batch_of(objective)
    loss, found = backward(trainable(objective, spec, training=True), objective, batch)
    monkeypatch.setattr("telos.objectives._vectors.checkpoint", lambda function, *given, use_reentrant: function(*given))
    plain, expected = backward(trainable(objective, spec, training=True), objective, batch)
    assert loss.terms["contrastive"][0].item() == plain.terms["contrastive"][0].item()
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        assert (found[name] - gradient).norm() <= 1e-6 * gradient.norm(), name


@pytest.mark.parametrize("forward_rows", [1, 3, 8])
def test_without_dropout_parts_are_as_one_pass(forward_rows):
    objective = Contrastive(group=8, temperature=0.5)
    batch = batch_of(objective)
    _, whole = backward(trainable(objective), objective, batch)
    cached = objective.replace(forward_rows=forward_rows)
    _, parts = backward(trainable(cached), cached, batch)
    for name, gradient in whole.items():
        assert (parts[name] - gradient).norm() <= 1e-6 * max(1e-3, float(gradient.norm())), name


def test_only_one_part_is_held_at_a_time():
    objective = Contrastive(group=8, forward_rows=2)
    held = []

    def packed(tensor):
        held.append(tensor.numel())
        return tensor

    for settings in (objective, objective.replace(forward_rows=None)):
        model, batch = trainable(settings), batch_of(settings)
        held.append(0)
        with torch.autograd.graph.saved_tensors_hooks(packed, lambda tensor: tensor):
            settings.loss(model, batch, RNG)
        held[:-1], kept = [], sum(held)
        if settings is objective:
            in_parts = kept
            held.clear()
    assert in_parts < 0.2 * kept


def test_penalties_count_once_however_texts_are_read():
    spec = TRANSFORMER.replace(experts=Experts(num_experts=2, experts_per_token=1))
    found = []
    for forward_rows in (None, 8, 2):
        objective = Contrastive(group=8, forward_rows=forward_rows)
        model = trainable(objective, spec, training=True)
        losses = accumulate(model, objective, batch_of(objective), [slice(0, 8)], seed=1, step=0)
        assert model.take_penalties() == {}
        found.append(losses.loss - losses.terms["contrastive"])
    assert found[0] == pytest.approx(found[1], rel=1e-5)
    assert found[0] == pytest.approx(found[2], rel=0.5)
    assert found[0] > 0


def test_penalties_of_two_parts_of_a_mix_count_in_their_shares():
    spec = TRANSFORMER.replace(experts=Experts(num_experts=2, experts_per_token=1))
    alone = Contrastive(group=8)
    both = Mix(by="sum", parts=[{"objective": alone, "name": "a"}, {"objective": alone, "name": "b"}])
    found = []
    for objective in (alone, both):
        model, batch = trainable(objective, spec, training=True), batch_of(objective)
        losses = accumulate(model, objective, batch, [slice(0, 8)], seed=1, step=0)
        found.append(losses.loss - sum(losses.terms.values()))
    assert found[0] > 0
    assert found[1] == pytest.approx(found[0], rel=1e-4)


def test_a_temperature_at_its_bound_can_come_back():
    """However far a step went beyond it: the gradient there is that of the bound."""
    head = Head(8, None, 0.05)
    with torch.no_grad():
        head.log_scale.fill_(math.log(150))
    scale = head.scale()
    scale.backward()
    assert scale.item() == pytest.approx(100)
    assert head.log_scale.grad.item() == pytest.approx(100)
    assert head.log_scale.item() == pytest.approx(math.log(100))


@pytest.mark.parametrize("split", [[slice(0, 4), slice(4, 8)], [slice(i, i + 2) for i in range(0, 8, 2)]])
def test_any_split_that_keeps_groups_gives_the_same_gradient(split):
    objective = Contrastive(group=2, sizes=(4,), learn_temperature=True)
    assert objective.rows_together == 2
    found = []
    for parts in ([slice(0, 8)], split):
        model = trainable(objective)
        accumulate(model, objective, batch_of(objective), parts, seed=1, step=0)
        found.append(gradients(model))
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, atol=1e-5, rtol=1e-4)


def test_examples_are_a_function_of_the_row():
    objective = Contrastive()
    one, two = (objective.examples(rows()[2], np.random.default_rng(seed), VOCABULARY) for seed in (1, 2))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert one["tokens"].tolist() == [20, 1, 2, 3, 4, 5, 6]
    assert (one["positive"].tolist(), int(one["positive_length"])) == ([20, 9], 2)
    assert int(one["negative0_key"]) == int(one["positive_key"])
    assert int(objective.examples(rows()[3], RNG, VOCABULARY)["negative0_length"]) == 0


# -- held-out texts ---------------------------------------------------------------------------------------------------


def test_all_held_out_pairs_are_measured_together():
    objective = Contrastive(sizes=(4,))
    model = trainable(objective)
    found = measure(model, objective, rows(), VOCABULARY)
    assert list(found.sums) == ["accuracy_at_1", "mean_reciprocal_rank", "accuracy_at_1_4", "alignment", "uniformity"]
    a, p = (np.stack([objective.embed(model, torch.tensor([[20, *text]]), torch.tensor([1 + len(text)]))[0].detach().numpy()
                      for text in texts]) for texts in (TEXTS, TARGETS))  # fmt: skip
    near = a @ p.T
    for i in range(8):
        others = [j for j in range(8) if j != i and TEXTS[j] != TEXTS[i] and TARGETS[j] != TARGETS[i]]
        rank = 1 + sum(near[i, j] >= near[i, i] for j in others)
        assert found.sums["mean_reciprocal_rank"][i] == pytest.approx(1 / rank)
        assert found.sums["accuracy_at_1"][i] == (rank == 1)
    np.testing.assert_allclose(found.sums["alignment"], np.square(a - p).sum(1), atol=1e-5)
    assert found.headline()["test_documents"] == 8
    alone = objective.measure(model, batch_of(objective), RNG)
    np.testing.assert_allclose(alone["mean_reciprocal_rank"][0].numpy(), found.sums["mean_reciprocal_rank"])


def test_without_pairs_two_views_are_measured_and_nothing_is_left_behind():
    objective = Contrastive(positives="views")
    model = trainable(objective, TRANSFORMER.replace(dropout=0.2))
    state = torch.get_rng_state()
    found = measure(model, objective, rows(targets=None, negatives=None), VOCABULARY)
    assert torch.equal(torch.get_rng_state(), state)
    assert not model.network.training
    assert (found.sums["alignment"] > 0).all()
    again = measure(model, objective, rows(targets=None, negatives=None), VOCABULARY)
    assert np.array_equal(found.sums["alignment"], again.sums["alignment"])


# -- what is refused --------------------------------------------------------------------------------------------------


def test_views_need_dropout():
    views = Contrastive(positives="views")
    with pytest.raises(TelosError) as error:
        views.check(TRANSFORMER)
    assert error.value.must == "views of the same text need a model with dropout, without which they are equal"
    assert error.value.found == "'transformer' has dropout 0"
    assert error.value.fix == "set model.dropout=0.1, or give pairs: objective.positives=pairs corpus.target_field=NAME"
    for spec in (TRANSFORMER.replace(attention_dropout=0.1), TRANSFORMER.replace(stochastic_depth=0.1),
                 BagOfEmbeddings(word_dropout=0.2)):  # fmt: skip
        views.check(spec)
    Contrastive().check(TRANSFORMER)
    assert (views.annotation, Contrastive().annotation) == (None, "target")


def test_what_else_is_refused():
    with pytest.raises(TelosError) as error:
        Contrastive().examples(rows(targets=None)[3], RNG, VOCABULARY)
    assert error.value.must == "every document must have the text that it is paired with"
    assert error.value.found == "document 3 has none"
    assert "objective.positives=views" in error.value.fix
    with pytest.raises(TelosError) as error:
        Contrastive(sizes=(8, 16)).build(TRANSFORMER.build(VOCABULARY), VOCABULARY)
    assert (error.value.must, error.value.found) == ("objective.sizes must be below the size of the vectors (16)", "16")
    with pytest.raises(TelosError) as error:
        Contrastive(sizes=(8, 4))
    assert "sizes must be at least 1 and rise: [8, 4]" in str(error.value)
    with pytest.raises(TelosError) as error:
        Contrastive().check(SoftmaxRegression())
    assert error.value.found == "'softmax_regression' has none: its output layer is all of it"
    with pytest.raises(TelosError) as error:
        Contrastive().check(NGram())
    assert "learns by counting" in error.value.found
    with pytest.raises(TelosError):
        Contrastive(group=1)
