"""Pairs under an encoder-decoder: nats of each pair alone, exact match of its own answers."""

import numpy as np
import pytest
import torch

from telos.evaluate.pairs import score_pairs
from telos.foundation.errors import TelosError
from telos.generate.engine import Engine
from telos.generate.sampling import Sampling
from telos.models import Inputs
from telos.models.seq2seq import Seq2Seq
from telos.tokens.tokenizers.byte import Byte

PAIRS = [("jump twice", "J J"), ("走", "W"), ("", "nothing"), ("run", ""), ("look left and jump", "L J J J J")]


@pytest.fixture(scope="module")
def engine():
    tokenizer = Byte().train(lambda: iter(["x"]), 1)
    network = Seq2Seq(hidden_size=16, context_length=24, dropout=0.5).build(tokenizer.vocabulary)
    made = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.5 * torch.randn(parameter.shape, generator=made))
        network.head.weight[tokenizer.vocabulary.end_of_text] *= 4  # some answers end
        network.head.weight[128:256] = 0  # answers are ASCII, and so encode to the tokens that were written
    return Engine(network, tokenizer)


def _nats(engine, source, target):
    end = engine.model.vocabulary.end_of_text
    ids = engine.tokenizer.encode(target).astype(np.int64).tolist()
    source = torch.tensor([[*engine.tokenizer.encode(source).tolist(), end]])
    engine.model.eval()
    with torch.no_grad():
        hidden = engine.model.hidden(Inputs(torch.tensor([[end, *ids]]), source_BS=source))
        return engine.model.nll(hidden, torch.tensor([[*ids, end]])).sum().item()


@pytest.mark.parametrize("rows_at_once", [1, 2, 64])
def test_nats_are_those_of_each_pair_alone(engine, rows_at_once):
    engine.model.train()
    found = score_pairs(engine, PAIRS, rows_at_once=rows_at_once, answers=False).likelihood
    assert engine.model.training
    assert found.nats == pytest.approx([_nats(engine, *pair) for pair in PAIRS], rel=1e-4)
    assert found.tokens.tolist() == [4, 2, 8, 1, 10]
    assert found.bytes.tolist() == [3, 1, 7, 0, 9]
    assert found.nats_per_token == pytest.approx(found.nats.sum() / 25)


def test_answers_that_are_the_target_are_counted(engine):
    greedy = engine.generate([source for source, _ in PAIRS], Sampling(temperature=0, max_tokens=24))
    own = zip(PAIRS, greedy, strict=True)
    fitting = [(source, one.text) for (source, _), one in own if one.finish_reason == "end_of_text"]
    assert 2 <= len(fitting) < len(PAIRS), "the test needs answers of both kinds"
    found = score_pairs(engine, fitting)
    assert (found.exact_match.value, found.exact_match.n) == (1, len(fitting))
    assert found.answers == [target for _, target in fitting]
    wrong = [(source, target + "!") for source, target in fitting]
    assert score_pairs(engine, [*fitting, *wrong]).exact_match.value == 0.5
    assert score_pairs(engine, fitting, answers=False).exact_match is None


def test_an_answer_that_goes_on_is_not_its_beginning(engine):
    greedy = engine.generate([source for source, _ in PAIRS], Sampling(temperature=0, max_tokens=24))
    going = next(i for i, one in enumerate(greedy) if one.finish_reason == "length")
    cut = engine.generate([PAIRS[going][0]], Sampling(temperature=0, max_tokens=6))[0].text
    assert score_pairs(engine, [(PAIRS[going][0], cut)]).exact_match.value == 0


@pytest.mark.parametrize("which", ["source", "target"])
def test_what_does_not_fit_is_refused(engine, which):
    long = ("x" * 24, "y") if which == "source" else ("x", "y" * 24)
    with pytest.raises(TelosError) as error:
        score_pairs(engine, [PAIRS[0], long])
    assert error.value.must == f"a {which} must fit into the model's context of 24 tokens, its end among them"
    assert error.value.found == "25 tokens in pair 2"
