"""Permutation language modelling: who sees whom, token by token; an order from left to right against `causal`."""

import itertools

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.models import Inputs
from telos.models.gru import GRU
from telos.models.transformer import Transformer
from telos.objectives import Batch, collate
from telos.objectives.permutation import QUERY, Permutation, visible
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

END = 40
VOCABULARY = Vocabulary(END, "test", {END_OF_TEXT: END}).with_specials((QUERY,))
ROW = Row(np.array([5, 6, END, 7, 8, 9, 10, END, 11], np.uint16), END, np.array([3, 3, 3, 1, 1, 1, 1, 1, 8]), 0)


def _example(seed=0, row=ROW, **settings):
    return Permutation(**settings).examples(row, np.random.default_rng(seed), VOCABULARY)


def _network(**settings):
    spec = Transformer(num_layers=2, hidden_size=16, num_heads=2, context_length=32, **settings)
    network = spec.build(VOCABULARY, 1).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)), alpha=0.2)
    return network


def test_the_last_of_each_documents_order_are_predicted_at_their_places():
    example = _example(predicted_fraction=0.5)
    segments, ranks, weights = example["segments"], example["ranks"], example["weights"]
    assert example["tokens"][:9].tolist() == ROW.tokens.tolist()
    assert segments[:9].tolist() == [1, 1, 1, 2, 2, 2, 2, 2, 3]
    assert example["positions"][:9].tolist() == [0, 1, 2, 0, 1, 2, 3, 4, 0]
    assert weights.tolist() == [0] * 9 + [1] * 5  # two of three, two of five, one of one
    assert set(example["tokens"][9:]) == {VOCABULARY.specials[QUERY]}
    for piece, length in ((1, 3), (2, 5), (3, 1)):
        content = (segments == piece) & (weights == 0)
        query = (segments == piece) & (weights > 0)
        assert sorted(ranks[content]) == list(range(length))
        assert sorted(ranks[query]) == list(range(length - query.sum(), length))
        for i in np.flatnonzero(query):
            same = np.flatnonzero(content & (ranks == ranks[i]))[0]
            assert example["positions"][i] == example["positions"][same]
            assert example["targets"][i] == ROW.tokens[same]


def test_each_order_is_as_likely_as_any_other():
    row = Row(np.array([1, 2, 3], np.uint16), END, np.zeros(3, np.int64), 0)
    orders = [tuple(_example(seed, row)["ranks"][:3].tolist()) for seed in range(1200)]
    counts = [orders.count(order) for order in itertools.permutations(range(3))]
    assert sum(counts) == 1200
    assert all(150 < count < 250 for count in counts)


def test_who_sees_whom_token_by_token():
    example = _example(predicted_fraction=0.5)
    batch = collate([example])
    query = batch["weights"] > 0
    found = visible(batch["segments"], batch["ranks"], query)[0]
    for q, k in itertools.product(range(len(example["tokens"])), repeat=2):
        expected = (
            example["segments"][q] == example["segments"][k] and not query[0, k] and example["ranks"][k] < example["ranks"][q]
        )
        assert bool(found[q, k]) == bool(expected or q == k), (q, k)


@pytest.mark.parametrize("positions", ["rotary", "learned", "buckets"])
@torch.no_grad()
def test_no_prediction_depends_on_itself_or_on_what_comes_after_it_in_the_order(positions):
    network, example = _network(positions=positions), _example(predicted_fraction=1)
    objective = Permutation(predicted_fraction=1)
    usual = objective._nll(network, collate([example]))
    order = example["ranks"][9:]
    for i in range(9):
        changed = example | {"tokens": example["tokens"].copy()}
        changed["tokens"][i] = 3
        moved = (objective._nll(network, collate([changed])) - usual).abs() > 1e-6
        same = example["segments"][9:] == example["segments"][i]
        may = same & (order > example["ranks"][i])
        assert moved.numpy()[~may].sum() == 0
        assert moved.numpy()[may].all()


@torch.no_grad()
def test_from_left_to_right_a_prediction_reads_what_a_causal_network_reads():
    """In the order of the text the content stream is that of a causal network."""
    network, example = _network(), _example(predicted_fraction=1)
    example["ranks"] = example["positions"].copy()
    batch = collate([example])
    seen = visible(batch["segments"], batch["ranks"], batch["weights"] > 0)
    read = Inputs(batch["tokens"], pattern="dense", positions_BT=batch["positions"], visible_BTT=seen)
    dense = network.hidden(read).values_BTD
    causal = network.hidden(Inputs(batch["tokens"][:, :9], batch["segments"][:, :9])).values_BTD
    torch.testing.assert_close(dense[:, :9], causal, atol=1e-5, rtol=1e-4)


def test_the_loss_is_the_same_for_any_split_and_padding_changes_nothing():
    network, objective, rng = _network(), Permutation(), np.random.default_rng(0)
    short = Row(ROW.tokens[:4], END, ROW.documents[:4], 0)
    examples = [_example(1), _example(2, short)]

    def loss(some) -> torch.Tensor:
        return objective.loss(network, collate(some), rng).terms["nll"][0].detach()

    torch.testing.assert_close(loss(examples), loss(examples[:1]) + loss(examples[1:]))
    assert isinstance(collate(examples), Batch)
    sums, counts = objective.measure(network, collate(examples), rng)["nats_per_predicted_token"]
    torch.testing.assert_close(sums.sum().detach().float(), loss(examples))
    assert counts.tolist() == [example["weights"].sum() for example in examples]


def test_as_much_is_drawn_as_fits_and_a_model_that_reads_in_order_is_refused():
    objective = Permutation()
    for context in (2, 7, 64, 1024):
        raw = objective.raw_length(context)
        lengths = [
            len(_example(row=Row(np.zeros(n, np.uint16), END, np.zeros(n, np.int64), 0))["tokens"]) for n in (raw, raw + 1)
        ]
        assert lengths[0] <= context < lengths[1]
    with pytest.raises(TelosError) as error:
        objective.check(GRU())
    assert error.value.must == "objective 'permutation' needs a model with dense attention"
