"""The perceptron language model: the same network put together from torch.nn."""

import itertools
import math

import pytest
import torch
from torch import nn

from telos.models import Inputs
from telos.models.perceptron import Perceptron
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(30, "test", {END_OF_TEXT: 30})
SMALL = {"window": 3, "embedding_size": 6, "hidden_size": 16}
CHANGES = [{}, {"window": 1}, {"window": 5}, {"embedding_size": 1}, {"hidden_size": 1}, {"direct_connections": True}]


class Reference(nn.Module):
    """Bengio et al. 2003, equation 1, on windows of ids, the newest first."""

    def __init__(self, window: int, embedding_size: int, hidden_size: int, direct_connections: bool = False):
        super().__init__()
        self.C = nn.Embedding(31, embedding_size)
        self.H = nn.Linear(window * embedding_size, hidden_size)
        self.U = nn.Linear(hidden_size, 31)
        self.W = nn.Linear(window * embedding_size, 31, bias=False) if direct_connections else None

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        x = torch.cat([self.C(windows[..., i]) for i in range(windows.shape[-1])], -1)
        y = self.U(torch.tanh(self.H(x)))
        return y if self.W is None else y + self.W(x)


def pair(change: dict):
    """(ours, the reference with its weights)."""
    torch.manual_seed(0)
    reference, ours = Reference(**SMALL | change), Perceptron(**SMALL | change).build(VOCABULARY)
    with torch.no_grad():
        ours.embed_tokens.weight.copy_(reference.C.weight)
        ours.hidden_layer.weight.copy_(reference.H.weight)
        ours.hidden_layer.bias.copy_(reference.H.bias)
        parts = [reference.U.weight] + ([] if reference.W is None else [reference.W.weight])
        ours.lm_head.weight.copy_(torch.cat(parts, 1))
        ours.lm_head.bias.copy_(reference.U.bias)
    return ours, reference


def windows(tokens: torch.Tensor, width: int) -> torch.Tensor:
    padded = nn.functional.pad(tokens, (width - 1, 0), value=30)
    return torch.stack([padded[:, width - 1 - i : padded.shape[1] - i] for i in range(width)], -1)


TOKENS = torch.randint(31, (4, 21), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_logits_gradients_and_a_step_equal_torch_nn(change):
    ours, reference = pair(change)
    wanted = reference(windows(TOKENS[:, :-1], ours.spec.window))
    hidden = ours.hidden(Inputs(TOKENS[:, :-1]))
    assert (ours.over_logits(hidden, lambda z: z) - wanted).abs().max() <= 1e-5
    assert wanted.std() > 0.05
    nn.functional.cross_entropy(wanted.flatten(0, 1), TOKENS[:, 1:].flatten()).backward()
    ours.nll(hidden, TOKENS[:, 1:]).mean().backward()

    def gradients_and_weights(what):
        yield what(ours.embed_tokens.weight), what(reference.C.weight)
        yield what(ours.hidden_layer.weight), what(reference.H.weight)
        yield what(ours.hidden_layer.bias), what(reference.H.bias)
        yield what(ours.lm_head.weight)[:, : ours.spec.hidden_size], what(reference.U.weight)
        yield what(ours.lm_head.bias), what(reference.U.bias)
        if reference.W is not None:
            yield what(ours.lm_head.weight)[:, ours.spec.hidden_size :], what(reference.W.weight)

    for one, other in gradients_and_weights(lambda p: p.grad):
        assert (one - other).abs().max() <= 1e-6
        assert other.abs().max() > 1e-4
    for network in (ours, reference):
        torch.optim.AdamW(network.parameters(), lr=0.01).step()
    for one, other in gradients_and_weights(lambda p: p):
        # Where a gradient is next to nothing, Adam's first step is its sign.
        assert ((one - other).abs() <= 1e-5).float().mean() > 0.99


def test_it_begins_at_log_v():
    network = Perceptron(**SMALL).build(VOCABULARY)
    nll = network.nll(network.hidden(Inputs(TOKENS[:, :-1])), TOKENS[:, 1:])
    assert torch.allclose(nll, torch.full_like(nll, math.log(31)))
    values = network.hidden(Inputs(TOKENS)).values_BTD
    assert 0.4 < values.std() < 0.8, "tanh neither in its straight part nor at its ends"


def test_dropout_in_training_only():
    network = Perceptron(**SMALL, dropout=0.5).build(VOCABULARY)
    network.train()
    torch.manual_seed(0)
    shares = [(network.hidden(Inputs(TOKENS)).values_BTD == 0).float().mean().item() for _ in range(20)]
    assert sum(shares) / 20 == pytest.approx(0.5, abs=0.02)
    network.eval()
    assert not (network.hidden(Inputs(TOKENS)).values_BTD == 0).any()


def test_in_bfloat16_it_is_near():
    ours, _ = pair({"direct_connections": True})
    exact = ours.nll(ours.hidden(Inputs(TOKENS[:, :-1])), TOKENS[:, 1:])
    ours.compute_dtype = torch.bfloat16
    hidden = ours.hidden(Inputs(TOKENS[:, :-1]))
    assert hidden.values_BTD.dtype == torch.bfloat16
    near = ours.nll(hidden, TOKENS[:, 1:])
    assert near.dtype == torch.float32
    assert 0 < (near - exact).abs().max() < 0.05


def test_it_learns_what_the_last_two_tokens_say():
    """x_t = x_{t−1} + x_{t−2} mod 7: only a combination of both places tells."""
    stream = [1, 1]
    for _ in range(198):
        stream.append((stream[-1] + stream[-2] + (len(stream) % 13 == 0)) % 7)
    tokens = torch.tensor(stream)[None]
    network = Perceptron(window=2, embedding_size=8, hidden_size=64).build(VOCABULARY)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.02)
    for _ in itertools.repeat(None, 150):
        optimizer.zero_grad()
        loss = network.nll(network.hidden(Inputs(tokens[:, :-1])), tokens[:, 1:]).mean()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.35
