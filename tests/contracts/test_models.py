"""What holds for every family of models, at its default settings with little text.  New ones are found, not named."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.models import Counting, Inputs, Model, Network, TextEncoder
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(40, "0123456789abcdef", {END_OF_TEXT: 40})
GRADIENT = [kind for kind in Model.kinds() if Model.member(kind).learns_by == "gradient"]
PAIRED = [kind for kind in GRADIENT if "encoder_decoder" in Model.member(kind).patterns]
LIKELIHOOD = [kind for kind in GRADIENT if Model.member(kind).has_likelihood]
WHOLE = [kind for kind in GRADIENT if not Model.member(kind).has_likelihood]
COUNTING = [kind for kind in Model.kinds() if Model.member(kind).learns_by == "counting"]


def stream(length: int = 300, seed: int = 0) -> np.ndarray:
    """Tokens with something to learn, in documents that end."""
    rng = np.random.default_rng(seed)
    tokens = np.minimum(rng.geometric(0.1, length) - 1, VOCABULARY.size_ordinary - 1)
    tokens[19::20] = VOCABULARY.end_of_text
    return tokens.astype(np.int64)


def network(kind: str, seed: int = 1) -> Network:
    """A network whose weights are of ordinary size: a fresh one's output may be zero."""
    built = Model.parse(kind).build(VOCABULARY, seed)
    made = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=made))
    return built.eval()


def tokens_BT(rows: int = 2, length: int = 24) -> torch.Tensor:
    return torch.from_numpy(stream(rows * length).reshape(rows, length))


def read(kind: str, tokens: torch.Tensor) -> Inputs:
    """What a model of this kind reads: these tokens, behind a source where it needs one."""
    if kind not in PAIRED:
        return Inputs(tokens)
    source = torch.from_numpy(stream(len(tokens) * 9, seed=7).reshape(len(tokens), 9))
    return Inputs(tokens, pattern="encoder_decoder", source_BS=source, source_lengths_B=torch.arange(len(tokens)) % 9 + 1)


def test_there_are_both_ways_of_learning():
    assert "transformer" in GRADIENT
    assert "ngram" in COUNTING


@pytest.mark.parametrize("kind", Model.kinds())
def test_what_is_built_is_what_was_promised(kind):
    spec = Model.parse(kind)
    built = spec.build(VOCABULARY)
    assert isinstance(built, Network if spec.learns_by == "gradient" else Counting)
    assert (built.spec, built.vocabulary) == (spec, VOCABULARY)


