"""The recurrent encoder-decoder: every attention in NumPy, without attention torch's own layers, one AdamW step, states."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from telos.foundation.errors import TelosError
from telos.models import Inputs
from telos.models.seq2seq import Seq2Seq
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(19, "test", {END_OF_TEXT: 19})
DRAWN = torch.Generator().manual_seed(3)
SOURCE, TARGET = torch.randint(0, 19, (3, 6), generator=DRAWN), torch.randint(0, 19, (3, 5), generator=DRAWN)
LENGTHS = torch.tensor([6, 2, 4])
BASE = Seq2Seq(hidden_size=8, embedding_size=6, dropout=0, context_length=16)
VARIANTS = [
    {"attention": "none"}, {"attention": "additive"}, {"attention": "multiplicative"}, {"input_feeding": True}, {"cell": "gru"},
    {"num_layers": 2}, {"bidirectional": False}, {"embedding_size": None}, {"embedding_size": None, "tie_embeddings": True},
    {"num_layers": 2, "cell": "gru", "attention": "additive"},
]  # fmt: skip


def network(spec=BASE, scale=0.4, **settings):
    made = spec.replace(**settings).build(VOCABULARY, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=scale)
    return made


def inputs(tokens=TARGET, source=SOURCE, lengths=LENGTHS):
    return Inputs(tokens, pattern="encoder_decoder", source_BS=source, source_lengths_B=lengths)


def logits(made, read, state=None):
    return made.over_logits(made.hidden(read, state), lambda z: z)


# -- the formulas in NumPy, one pair and one step at a time -----------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cell_step(w, kind, prefix, x, kept):
    read = w[f"{prefix}.weight_ih"] @ x + w[f"{prefix}.bias_ih"]
    again = w[f"{prefix}.weight_hh"] @ kept[0] + w[f"{prefix}.bias_hh"]
    if kind == "lstm":
        i, f, g, o = np.split(read + again, 4)
        c = sigmoid(f) * kept[1] + sigmoid(i) * np.tanh(g)
        return (sigmoid(o) * np.tanh(c), c)
    (r, z, n), (rh, zh, nh) = np.split(read, 3), np.split(again, 3)
    z = sigmoid(z + zh)
    return ((1 - z) * np.tanh(n + sigmoid(r + rh) * nh) + z * kept[0],)


def by_hand(made, source, target):
    """Logits (T, V) of one pair, in float64."""
    spec = made.spec
    w = {name: p.detach().numpy().astype(np.float64) for name, p in made.named_parameters()}
    table = w["target_embedding.weight" if spec.tie_embeddings else "source_embedding.weight"]
    states, kept = [table[token] for token in source], []
    directions = 1 + spec.bidirectional
    for layer in range(spec.num_layers):
        found, last = [], []
        for d in range(directions):
            order = states[::-1] if d else states
            at = tuple(np.zeros(spec.hidden_size // directions) for _ in range(1 + (spec.cell == "lstm")))
            out = []
            for x in order:
                at = cell_step(w, spec.cell, f"encoder.layers.{layer * directions + d}", x, at)
                out.append(at[0])
            found.append(out[::-1] if d else out)
            last.append(at)
        states = [np.concatenate(both) for both in zip(*found, strict=True)]
        kept.append(tuple(np.concatenate(both) for both in zip(*last, strict=True)))
    memory = np.stack(states)

    def attend(q):
        keys = memory @ w["decoder.attention.key.weight"].T
        if spec.attention == "additive":
            scores = np.tanh(w["decoder.attention.query.weight"] @ q + keys) @ w["decoder.attention.weight"][0]
        else:
            scores = keys @ q
        share = np.exp(scores - scores.max())
        return share / share.sum() @ memory

    head, rows, output = w["target_embedding.weight" if spec.tie_embeddings else "head.weight"], [], np.zeros(spec.hidden_size)
    for token in target:
        y = w["target_embedding.weight"][token]
        x = y
        if spec.attention == "additive":
            context = attend(kept[-1][0])
            x = np.concatenate([y, context])
        elif spec.input_feeding:
            x = np.concatenate([y, output])
        for layer in range(spec.num_layers):
            kept[layer] = cell_step(w, spec.cell, f"decoder.layers.{layer}", x, kept[layer])
            x = kept[layer][0]
        output = x
        if spec.attention == "additive":
            output = np.tanh(w["decoder.combine.weight"] @ np.concatenate([x, context, y]))
        elif spec.attention == "multiplicative":
            output = np.tanh(w["decoder.combine.weight"] @ np.concatenate([x, attend(x)]))
        rows.append(head @ output)
    return np.stack(rows)


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
@torch.no_grad()
def test_logits_are_those_of_the_formulas(settings):
    made = network(**settings)
    found = logits(made, inputs())
    for b, length in enumerate(LENGTHS):
        wanted = by_hand(made, SOURCE[b, :length].tolist(), TARGET[b].tolist())
        assert np.abs(found[b].numpy() - wanted).max() < 1e-5
        assert wanted.std() > 0.1


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_logits_and_an_adamw_step_are_torchs_without_attention(kind):
    made = network(attention="none", bidirectional=False, num_layers=2, cell=kind)
    layer = nn.LSTM if kind == "lstm" else nn.GRU
    encoder, decoder = (layer(6, 8, num_layers=2, batch_first=True) for _ in range(2))
    pairs = []
    for theirs, name in ((encoder, "encoder"), (decoder, "decoder")):
        for parameter, other in theirs.named_parameters():
            stem, _, at = parameter.rpartition("_l")
            pairs.append((other, made.get_parameter(f"{name}.layers.{at}.{stem}")))
    tables = [nn.Embedding(20, 6), nn.Embedding(20, 6)]
    head = nn.Linear(8, 20, bias=False)
    pairs += [(tables[0].weight, made.source_embedding.weight), (tables[1].weight, made.target_embedding.weight)]
    pairs.append((head.weight, made.head.weight))
    with torch.no_grad():
        for other, ours in pairs:
            other.copy_(ours)
    optimizers = [torch.optim.AdamW(side, lr=0.01) for side in zip(*pairs, strict=True)]
    whole = torch.full((3,), 6)
    theirs = head(decoder(tables[1](TARGET), encoder(tables[0](SOURCE))[1])[0])
    ours = made.hidden(inputs(lengths=whole))
    torch.testing.assert_close(made.over_logits(ours, lambda z: z), theirs, atol=1e-5, rtol=1e-5)
    targets = TARGET.roll(-1, 1)
    made.nll(ours, targets).mean().backward()
    nn.functional.cross_entropy(theirs.flatten(0, 1), targets.flatten()).backward()
    for optimizer in optimizers:
        optimizer.step()
    for other, mine in pairs:
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)


# -- what it promises ---------------------------------------------------------------------------------------------------


def test_a_fresh_network_gives_every_token_the_same_probability():
    made = BASE.build(VOCABULARY, seed=5)
    nll = made.nll(made.hidden(inputs()), TARGET)
    torch.testing.assert_close(nll, torch.full((3, 5), math.log(20)))


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_every_parameter_learns(settings):
    made = network(**settings)
    made.nll(made.hidden(inputs()), TARGET.roll(-1, 1)).sum().backward()
    assert [name for name, p in made.named_parameters() if p.grad is None or not p.grad.abs().sum()] == []


def test_flops_are_those_of_the_products():
    spec = BASE.replace(num_layers=2)
    made = network(spec)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        logits(made, inputs(TARGET, SOURCE[:, :5], None))
    # keys of attention are counted with the source, which is as long as the target
    assert made.flops_per_token(5) == pytest.approx(counter.get_total_flops() / 15, rel=0.01)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_computes_in_its_type(dtype):
    made = network()
    made.compute_dtype = dtype
    hidden = made.hidden(inputs())
    assert hidden.values_BTD.dtype == dtype
    nll = made.nll(hidden, TARGET)
    assert nll.dtype == torch.float32
    exact = network().nll(network().hidden(inputs()), TARGET)
    assert (nll - exact).abs().max() < (1e-6 if dtype == torch.float32 else 0.1)


def test_dropout_is_drawn_in_training_alone():
    made = network(dropout=0.5, num_layers=2)
    assert not torch.equal(logits(made, inputs()), logits(made, inputs()))
    made.eval()
    assert torch.equal(logits(made, inputs()), logits(made, inputs()))


@torch.no_grad()
def test_a_source_of_one_token_and_a_target_of_one_token():
    made = network()
    one = torch.tensor([[4]])
    assert logits(made, Inputs(one, source_BS=one)).shape == (1, 1, 20)


@torch.no_grad()
def test_a_state_can_hold_a_row_several_times():
    made = network(input_feeding=True)
    state = made.new_state(3, 16)
    made.hidden(inputs(TARGET[:, :2]), state)
    rows = torch.tensor([2, 0, 2])
    state.select(rows)
    found = logits(made, Inputs(TARGET[rows, 2:4]), state)
    torch.testing.assert_close(found, logits(made, inputs())[rows, 2:4], atol=1e-5, rtol=1e-5)


def test_bad_input_is_refused():
    made = network()
    with pytest.raises(TelosError) as error:
        made.hidden(Inputs(TARGET))
    assert error.value.must == "model 'seq2seq' reads a source and writes a target"
    assert error.value.found == "tokens without a source"
    with pytest.raises(TelosError) as error:
        made.hidden(inputs(), made.new_state(2, 8))
    assert error.value.must == "a state must have as many rows as the tokens that continue it"
    assert error.value.found == "2 and 3"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hidden_size": 9}, "hidden_size (9) must be even, for two directions of half the size"),
        ({"attention": "additive", "input_feeding": True}, "input_feeding goes with multiplicative attention"),
        ({"embedding_size": 8, "tie_embeddings": True}, "tie_embeddings needs embedding_size (8) to be hidden_size (256)"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, words):
    with pytest.raises(TelosError) as error:
        Seq2Seq(**settings)
    assert words in str(error.value)
