"""Softmax regression: scikit-learn's at the convex optimum, a bigram table's likelihood where it can say any."""

import math

import numpy as np
import pytest
import torch

from telos.models import Inputs
from telos.models.softmax_regression import SoftmaxRegression, SoftmaxRegressionNetwork
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(5, "test", {END_OF_TEXT: 5})


def documents(count: int, seed: int = 0) -> list[list[int]]:
    """Texts in which the next token hangs on the last two."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        text = [5, int(rng.integers(5))]
        while len(text) < 12:
            text.append(int((text[-1] + 2 * text[-2] + (rng.random() < 0.3)) % 5))
        made.append(text)
    return made


def optimum(network: SoftmaxRegressionNetwork, texts: torch.Tensor, penalty: float) -> None:
    """Minimise Σ nll + penalty ÷ 2 · ‖W‖², in float64."""
    network.double()
    optimizer = torch.optim.LBFGS(network.parameters(), max_iter=500, tolerance_grad=1e-10, tolerance_change=1e-14,
                                  line_search_fn="strong_wolfe")  # fmt: skip

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        total = network.nll(network.hidden(Inputs(texts[:, :-1])), texts[:, 1:]).sum()
        total = total + penalty / 2 * network.weight.square().sum()
        total.backward()
        return total

    optimizer.step(loss)


@pytest.mark.parametrize("window", [1, 2, 3])
@pytest.mark.parametrize("penalty", [0.1, 2.0])
def test_the_optimum_is_scikit_learns(window, penalty):
    from sklearn.linear_model import LogisticRegression

    texts = np.array(documents(60))
    padded = np.pad(texts[:, :-1], ((0, 0), (window - 1, 0)), constant_values=5)
    features = np.concatenate([np.eye(6)[padded[:, window - 1 - i : padded.shape[1] - i]] for i in range(window)], -1)
    theirs = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=5000)
    theirs.fit(features.reshape(-1, 6 * window), texts[:, 1:].ravel())
    assert theirs.classes_.tolist() == [0, 1, 2, 3, 4], "the end of text never follows"
    network = SoftmaxRegression(window=window).build(VOCABULARY)
    optimum(network, torch.from_numpy(texts), penalty)
    with torch.no_grad():
        ours = network.over_logits(network.hidden(Inputs(torch.from_numpy(texts[:, :-1]))), lambda z: z.softmax(-1))
    wanted = theirs.predict_proba(features.reshape(-1, 6 * window)).reshape(*ours.shape[:2], 5)
    # Ours has a sixth class that never comes: its share goes to 0 as the bias falls, which has no penalty.
    assert ours[..., 5].max() < 1e-4
    assert np.abs(ours[..., :5].numpy() - wanted).max() < 2e-4
    assert wanted.std() > 0.05


def test_with_one_token_it_reaches_the_likelihood_of_the_bigram_table():
    texts = np.array(documents(60))
    counts = np.zeros((6, 6))
    np.add.at(counts, (texts[:, :-1].ravel(), texts[:, 1:].ravel()), 1)
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    best = -(counts * np.log(np.where(counts > 0, shares, 1))).sum() / counts.sum()
    network = SoftmaxRegression(window=1).build(VOCABULARY)
    optimum(network, torch.from_numpy(texts), penalty=1e-7)
    tokens = torch.from_numpy(texts)
    reached = network.nll(network.hidden(Inputs(tokens[:, :-1])), tokens[:, 1:]).mean().item()
    assert reached == pytest.approx(best, abs=1e-4)


def test_it_begins_at_log_v_and_every_start_leads_to_one_optimum():
    texts = torch.tensor(documents(20))
    first, second = (SoftmaxRegression(window=2).build(VOCABULARY) for _ in range(2))
    begin = first.nll(first.hidden(Inputs(texts[:, :-1])), texts[:, 1:])
    assert torch.allclose(begin, torch.full_like(begin, math.log(6)))
    with torch.no_grad():
        for parameter in second.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(3))
    for network in (first, second):
        optimum(network, texts, penalty=1.0)
    assert torch.allclose(first.weight, second.weight, atol=1e-5)
