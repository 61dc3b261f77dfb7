"""The engine on a small network whose logits can be worked out, and on models that count."""

import math

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.foundation.random import key
from telos.generate.beam import Beam
from telos.generate.engine import Engine
from telos.generate.sampling import Sampling
from telos.models import Inputs
from telos.models.ngram import NGram
from telos.tokens.tokenizers.byte import Byte
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

PROMPTS = ["a", "", "春眠不觉晓，", "The quick brown fox", "a", "z" * 40]
GREEDY = Sampling(temperature=0, max_tokens=20)
LONG = Sampling(temperature=0, max_tokens=99)
"""Rows end at different steps, where each one's context is full."""
DRAWN = Sampling(temperature=1.2, top_k=50, max_tokens=20, repetition_penalty=1.1, seed=4)


def by_hand(network, prompt: list[int], sampling: Sampling, sequence: tuple[int, ...]) -> list[int]:
    """The same without a state: the whole sequence is read again for every token."""
    ids, new = list(prompt), []
    while len(new) < sampling.max_tokens and len(ids) <= network.context_length:
        logits = network.over_logits(network.hidden(Inputs(torch.tensor([ids]))), lambda z: z)[:, -1].detach()
        seen = torch.zeros_like(logits, dtype=torch.bool)
        seen[0, ids] = True
        token = sampling.choose(logits, seen, [sequence], len(new))[0]
        if token == network.vocabulary.end_of_text:
            break
        ids.append(token)
        new.append(token)
    return new


@pytest.fixture
def network(echo, tokenizer):
    return echo(tokenizer.vocabulary)


@pytest.fixture
def engine(network, tokenizer) -> Engine:
    return Engine(network, tokenizer)


@pytest.mark.parametrize("sampling", [GREEDY, DRAWN.replace(whole_characters=False)])
def test_with_a_state_equals_reading_everything_again(engine, network, tokenizer, sampling):
    end = tokenizer.vocabulary.end_of_text
    for prompt in ("", "春眠", "ab"):
        ids = [end, *tokenizer.encode(prompt).tolist()]
        wanted = by_hand(network, ids, sampling, (key(0, "prompt", *ids), 0))
        assert list(engine.generate([prompt], sampling)[0].tokens) == wanted
        assert wanted


@pytest.mark.parametrize("sampling", [GREEDY, DRAWN, LONG])
@pytest.mark.parametrize("rows_at_once", [1, 2, 6])
def test_a_batch_of_unequal_prompts_equals_single_ones(engine, sampling, rows_at_once):
    together = engine.generate(PROMPTS, sampling, rows_at_once=rows_at_once)
    for prompt, found in zip(PROMPTS[:4], together, strict=False):
        alone = engine.generate([prompt], sampling)[0]
        assert found.tokens == alone.tokens
        assert (found.text, found.finish_reason) == (alone.text, alone.finish_reason)
        assert found.log_probabilities == pytest.approx(alone.log_probabilities, abs=1e-5)
    assert engine.generate(PROMPTS[::-1], sampling)[0].tokens == together[-1].tokens


def test_a_prompt_given_twice_has_two_continuations(engine):
    first, second = engine.generate(["a", "a"], DRAWN)
    assert first.tokens != second.tokens
    assert engine.generate(["a", "b", "a"], DRAWN)[2].tokens == second.tokens
    assert engine.generate(["a", "a"], GREEDY)[0].tokens == engine.generate(["a", "a"], GREEDY)[1].tokens


def test_equal_settings_give_equal_text_and_another_seed_another(engine):
    torch.manual_seed(0)
    first = engine.generate(["春"], DRAWN)
    torch.manual_seed(1)
    assert engine.generate(["春"], DRAWN) == first
    assert engine.generate(["春"], DRAWN.replace(seed=5)) != first


@pytest.mark.parametrize("sampling", [GREEDY, DRAWN, DRAWN.replace(stop=("e", "\x00"))])
def test_the_stream_is_the_same_text(engine, sampling):
    for prompt in PROMPTS:
        pieces = list(engine.stream(prompt, sampling))
        assert "".join(pieces) == engine.generate([prompt], sampling)[0].text
        assert all(pieces)


def test_prompts_are_read_once_and_then_a_token_at_a_time(engine, network):
    network.calls.clear()
    engine.generate(["abc", "d"], GREEDY.replace(max_tokens=4))
    assert network.calls == [(2, 4), (2, 1), (2, 1), (2, 1)]


