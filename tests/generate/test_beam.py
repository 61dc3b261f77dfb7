"""Beam search: every text enumerated on tiny vocabularies, transformers' beams on a small Qwen3, and through the engine."""

import functools
import itertools

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.generate.beam import Beam, search
from telos.generate.engine import Engine
from telos.generate.lanes import CountingLanes, NetworkLanes
from telos.generate.sampling import Sampling
from telos.models import Inputs
from telos.models.ngram import NGram
from telos.models.seq2seq import Seq2Seq
from telos.models.transformer import Transformer
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

TINY = Vocabulary(3, "0123456789abcdef", {END_OF_TEXT: 3})
LONGEST = 4
ALL = 4**LONGEST
PENALTIES = [{"length_penalty": 0}, {"length_penalty": 0.6}, {"length_penalty": 2}, {"penalty": "power", "length_penalty": 1}]


def _noisy(network, scale, seed=0):
    made = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=made))
    return network.eval()


def _enumerated(log_p, beam):
    """(score, tokens, ended) of every text, best first; ``log_p``: new tokens → log-probabilities of the next."""
    found = []
    for length in range(LONGEST + 1):
        for text in itertools.product(range(3), repeat=length):
            total = sum(log_p(text[:i])[token] for i, token in enumerate(text))
            if length == LONGEST:
                found.append((beam.score(total, length), text, False))
            else:
                found.append((beam.score(total + log_p(text)[3], length + 1), text, True))
    return sorted(found, key=lambda one: -one[0])


def _decoder():
    network = _noisy(Transformer(num_layers=1, hidden_size=8, num_heads=1, context_length=16).build(TINY), 0.8)
    prompts = [[3, 1], [3], [3, 0, 2]]

    def log_p(prompt, text):
        hidden = network.hidden(Inputs(torch.tensor([[*prompt, *text]])))
        return network.over_logits(hidden, lambda z: z.double().log_softmax(-1))[0, -1].tolist()

    return NetworkLanes(network, prompts, 8), prompts, log_p


def _encoder_decoder():
    network = _noisy(Seq2Seq(hidden_size=8, context_length=16).build(TINY), 0.8)
    sources = [[1, 3], [0, 0, 2, 3]]

    def log_p(source, text):
        hidden = network.hidden(Inputs(torch.tensor([[3, *text]]), source_BS=torch.tensor([source])))
        return network.over_logits(hidden, lambda z: z.double().log_softmax(-1))[0, -1].tolist()

    return NetworkLanes(network, [[3]] * 2, 8, sources), sources, log_p


def _counting():
    model = NGram(order=3).build(TINY)
    model.fit(np.array([0, 1, 2, 3, 0, 1, 1, 3, 2, 0, 3, 1, 3, 0, 1, 2, 2, 3]))
    prompts = [[3, 0], [3]]
    return CountingLanes(model, prompts), prompts, lambda prompt, text: model.log_probabilities(np.array([*prompt, *text]))


@pytest.mark.parametrize("settings", PENALTIES, ids=str)
@pytest.mark.parametrize("made", [_decoder, _encoder_decoder, _counting])
@torch.no_grad()
def test_with_beams_for_every_text_it_is_exhaustive(made, settings):
    lanes, prompts, log_p = made()
    beam = Beam(beams=ALL, n_best=5, **settings)
    found = search(lanes, beam, 3, [LONGEST] * len(prompts))
    for prompt, best in zip(prompts, found, strict=True):
        known = functools.cache(lambda text, prompt=prompt: log_p(prompt, list(text)))
        wanted = _enumerated(known, beam)[:5]
        assert [(one.tokens, one.ended) for one in best] == [(text, ended) for _, text, ended in wanted]
        assert [one.score for one in best] == pytest.approx([score for score, _, _ in wanted], abs=1e-5)
        for one in best:
            values = [known(one.tokens[:i])[token] for i, token in enumerate(one.tokens)]
            assert one.log_probabilities == pytest.approx(values, abs=1e-5)
            assert one.total == pytest.approx(sum(values) + one.ended * known(one.tokens)[3], abs=1e-5)


class Late:
    """A text probably ends at once; one that does not goes on with 0, surely."""

    def log_probabilities(self, context):
        return np.log([0.05, 0.03, 0.02, 0.9] if len(context) == 1 else [0.97, 0.01, 0.01, 0.01])


@pytest.mark.parametrize(("length_penalty", "tokens"), [(0, ()), (3, (0, 0, 0, 0))])
def test_the_search_goes_on_as_long_as_a_longer_text_can_still_score_better(length_penalty, tokens):
    beam = Beam(beams=2, length_penalty=length_penalty, penalty="power")
    assert _enumerated(lambda text: Late().log_probabilities([3, *text]), beam)[0][1] == tokens
    assert search(CountingLanes(Late(), [[3]]), beam, 3, [LONGEST])[0][0].tokens == tokens


