"""The recurrent language models against torch.nn's layers between an embedding and an output layer."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from telos.evaluate.score import CARRIED_WINDOW, extent, network_nll
from telos.foundation.errors import TelosError
from telos.generate.engine import Engine
from telos.generate.sampling import Sampling
from telos.models import Inputs, Model
from telos.optim.optimizers.adamw import AdamW
from telos.tokens.tokenizers.byte import Byte
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(49, "test", {END_OF_TEXT: 49})
TORCHS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
KINDS = list(TORCHS)
BASE = {"num_layers": 2, "hidden_size": 24, "context_length": 16}
CHANGES = [{}, {"num_layers": 1}, {"num_layers": 3}, {"hidden_size": 10}, {"embedding_size": 9}, {"tie_embeddings": True},
           {"tie_embeddings": True, "embedding_size": 9}, {"num_layers": 0}]  # fmt: skip
TOKENS = torch.randint(0, 49, (3, 16), generator=torch.Generator().manual_seed(4))
TARGETS = torch.randint(0, 49, (3, 16), generator=torch.Generator().manual_seed(5))


def built(kind, vocabulary=VOCABULARY, **settings):
    """Weights of ordinary size: a fresh output layer is zero."""
    network = Model.parse({"kind": kind} | BASE | settings).build(vocabulary, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.2)
    return network


class Reference(nn.Module):
    """The same out of torch.nn alone, its parameters under the names of ours."""

    def __init__(self, network, kind, nonlinearity=None):
        super().__init__()
        self.embedding = nn.Parameter(network.embed_tokens.weight.detach().clone())
        self.head = self.embedding if network.lm_head is None else nn.Parameter(network.lm_head.weight.detach().clone())
        options = {} if nonlinearity is None else {"nonlinearity": nonlinearity}
        self.layers = nn.ModuleList()
        for layer in network.layers:
            made = TORCHS[kind](layer.weight_ih.shape[1], layer.hidden_size, batch_first=True, **options)
            with torch.no_grad():
                for name, parameter in layer.named_parameters():
                    getattr(made, f"{name}_l0").copy_(parameter)
            self.layers.append(made)

    def hidden(self, tokens):
        x = self.embedding[tokens]
        for layer in self.layers:
            x, _ = layer(x)
        return x

    def nll(self, tokens, targets):
        logits = self.hidden(tokens) @ self.head.t()
        return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)

    def under_our_names(self):
        found = {"embed_tokens.weight": self.embedding}
        for i, layer in enumerate(self.layers):
            found |= {f"layers.{i}.{name.removesuffix('_l0')}": parameter for name, parameter in layer.named_parameters()}
        return found if self.head is self.embedding else found | {"lm_head.weight": self.head}


def logits(network, tokens, segments=None):
    return network.over_logits(network.hidden(Inputs(tokens, segments_BT=segments)), lambda z: z)


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_logits_gradients_and_one_step_of_adamw_are_torchs(kind, change):
    network = built(kind, **change)
    reference = Reference(network, kind)
    torch.testing.assert_close(network.hidden(Inputs(TOKENS)).values_BTD, reference.hidden(TOKENS), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(logits(network, TOKENS), reference.hidden(TOKENS) @ reference.head.t(), atol=1e-5, rtol=1e-5)
    updater = AdamW(learning_rate=0.01, weight_decay=0.0, eps=1e-3).build(network)
    theirs = torch.optim.AdamW(reference.parameters(), lr=0.01, betas=(0.9, 0.95), weight_decay=0.0, eps=1e-3)
    network.nll(network.hidden(Inputs(TOKENS)), TARGETS).mean().backward()
    reference.nll(TOKENS, TARGETS).mean().backward()
    wanted = reference.under_our_names()
    assert set(wanted) == {name for name, _ in network.named_parameters()}
    for name, parameter in network.named_parameters():
        assert (parameter.grad - wanted[name].grad).norm() <= 1e-5 * wanted[name].grad.norm(), name
    updater.step(1.0)
    theirs.step()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter, wanted[name], atol=1e-5, rtol=1e-5)


def test_rectified_units_are_torchs():
    network = built("rnn", nonlinearity="relu")
    torch.testing.assert_close(network.hidden(Inputs(TOKENS)).values_BTD, Reference(network, "rnn", "relu").hidden(TOKENS))


@pytest.mark.parametrize("kind", KINDS)
def test_a_fresh_network_gives_every_token_about_the_same_probability(kind):
    """Exactly, or to a thousandth where the output layer is the embedding."""
    for tied in (False, True):
        network = Model.parse({"kind": kind, "tie_embeddings": tied} | BASE).build(VOCABULARY, seed=7)
        nll = network.nll(network.hidden(Inputs(TOKENS)), TARGETS)
        assert nll.mean().item() == pytest.approx(math.log(50), abs=1e-2 if tied else 1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_does_not_see_another(kind):
    """Packed behind another document, at a different place in each row, a document has the logits that it has alone."""
    network = built(kind)
    segments = (torch.arange(16)[None] >= torch.tensor([6, 11, 16])[:, None]).int()
    packed = logits(network, TOKENS, segments)
    for row, start in enumerate((6, 11)):
        torch.testing.assert_close(packed[row, start:], logits(network, TOKENS[row : row + 1, start:])[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(packed[2], logits(network, TOKENS)[2])


@pytest.mark.parametrize("length", [1, 16, 17, 300])
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_any_length_with_and_without_a_state(kind, length):
    """One token, the row that it was built for, one more, and more than are read at once; one row, and none."""
    network = built(kind)
    tokens = torch.arange(length)[None] * 7 % 49
    whole = network.hidden(Inputs(tokens)).values_BTD
    with torch.enable_grad():
        torch.testing.assert_close(network.hidden(Inputs(tokens)).values_BTD.detach(), whole)
    state = network.new_state(1, length)
    for at in range(0, length, 130):
        part = network.hidden(Inputs(tokens[:, at : at + 130]), state).values_BTD
        torch.testing.assert_close(part, whole[:, at : at + 130])
    assert state.lengths_B.tolist() == [length]
    assert network.hidden(Inputs(tokens[:0])).values_BTD.shape[:2] == (0, length)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_state_goes_back_to_any_token_of_the_last_call(kind):
    """Through a call that was read in several pieces, to its beginning, and after rows were taken away."""
    network = built(kind)
    tokens = torch.randint(0, 49, (3, 300), generator=torch.Generator().manual_seed(6))
    state = network.new_state(3, 400)
    network.hidden(Inputs(tokens[:, :20]), state)
    network.hidden(Inputs(tokens[:, 20:]), state)
    state.select(torch.tensor([2, 0]))
    state.keep(torch.tensor([20, 201]))
    for row, (source, length) in enumerate(((2, 20), (0, 201))):
        alone = network.new_state(1, 400)
        network.hidden(Inputs(tokens[source : source + 1, :length]), alone)
        torch.testing.assert_close(state.values_BS[row], alone.values_BS[0])
    assert state.lengths_B.tolist() == [20, 201]


def test_a_state_of_another_number_of_rows_is_refused():
    network = built("gru")
    with pytest.raises(TelosError) as error:
        network.hidden(Inputs(TOKENS), network.new_state(2, 16))
    assert error.value.must == "a state must have as many rows as the tokens that go on from it"
    assert error.value.found == "2 rows, tokens of 3"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"context_length": 1}, "context_length"),
        ({"dropout": 1.0}, "dropout"),
        ({"num_layers": 0, "recurrent_dropout": 0.1}, "recurrent_dropout needs at least one layer"),
        ({"nonlinearity": "gelu"}, "nonlinearity"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(TelosError, match=message):
        Model.parse({"kind": "rnn"} | settings)


@pytest.mark.parametrize("name", ["dropout", "embedding_dropout", "recurrent_dropout"])
@pytest.mark.parametrize("kind", KINDS)
def test_dropout_draws_while_training_alone_and_one_mask_a_row(kind, name):
    network = built(kind, **{name: 0.5})
    plain = built(kind)
    torch.testing.assert_close(network.eval().hidden(Inputs(TOKENS)).values_BTD, plain.hidden(Inputs(TOKENS)).values_BTD)
    network.train()
    torch.manual_seed(1)
    first = network.hidden(Inputs(TOKENS)).values_BTD
    torch.manual_seed(1)
    assert torch.equal(network.hidden(Inputs(TOKENS)).values_BTD, first)
    assert not torch.equal(network.hidden(Inputs(TOKENS)).values_BTD, first)
    if name == "dropout":
        gone = first == 0
        assert torch.equal(gone.all(1), gone.any(1)), "what is dropped is dropped at every step"
        assert 0.2 < gone.float().mean() < 0.8


@torch.no_grad()
def test_dropped_words_are_dropped_wherever_they_stand():
    network = built("rnn", num_layers=0, embedding_dropout=0.5).train()
    torch.manual_seed(3)
    gone = (network.hidden(Inputs(TOKENS)).values_BTD == 0).all(-1)
    words = {int(token): {bool(g) for g in gone[token == TOKENS]} for token in TOKENS.unique()}
    assert all(len(found) == 1 for found in words.values())
    assert {next(iter(found)) for found in words.values()} == {False, True}


@pytest.mark.parametrize("kind", KINDS)
def test_flops_are_those_of_the_products(kind):
    """Of torch's own counter, per token; it counts a product with its addition as the product."""
    network = built(kind)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.nll(network.hidden(Inputs(TOKENS)), TARGETS)
    assert counter.get_total_flops() / TOKENS.numel() == network.flops_per_token(16)


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_by_heart(kind):
    """A sequence of period 7 whose next token depends on the two before."""
    network = Model.parse({"kind": kind, "num_layers": 1, "hidden_size": 32, "context_length": 14}).build(VOCABULARY)
    text = torch.tensor([1, 2, 1, 3, 2, 2, 4] * 5)
    updater = AdamW(learning_rate=0.02, weight_decay=0.0).build(network)
    for _ in range(80):
        updater.zero_grad()
        loss = network.nll(network.hidden(Inputs(text[None, :-1])), text[None, 1:])[:, 3:].mean()
        loss.backward()
        updater.step(1.0)
    assert loss.item() < 0.2


