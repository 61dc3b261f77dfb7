"""Masked diffusion: the bound against its exact value over all maskings, shares of hidden tokens, documents apart."""

import itertools
import math

import numpy as np
import pytest
import torch

from telos.models.transformer import Transformer
from telos.objectives import collate
from telos.objectives.masked import MASK
from telos.objectives.masked_diffusion import MaskedDiffusion
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(6, "test", {END_OF_TEXT: 6}).with_specials((MASK,))


def _row(tokens, documents=None) -> Row:
    documents = np.zeros(len(tokens), np.int64) if documents is None else np.array(documents)
    return Row(np.array(tokens, np.uint16), 6, documents, 0)


def _network():
    network = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=32).build(VOCABULARY, 1).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)), alpha=0.3)
    return network


@torch.no_grad()
def test_its_mean_is_the_bound_summed_over_all_maskings():
    """∫ (1/t) Σ_M t^m (1 − t)^(n − m) nats(M) dt = Σ_M nats(M) B(m, n − m + 1), and the mean over draws is that."""
    network, tokens, objective = _network(), [1, 4, 2, 6], MaskedDiffusion(least_hidden=1e-6)
    n, exact = len(tokens), 0.0
    mask = VOCABULARY.specials[MASK]

    def batch(hidden, weight):
        example = objective.examples(_row(tokens), np.random.default_rng(0), VOCABULARY)
        return example | {"tokens": np.where(hidden, mask, tokens), "weights": (np.array(hidden) * weight).astype(np.float32)}

    for hidden in itertools.product([False, True], repeat=n):
        m = sum(hidden)
        if m:
            nats = objective.loss(network, collate([batch(hidden, 1.0)]), np.random.default_rng(0)).terms["nll_bound"][0]
            exact += float(nats) * math.gamma(m) * math.gamma(n - m + 1) / math.gamma(n + 1)
    examples = [objective.examples(_row(tokens), np.random.default_rng(seed), VOCABULARY) for seed in range(20_000)]
    sums, counted = objective.measure(network, collate(examples), np.random.default_rng(0))["nats_per_token_bound"]
    error = float(sums.std()) / math.sqrt(len(sums))
    assert float(sums.mean()) == pytest.approx(exact, abs=4 * error)
    assert error < 0.02 * exact
    assert counted.tolist() == [n] * len(examples)
    # It is a bound: above the nats of the text when it is unmasked in any one order, averaged over orders.
    assert exact > 0


def test_hidden_tokens_weigh_one_by_their_share_and_others_nothing():
    objective, row = MaskedDiffusion(), _row(np.arange(1000) % 6)
    shares = []
    for seed in range(1500):
        example = objective.examples(row, np.random.default_rng(seed), VOCABULARY)
        hidden = example["tokens"] == VOCABULARY.specials[MASK]
        assert ((example["weights"] > 0) == hidden).all()
        shown = example["tokens"][~hidden]
        assert shown.tolist() == row.tokens[~hidden].tolist()
        t = 1 / example["weights"].max() if hidden.any() else 0.0
        assert hidden.mean() == pytest.approx(t, abs=0.07)
        shares.append(t)
    assert np.mean(shares) == pytest.approx(0.5, abs=0.03)


def test_documents_do_not_see_each_other_and_the_bound_is_the_same_for_any_split():
    network, objective, rng = _network(), MaskedDiffusion(), np.random.default_rng(0)
    row = _row([1, 2, 6, 3, 4, 5], [0, 0, 0, 3, 3, 3])
    example = objective.examples(row, np.random.default_rng(4), VOCABULARY)
    parts = [{name: column[piece] for name, column in example.items()} for piece in (slice(0, 3), slice(3, 6))]

    def bound(examples):
        return objective.loss(network, collate(examples), rng).terms["nll_bound"][0].detach()

    torch.testing.assert_close(bound([example]), bound(parts))
    torch.testing.assert_close(bound([example]), sum(bound([part]) for part in parts))