# -- models that learn by gradient --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GRADIENT)
def test_weights_are_a_function_of_the_seed(kind):
    spec = Model.parse(kind)
    torch.manual_seed(0)
    first = dict(spec.build(VOCABULARY, 1).named_parameters())
    torch.manual_seed(1)
    again, other = (dict(spec.build(VOCABULARY, seed).named_parameters()) for seed in (1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    nothing_to_draw = all(len(parameter.unique()) == 1 for parameter in first.values())  # a convex loss may begin anywhere
    assert nothing_to_draw or any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("kind", GRADIENT)
def test_every_trainable_parameter_has_a_role(kind):
    built = network(kind)
    assert set(built.roles()) == {name for name, parameter in built.named_parameters() if parameter.requires_grad}
    assert set(built.roles().values()) <= {"embedding", "matrix", "vector", "head"}
    assert 0 < built.flops_per_token(8) <= built.flops_per_token(16)


@pytest.mark.parametrize("kind", LIKELIHOOD)
@torch.no_grad()
def test_nll_is_that_of_the_logits(kind):
    built = network(kind)
    hidden = built.hidden(read(kind, tokens_BT()))
    logits = built.over_logits(hidden, lambda z: z)
    assert logits.shape == (2, 24, VOCABULARY.size)
    assert logits.dtype == torch.float32
    targets = tokens_BT().roll(-1, 1)
    wanted = -logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0]
    assert (built.nll(hidden, targets) - wanted).abs().max() < 1e-4
    assert wanted.std() > 0.01


@pytest.mark.parametrize("kind", [kind for kind in GRADIENT if "causal" in Model.member(kind).patterns])
@torch.no_grad()
def test_a_causal_model_does_not_look_ahead_nor_into_another_segment(kind):
    built = network(kind)
    before = built.hidden(Inputs(tokens_BT())).values_BTD
    changed = tokens_BT()
    changed[:, 12:] = (changed[:, 12:] + 1) % VOCABULARY.size
    after = built.hidden(Inputs(changed)).values_BTD
    assert (after[:, :12] - before[:, :12]).abs().max() < 1e-5
    assert (after[:, 12:] - before[:, 12:]).abs().max() > 1e-3
    segments = torch.zeros(2, 24, dtype=torch.int32)
    segments[:, 12:] = 1
    parted = built.hidden(Inputs(tokens_BT(), segments_BT=segments)).values_BTD
    other = tokens_BT()
    other[:, :12] = (other[:, :12] + 1) % VOCABULARY.size
    assert (built.hidden(Inputs(other, segments_BT=segments)).values_BTD - parted)[:, 12:].abs().max() < 1e-5


@pytest.mark.parametrize("kind", PAIRED)
@torch.no_grad()
def test_a_target_is_read_from_its_beginning_and_a_source_as_a_whole_without_its_padding(kind):
    built, given = network(kind), read(kind, tokens_BT())
    before = built.hidden(given).values_BTD
    changed = tokens_BT()
    changed[:, 12:] = (changed[:, 12:] + 1) % VOCABULARY.size
    after = built.hidden(dataclasses.replace(given, tokens_BT=changed)).values_BTD
    assert (after[:, :12] - before[:, :12]).abs().max() < 1e-5
    assert (after[:, 12:] - before[:, 12:]).abs().max() > 1e-3
    other = given.source_BS.clone()
    padding = torch.arange(9) >= given.source_lengths_B[:, None]
    other[padding] = (other[padding] + 1) % VOCABULARY.size
    assert (built.hidden(dataclasses.replace(given, source_BS=other)).values_BTD - before).abs().max() < 1e-5
    for row, length in enumerate(given.source_lengths_B.tolist()):
        alone = Inputs(
            given.tokens_BT[row : row + 1], pattern="encoder_decoder", source_BS=given.source_BS[row : row + 1, :length]
        )
        assert (built.hidden(alone).values_BTD - before[row]).abs().max() < 1e-5, "padding is not seen"
    other[:, 0] = (other[:, 0] + 1) % VOCABULARY.size
    moved = (built.hidden(dataclasses.replace(given, source_BS=other)).values_BTD - before).abs()
    assert moved.amax(-1).min() > 1e-5, "every target token sees the source"


@pytest.mark.parametrize("kind", [kind for kind in GRADIENT if Model.member(kind).patterns & {"causal", "encoder_decoder"}])
@torch.no_grad()
def test_with_a_state_equals_the_whole(kind):
    """In pieces, after padding that is dropped, and after rows are taken away."""
    built = network(kind)
    tokens = tokens_BT(3)
    given = read(kind, tokens)
    whole = built.hidden(given).values_BTD
    state = built.new_state(3, 24)
    for at, part in zip((0, 10, 11), tokens.split((10, 1, 13), dim=1), strict=True):
        hidden = built.hidden(Inputs(part) if at else dataclasses.replace(given, tokens_BT=part), state)
        state = hidden.state
        assert (hidden.values_BTD - whole[:, at : at + part.shape[1]]).abs().max() < 1e-4
    state = built.new_state(3, 24)
    padded, lengths = tokens[:, :10].clone(), torch.tensor([10, 4, 7])
    for row, length in enumerate(lengths):
        padded[row, length:] = 0
    state = built.hidden(dataclasses.replace(given, tokens_BT=padded), state).state
    state.keep(lengths)
    state.select(torch.tensor([2, 1]))
    found = built.hidden(Inputs(torch.stack([tokens[2, 7:9], tokens[1, 4:6]])), state).values_BTD
    assert (found - torch.stack([whole[2, 7:9], whole[1, 4:6]])).abs().max() < 1e-4


@pytest.mark.parametrize("kind", WHOLE)
@torch.no_grad()
def test_a_model_of_whole_texts_gives_one_vector_and_no_likelihood(kind):
    built = network(kind)
    assert isinstance(built, TextEncoder)
    segments = torch.ones(2, 24, dtype=torch.int32)
    segments[1, 7:] = 0
    found = built.hidden(Inputs(tokens_BT(), segments_BT=segments)).values_BTD
    assert found.shape[:2] == (2, 1)
    assert (found[1] - built.hidden(Inputs(tokens_BT()[1:, :7])).values_BTD[0]).abs().max() < 1e-5
    assert (found[0] - found[1]).abs().max() > 1e-3
    for asked in (lambda: built.nll(None, None), lambda: built.over_logits(None, abs), lambda: built.new_state(1, 1)):
        with pytest.raises(TelosError, match="reads a text as a whole"):
            asked()


# -- models that count --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", COUNTING)
def test_probabilities_add_up_to_one_and_are_those_of_nll(kind):
    built = Model.parse(kind).build(VOCABULARY)
    built.fit(stream())
    text = stream(60, seed=1)
    nll = built.nll(text)
    assert nll.shape == text.shape
    for at in (0, 1, 5, 18, 19, 20, 21, 40):
        log_p = built.log_probabilities(text[:at])
        assert math.fsum(np.exp(log_p)) == pytest.approx(1, abs=1e-9)
        assert log_p[text[at]] == pytest.approx(-nll[at], abs=1e-4)
    begun = np.concatenate([[VOCABULARY.end_of_text], text[:5]])
    assert np.allclose(built.log_probabilities(begun), built.log_probabilities(text[:5])), "end of text begins a text"


@pytest.mark.parametrize("kind", COUNTING)
def test_counting_anew_forgets_and_counting_more_learns(kind):
    text = stream(60, seed=1)
    built, fresh = (Model.parse(kind).build(VOCABULARY) for _ in range(2))
    built.fit(stream(seed=5))
    before = built.nll(text)
    built.fit(text)
    fresh.fit(text)
    assert np.array_equal(built.nll(text), fresh.nll(text))
    assert built.nll(text).mean() < before.mean()


@pytest.mark.parametrize("kind", COUNTING)
@pytest.mark.parametrize("text", [[], [0], [1], [0, 0, 1], [1, 1]], ids=str)
def test_one_token_and_a_vocabulary_of_two(kind, text):
    """Down to no text at all, of which every model says 1/V; a context longer than any that was counted is one more."""
    built = Model.parse(kind).build(Vocabulary(1, "0123456789abcdef", {END_OF_TEXT: 1}))
    built.fit(np.array(text, np.int64))
    for scored in ([], [0], [1], [0] * 40):
        nll = built.nll(np.array(scored, np.int64))
        assert nll.shape == (len(scored),)
        assert np.isfinite(nll).all()
        assert (nll >= 0).all()
        log_p = built.log_probabilities(np.array(scored, np.int64))
        assert math.fsum(np.exp(log_p)) == pytest.approx(1, abs=1e-9)
        assert text or log_p == pytest.approx(np.log([0.5, 0.5]))