# -- scoring and generation through a whole document ------------------------------------------------------------------------


def test_scoring_reads_a_document_from_its_beginning():
    """Of a text shorter than a window, the nats are those of one pass; of longer ones, nearly, whatever the rows."""
    network = built("lstm")
    rng = np.random.default_rng(0)
    short = rng.integers(0, 49, 700)
    short[300] = short[-1] = 49
    length, stride = extent(network.spec)
    assert (length, stride) == (CARRIED_WINDOW, CARRIED_WINDOW - 128)
    found = network_nll(network, short, context_length=length, stride=stride)
    inputs, segments = np.concatenate([[49], short[:-1]]), (np.arange(700) > 300).astype(np.int32)
    with torch.no_grad():
        hidden = network.hidden(Inputs(torch.from_numpy(inputs)[None], segments_BT=torch.from_numpy(segments)[None]))
        wanted = network.nll(hidden, torch.from_numpy(short)[None])[0].numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    long = np.append(rng.integers(0, 49, 4000), 49)
    nll = [network_nll(network, long, context_length=length, stride=stride, rows=rows) for rows in (1, 64)]
    np.testing.assert_allclose(nll[0], nll[1], atol=1e-5)
    with torch.no_grad():
        hidden = network.hidden(Inputs(torch.from_numpy(np.concatenate([[49], long[:-1]]))[None]))
        whole = network.nll(hidden, torch.from_numpy(long)[None])[0].numpy()
    assert abs(nll[0].mean() - whole.mean()) < 1e-4


def test_generation_goes_on_beyond_the_context():
    tokenizer = Byte().train(lambda: iter([]), 0)
    network = built("gru", tokenizer.vocabulary, context_length=8)
    engine = Engine(network, tokenizer)
    prompts = ["a prompt of more than eight bytes", "短"]
    made = engine.generate(prompts, Sampling(max_tokens=40, seed=3))
    assert any(len(one.tokens) > 16 for one in made)
    assert [engine.generate([prompt], Sampling(max_tokens=40, seed=3))[0].tokens for prompt in prompts] == [
        m.tokens for m in made
    ]
    assert "".join(engine.stream(prompts[0], Sampling(max_tokens=40, seed=3))) == made[0].text