def test_log_probabilities_are_the_models_own(engine, network, tokenizer):
    found = engine.generate(["好"], DRAWN)[0]
    ids = [tokenizer.vocabulary.end_of_text, *tokenizer.encode("好").tolist(), *found.tokens]
    logits = network.over_logits(network.hidden(Inputs(torch.tensor([ids]))), lambda z: z)[0].detach()
    at = len(ids) - len(found.tokens)
    wanted = logits[at - 1 : -1].log_softmax(-1)[torch.arange(len(found.tokens)), torch.tensor(found.tokens)]
    assert found.log_probabilities == pytest.approx(wanted.tolist(), abs=1e-4)


def test_the_context_can_be_used_up_and_not_more(echo, tokenizer):
    """8 tokens may be read: begin of text and 5 leave room to read 2 new ones, and a third is predicted from those."""
    engine = Engine(echo(tokenizer.vocabulary, context_length=8), tokenizer)
    found = engine.generate(["abcde"], Sampling(temperature=0, max_tokens=99))[0]
    assert (len(found.tokens), found.finish_reason) == (3, "length")
    full = engine.generate(["abcdefg"], Sampling(temperature=0, max_tokens=99))[0]
    assert (len(full.tokens), full.finish_reason) == (1, "length")


def test_a_prompt_longer_than_the_context_is_refused(echo, tokenizer):
    engine = Engine(echo(tokenizer.vocabulary, context_length=8), tokenizer)
    for call in (lambda: engine.generate(["ok", "床前明"]), lambda: engine.stream("床前明")):
        with pytest.raises(TelosError) as error:
            call()
        assert error.value.must == "a prompt must fit into the model's context of 8 tokens"
        assert error.value.found == "10 tokens (one of them begins the text)"
        assert error.value.fix == "shorten the prompt, or train with a larger model.context_length"


def test_ids_outside_the_vocabulary_and_nothing_at_all_are_refused(engine, tokenizer):
    size = tokenizer.vocabulary.size
    with pytest.raises(TelosError) as error:
        engine.generate([[1, size]])
    assert (error.value.must, error.value.found) == (f"token ids of a prompt must lie in 0 … {size - 1}", str(size))
    with pytest.raises(TelosError) as error:
        engine.generate([""], begin=False)
    assert error.value.must == "a prompt must have at least one token where no begin of text is put before it"


def test_another_tokenizer_is_refused(echo, tokenizer):
    other = Vocabulary(tokenizer.vocabulary.size_ordinary, "feedfeedfeedfeed", {END_OF_TEXT: 0})
    with pytest.raises(TelosError) as error:
        Engine(echo(other), tokenizer)
    assert error.value.must == "a model must be used with the tokenizer that it was trained with"
    assert error.value.found == "tokenizer 0123456789abcdef, the model's is feedfeedfeedfeed"


def test_begin_of_text_can_be_left_out(engine, network):
    network.calls.clear()
    engine.generate(["abc"], GREEDY.replace(max_tokens=1), begin=False)
    assert network.calls == [(1, 3)]


def test_dropout_is_off_while_generating_and_on_again_after(engine, network):
    network.train()
    states = []
    original = network.hidden
    network.hidden = lambda *given: states.append((network.training, torch.is_grad_enabled())) or original(*given)
    engine.generate(["a"], GREEDY.replace(max_tokens=2))
    assert states == [(False, False)] * 2
    assert network.training


def read(tokenizer, begin, found):
    """A prompt and what was written after it, bytes that are no character as U+FFFD."""
    return tokenizer.decode([*(begin.encode() if isinstance(begin, str) else begin), *found.tokens])


@pytest.mark.parametrize("max_tokens", [1, 2, 3, 20, 99])
@pytest.mark.parametrize("begin", ["", "春", "z" * 50, [*"春".encode()[:2]]])
def test_drawn_text_has_no_broken_character_though_the_model_would(engine, tokenizer, begin, max_tokens):
    sampling = Sampling(max_tokens=max_tokens, temperature=2.0)
    broken = 0
    for seed in range(5):
        found, free = (engine.generate([begin], sampling.replace(seed=seed, whole_characters=w))[0] for w in (True, False))
        assert "\ufffd" not in read(tokenizer, begin, found)
        broken += "\ufffd" in read(tokenizer, begin, free)
        assert "\ufffd" not in found.text + free.text
    assert broken or max_tokens == 1