@pytest.fixture(scope="module")
def qwen3():
    from transformers import Qwen3Config, Qwen3ForCausalLM

    vocabulary = Vocabulary(11, "0123456789abcdef", {END_OF_TEXT: 11})
    spec = Transformer(num_layers=2, hidden_size=24, num_heads=2, context_length=32)
    ours = _noisy(spec.build(vocabulary), 0.3)
    theirs = Qwen3ForCausalLM(Qwen3Config(
        vocab_size=12, hidden_size=24, intermediate_size=spec.resolved_intermediate_size, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, head_dim=12, max_position_embeddings=32, rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0}, tie_word_embeddings=False,
        bos_token_id=11, eos_token_id=11, pad_token_id=11)).eval()  # fmt: skip
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"beams": 1},
        {"beams": 8},
        {"n_best": 1},
        {"max_tokens": 3},
        {"length_penalty": 0},
        {"length_penalty": 2.0},
    ],
    ids=str,
)
@torch.no_grad()
def test_it_is_transformers_beam_search(qwen3, settings):
    ours, theirs = qwen3
    beam = Beam(**{"beams": 3, "n_best": min(3, settings.get("beams", 3)), "max_tokens": 12, "penalty": "power",
                   "length_penalty": 1.0} | settings)  # fmt: skip
    prompts = [[11, 4, 2], [11, 7, 7], [11, 0, 9]]
    found = search(NetworkLanes(ours, prompts, 16), beam, 11, [beam.max_tokens] * 3)
    out = theirs.generate(
        torch.tensor(prompts), attention_mask=torch.ones(3, 3), num_beams=beam.beams, num_return_sequences=beam.n_best,
        max_new_tokens=beam.max_tokens, length_penalty=beam.length_penalty, early_stopping="never", do_sample=False,
        return_dict_in_generate=True, output_scores=True)  # fmt: skip
    if beam.beams > 1:
        scores = out.sequences_scores
        assert [one.score for best in found for one in best] == pytest.approx(scores.flatten().tolist(), abs=1e-5)
    for best, texts in zip(found, out.sequences[:, 3:].view(3, beam.n_best, -1).tolist(), strict=True):
        for one, text in zip(best, texts, strict=True):
            assert list(one.tokens) == (text[: text.index(11)] if 11 in text else text)
            assert one.ended == (11 in text)


# -- through the engine ----------------------------------------------------------------------------------------------


def test_one_beam_is_greedy_and_batches_do_not_matter(echo, tokenizer):
    engine = Engine(echo(tokenizer.vocabulary), tokenizer)
    prompts = ["a", "", "春眠", "z" * 60]
    greedy = engine.generate(prompts, Sampling(temperature=0, max_tokens=8))
    one = engine.beam_search(prompts, Beam(beams=1, max_tokens=8, length_penalty=0))
    assert [best[0][0].tokens for best in one] == [row.tokens for row in greedy]
    assert [best[0][0].text for best in one] == [row.text for row in greedy]
    beam = Beam(beams=5, n_best=2, max_tokens=8)
    together = engine.beam_search(prompts, beam)
    for prompt, found in zip(prompts, together, strict=True):
        (alone,) = engine.beam_search([prompt], beam)
        assert [generation.tokens for generation, _ in found] == [generation.tokens for generation, _ in alone]
        assert [score for _, score in found] == pytest.approx([score for _, score in alone], abs=1e-5)
        assert found[0][1] >= found[1][1]
    assert engine.beam_search(prompts, beam, prompts_at_once=2)[3][0][0].tokens == together[3][0][0].tokens


def test_more_beams_find_texts_that_are_more_probable(echo, tokenizer):
    engine = Engine(echo(tokenizer.vocabulary), tokenizer)
    scores = [engine.beam_search(["春眠不觉晓"], Beam(beams=n, max_tokens=12, length_penalty=0))[0][0][1] for n in (1, 16)]
    assert scores[1] > scores[0] + 0.1


def test_n_best_above_beams_is_refused():
    with pytest.raises(TelosError) as error:
        Beam(beams=2, n_best=3)
    assert "n_best (3) must be at most beams (2)" in str(error.value)


# -- an encoder-decoder in the engine ---------------------------------------------------------------------------------


@pytest.fixture
def translator(tokenizer):
    return _noisy(Seq2Seq(hidden_size=16, context_length=24).build(tokenizer.vocabulary), 0.3)


def _by_hand(network, source, count):
    """Greedy, the whole target read again for every token."""
    end, text = network.vocabulary.end_of_text, []
    while len(text) < count:
        inputs = Inputs(torch.tensor([[end, *text]]), source_BS=torch.tensor([[*source, end]]))
        token = int(network.over_logits(network.hidden(inputs), lambda z: z)[0, -1].argmax())
        if token == end:
            break
        text.append(token)
    return text


@torch.no_grad()
def test_a_prompt_is_the_source_of_an_encoder_decoder(translator, tokenizer):
    engine = Engine(translator, tokenizer)
    prompts = ["jump twice", "", "走"]
    found = engine.generate(prompts, Sampling(temperature=0, max_tokens=9))
    for prompt, one in zip(prompts, found, strict=True):
        assert list(one.tokens) == _by_hand(translator, tokenizer.encode(prompt).tolist(), 9)
    assert found[0].tokens != found[2].tokens
    assert "".join(engine.stream("走", Sampling(max_tokens=9))) == engine.generate(["走"], Sampling(max_tokens=9))[0].text
    assert len(engine.generate(["走"], Sampling(max_tokens=99, temperature=0))[0].tokens) <= 24


def test_a_source_longer_than_the_context_is_refused(translator, tokenizer):
    with pytest.raises(TelosError) as error:
        Engine(translator, tokenizer).generate(["x" * 24])
    assert error.value.must == "a prompt must fit into the model's context of 24 tokens"
    assert error.value.found == "25 tokens (one of them ends it)"


def test_a_model_that_looks_both_ways_is_refused(echo, tokenizer):
    class Both(Transformer):
        """Looks both ways."""

        patterns = frozenset({"bidirectional"})

        @classmethod
        def kind(cls):
            return "both"

    network = echo(tokenizer.vocabulary)
    network.spec = Both()
    with pytest.raises(TelosError) as error:
        Engine(network, tokenizer)
    assert error.value.must == "text is written by a model with causal or encoder_decoder attention"
    assert error.value.found == "'both' has bidirectional"
