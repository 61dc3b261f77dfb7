"""Prefix language modelling: by hand, against `causal`, and inside a Transformer."""

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.models.lstm import LSTM
from telos.models.transformer import Transformer
from telos.objectives import collate
from telos.objectives.causal import Causal
from telos.objectives.prefix import Prefix
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

END = 40
VOCABULARY = Vocabulary(END, "test", {END_OF_TEXT: END})
ROW = Row(np.array([5, 6, END, 7, 8, 9, 10, END, 11], np.uint16), 4, np.array([3, 3, 3, 1, 1, 1, 1, 1, 8]), 0)
"""The second half of a document, a whole one, the first token of a third."""


def _examples(row=ROW, seed=0, **settings):
    return Prefix(**settings).examples(row, np.random.default_rng(seed), VOCABULARY)


def _network():
    network = Transformer(num_layers=2, hidden_size=16, num_heads=2, context_length=32).build(VOCABULARY, 1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)), alpha=0.2)
    return network


def test_half_of_each_piece_is_seen_and_the_rest_predicted():
    example = _examples(least=0.5, most=0.5)
    assert example["tokens"].tolist() == [4, 5, 6, END, 7, 8, 9, 10, END]
    assert example["targets"].tolist() == ROW.tokens.tolist()
    assert example["segments"].tolist() == [1, 1, 1, 2, 2, 2, 2, 2, 3]
    # Pieces of 3, 5 and 1 tokens: prefixes of 1, 2 and 0, and what stands before each.
    assert example["prefix"].tolist() == [True, True, False, True, True, True, False, False, True]
    assert example["weights"].tolist() == [0, 1, 1, 0, 0, 1, 1, 1, 1]


def test_a_whole_prefix_leaves_the_last_token():
    assert _examples(least=1, most=1)["weights"].tolist() == [0, 0, 1, 0, 0, 0, 0, 1, 1]


def test_no_prefix_is_causal():
    network, rng = _network(), np.random.default_rng(0)
    causal = Causal().examples(ROW, rng, VOCABULARY)
    example = _examples(least=0, most=0)
    assert example["tokens"].tolist() == causal["tokens"].tolist()
    found = Prefix().loss(network, collate([example]), rng).terms["nll"][0].detach()
    expected = Causal().loss(network, collate([causal]), rng).terms["nll"][0].detach()
    torch.testing.assert_close(found, expected)


def test_lengths_are_drawn_evenly():
    row = Row(np.zeros(100, np.uint16), END, np.zeros(100, np.int64), 0)
    lengths = np.array([_examples(row, seed)["prefix"].sum() - 1 for seed in range(1000)])
    assert lengths.min() == 0
    assert lengths.max() == 99
    assert lengths.mean() == pytest.approx(49.5, abs=2.5)  # three standard errors


def test_no_token_sees_what_it_is_to_predict():
    """Each predicted token's loss is the same whatever stands behind it."""
    network, example = _network().eval(), _examples(least=0.5, most=0.5)

    def nll(tokens) -> list[float]:
        batch = collate([example | {"tokens": np.array(tokens)}])
        with torch.no_grad():
            return Prefix()._nll(network, batch).tolist()

    usual = nll(example["tokens"])
    for place, target in enumerate(np.flatnonzero(example["weights"])):
        changed = example["tokens"].copy()
        changed[target + 1 :] = 3
        assert nll(changed)[: place + 1] == pytest.approx(usual[: place + 1], abs=1e-5)


def test_the_loss_is_the_same_for_any_split():
    network, rng, examples = _network(), np.random.default_rng(0), [_examples(seed=seed) for seed in range(4)]
    whole = Prefix().loss(network, collate(examples), rng).terms["nll"][0].detach()
    parts = sum(Prefix().loss(network, collate([one]), rng).terms["nll"][0].detach() for one in examples)
    torch.testing.assert_close(whole, parts)
    assert Prefix().weights(collate(examples))["nll"] == sum(one["weights"].sum() for one in examples)


def test_a_model_without_prefixes_and_a_range_upside_down_are_refused():
    with pytest.raises(TelosError) as error:
        Prefix().check(LSTM())
    assert error.value.must == "objective 'prefix' needs a model with prefix attention"
    with pytest.raises(TelosError, match="least"):
        Prefix.parse({"least": 0.5, "most": 0.25})