def test_a_long_text_has_no_broken_character_either(echo, tokenizer):
    engine = Engine(echo(tokenizer.vocabulary, context_length=400), tokenizer)
    found = engine.generate(["春"], Sampling(max_tokens=300, temperature=2.0, seed=2))[0]
    assert "\ufffd" not in tokenizer.decode([*"春".encode(), *found.tokens])
    assert len(found.tokens) > 20


@pytest.mark.parametrize("beams", [None, 1, 4])
def test_greedy_and_searched_text_shows_no_broken_character_though_the_model_writes_some(engine, tokenizer, beams):
    """Its tokens are the model's own."""
    broken = 0
    for prompt in ["春", "a", "眠", "z" * 9, ""]:
        if beams is None:
            found = engine.generate([prompt], GREEDY)[0]
            assert "".join(engine.stream(prompt, GREEDY)) == found.text
        else:
            found = engine.beam_search([prompt], Beam(beams=beams, max_tokens=20))[0][0][0]
        written = tokenizer.decode(found.tokens)
        assert found.text == written.replace("\ufffd", "")
        broken += "\ufffd" in written
    assert broken, "else this shows nothing"


# -- models that count ------------------------------------------------------------------------------------------------


def test_a_counting_model_says_what_it_says(script, tokenizer):
    text = "春眠不觉晓，处处闻啼鸟。"
    model = script(tokenizer.vocabulary, tokenizer.encode(text), skip=2)
    found = Engine(model, tokenizer).generate(["x"], GREEDY.replace(max_tokens=99))[0]
    assert (found.text, found.finish_reason) == (text, "end_of_text")
    assert found.log_probabilities == pytest.approx([math.log(0.9)] * len(found.tokens))


@pytest.mark.parametrize(
    ("settings", "text", "reason"),
    [
        ({"stop": ["，"]}, "春眠", "stop"),
        ({"stop": ["never", "晓"]}, "春眠，不觉", "stop"),
        ({"max_tokens": 6}, "春眠", "length"),
        ({"max_tokens": 7}, "春眠", "length"),
    ],
)
def test_where_text_ends(script, tokenizer, settings, text, reason):
    model = script(tokenizer.vocabulary, tokenizer.encode("春眠，不觉晓"), skip=1)
    sampling = Sampling(**{"temperature": 0, "max_tokens": 99} | settings)
    engine = Engine(model, tokenizer)
    found = engine.generate([""], sampling)[0]
    assert (found.text, found.finish_reason) == (text, reason)
    assert "".join(engine.stream("", sampling)) == text


def test_a_stream_never_shows_a_broken_character(script, tokenizer):
    """Tokens that end inside a character: 人, then a token of 人 and one byte of 民, then its other two bytes."""
    half = tokenizer.token_bytes.index("人民".encode()[:4])
    tokens = [*tokenizer.encode("人").tolist(), half, *"人民".encode()[4:], 0x21]
    engine = Engine(script(tokenizer.vocabulary, tokens, skip=1), tokenizer)
    assert list(engine.stream("", GREEDY)) == ["人", "人", "民", "!"]


def test_counting_models_continue_several_prompts_of_unequal_length(script, tokenizer):
    model = script(tokenizer.vocabulary, tokenizer.encode("abcdef"), skip=1)
    engine = Engine(model, tokenizer)
    found = engine.generate(["", "xyz", "xyzuvw"], GREEDY)
    assert [one.text for one in found] == ["abcdef", "def", ""]
    assert [one.finish_reason for one in found] == ["end_of_text"] * 3


def test_an_ngram_model_continues_and_knows_its_probabilities():
    text = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。" * 3
    tokenizer = Byte().train(lambda: iter([text]), len(text.encode()))
    model = NGram(order=5).build(tokenizer.vocabulary)
    model.fit(np.append(tokenizer.encode(text), tokenizer.vocabulary.end_of_text))
    engine = Engine(model, tokenizer)
    assert engine.generate(["春眠不觉"], Sampling(temperature=0, max_tokens=99, stop=["。"]))[0].text == "晓，处处闻啼鸟"
    found = engine.generate(["春眠"], DRAWN)[0]
    ids = np.concatenate([tokenizer.encode("春眠"), found.tokens]).astype(np.int64)
    assert found.log_probabilities == pytest.approx((-model.nll(ids)[6:]).tolist(), abs=1e-5)
