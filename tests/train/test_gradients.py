"""Gradients do not depend on how a batch is split, and clipping is torch's."""

import copy

import numpy as np
import pytest
import torch

from telos.foundation.random import generator
from telos.models import Inputs
from telos.models.transformer import Transformer
from telos.objectives import Batch, Loss, collate
from telos.objectives.causal import Causal
from telos.tokens.batches import Batches
from telos.train.gradients import accumulate, clip
from telos.train.settings import Train
from telos.train.trainable import Trainable

SPLITS = [(8, 1), (4, 2), (2, 4), (1, 8)]
"""Micro-batches × rows."""


@pytest.fixture
def ragged(store, tokenizer) -> Batch:
    """Eight rows with weights that differ by row and place, one row of none, and rows of differing length."""
    rng = generator(7, "ragged")
    examples = []
    for place, row in enumerate(Batches(store, 24, 8, 1).batch_at(0)):
        example = Causal().examples(row, rng, tokenizer.vocabulary)
        example["weights"] = (rng.random(24) ** 3 * (place + 1) * (place != 3)).astype(np.float32)
        examples.append({name: column[: 24 - 2 * place] for name, column in example.items()})
    return collate(examples)


def split(micro_batches: int, rows: int) -> list[slice]:
    spec = Train(batch_tokens=8 * 24, micro_batch_tokens=rows * 24)
    slices = spec.micro_batches(8, 24)
    assert len(slices) == micro_batches
    return slices


def gradients(network, batch, slices, objective=None):
    network = copy.deepcopy(network)
    loss = accumulate(Trainable(network, None), objective or Causal(), batch, slices, seed=1, step=0)
    return loss, {name: p.grad for name, p in network.named_parameters()}


def networks(tiny, tokenizer):
    transformer = Transformer(num_layers=2, hidden_size=16, num_heads=2, context_length=24).build(tokenizer.vocabulary)
    with torch.no_grad():
        for index, parameter in enumerate(transformer.parameters()):
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(index)) * 0.05)
    return {"tiny": tiny(penalty=0.3), "transformer": transformer}


@pytest.mark.parametrize("which", ["tiny", "transformer"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
@pytest.mark.parametrize("shape", SPLITS, ids=str)
def test_equal_gradients_for_any_split(tiny, tokenizer, ragged, *, which, dtype, tolerance, shape):
    """Norm of the difference per tensor, relative to the tensor's norm; the whole batch at once is what is compared with."""
    network = networks(tiny, tokenizer)[which].to(dtype)
    network.compute_dtype = dtype
    batch = Batch({n: c.to(dtype) if c.is_floating_point() else c for n, c in ragged.columns.items()})
    whole_loss, whole = gradients(network, batch, [slice(0, 8)])
    loss, parts = gradients(network, batch, split(*shape))
    assert loss.loss == pytest.approx(whole_loss.loss, rel=10 * tolerance)
    assert loss.terms["nll"] == pytest.approx(whole_loss.terms["nll"], rel=10 * tolerance)
    for name, gradient in whole.items():
        assert gradient.norm() > 0, name
        assert (parts[name] - gradient).norm() <= tolerance * gradient.norm(), name


def test_the_loss_is_the_weighted_mean(tiny, ragged):
    network = tiny()
    loss, found = gradients(network, ragged, split(4, 2))
    nll = network.nll(network.hidden(Inputs(ragged["tokens"])), ragged["targets"])
    mean = (nll * ragged["weights"]).sum() / ragged["weights"].sum()
    mean.backward()
    assert loss.loss == pytest.approx(float(mean.detach()), rel=1e-6)
    torch.testing.assert_close(found["mix"], network.mix.grad, rtol=1e-4, atol=1e-7)


def test_terms_are_divided_by_their_own_weights_and_multiplied_by_coefficients(tiny, ragged):
    class Two(Causal):
        def weights(self, batch):
            return {"nll": float(batch["weights"].sum()), "size": float(batch.rows), "never": 0.0}

        def loss(self, model, batch, rng):
            size = model.network.mix.square().sum() * batch.rows
            nll = super().loss(model, batch, rng).terms["nll"][0]
            return Loss({"nll": (nll, 2.0), "size": (size, 0.5), "never": (0 * nll, 1.0)}, {"rows": float(batch.rows)})

    network = tiny()
    plain, _ = gradients(network, ragged, split(2, 4))
    both, _ = gradients(network, ragged, split(2, 4), Two())
    size = float(network.mix.detach().square().sum())
    assert both.terms == pytest.approx({"nll": plain.loss, "size": size, "never": 0.0}, rel=1e-6)
    assert both.loss == pytest.approx(2 * plain.loss + 0.5 * size, rel=1e-6)
    assert both.metrics == {"rows": 4.0}


def test_penalties_of_the_network_are_added(tiny, ragged):
    without, _ = gradients(tiny(), ragged, split(2, 4))
    with_penalty, _ = gradients(tiny(penalty=0.3), ragged, split(2, 4))
    assert with_penalty.terms["nll"] == without.terms["nll"]
    assert with_penalty.loss > without.loss + 0.001


def test_dropout_is_a_function_of_seed_step_and_micro_batch(tiny, ragged):
    network = tiny(dropout=0.5)
    torch.manual_seed(0)
    _, first = gradients(network, ragged, split(2, 4))
    torch.rand(100)
    _, again = gradients(network, ragged, split(2, 4))
    assert torch.equal(first["mix"], again["mix"])
    model = Trainable(copy.deepcopy(network), None)
    accumulate(model, Causal(), ragged, split(2, 4), seed=1, step=1)
    assert not torch.equal(first["mix"], model.network.mix.grad)


def test_prepare_is_called_once_with_the_whole_batch_and_without_gradient(tiny, ragged):
    calls = []

    class Prepared(Causal):
        def prepare(self, model, batch, rng):
            calls.append((batch.rows, torch.is_grad_enabled()))
            return Batch(batch.columns | {"weights": batch["weights"] * 2})

    plain, _ = gradients(tiny(), ragged, split(4, 2))
    loss, _ = gradients(tiny(), ragged, split(4, 2), Prepared())
    assert calls == [(8, False)]
    assert loss.loss == pytest.approx(plain.loss, rel=1e-6)


@pytest.mark.parametrize("largest", [0.1, 1e6, None])
def test_clipping_is_torchs(tiny, ragged, largest):
    ours, theirs = tiny(), tiny()
    for network in (ours, theirs):
        accumulate(Trainable(network, None), Causal(), ragged, [slice(0, 8)], seed=1, step=0)
    norm = clip(list(ours.parameters()), largest)
    expected = torch.nn.utils.clip_grad_norm_(theirs.parameters(), largest if largest is not None else float("inf"))
    assert norm == pytest.approx(float(expected), rel=1e-6)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-9)
    assert clip([], 1.0) == 0.0
