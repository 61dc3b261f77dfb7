"""What every family of networks does with what it reads, down to the smallest of everything.  New ones are found, not named."""

import math

import pytest
import torch

from telos.foundation.errors import TelosError
from telos.models import Inputs, Model, Network
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(40, "0123456789abcdef", {END_OF_TEXT: 40})
SMALLEST = Vocabulary(1, "0123456789abcdef", {END_OF_TEXT: 1})
GRADIENT = [kind for kind in Model.kinds() if Model.member(kind).learns_by == "gradient"]
LIKELIHOOD = [kind for kind in GRADIENT if Model.member(kind).has_likelihood]
CAUSAL = [kind for kind in GRADIENT if "causal" in Model.member(kind).patterns]
CLOSE = 1e-4


def network(kind: str, vocabulary: Vocabulary = VOCABULARY, **settings: object) -> Network:
    """A network whose weights are of ordinary size: a fresh one's output may be zero."""
    built = Model.parse({"kind": kind, **settings}).build(vocabulary, 1)
    made = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=made))
    return built.eval()


def drawn(rows: int, length: int, seed: int = 0) -> torch.Tensor:
    """Ordinary tokens, (rows, length)."""
    return torch.randint(VOCABULARY.size_ordinary, (rows, length), generator=torch.Generator().manual_seed(seed))


def read(built: Network, tokens: torch.Tensor, segments: list[int] | None = None) -> Inputs:
    """The tokens as this family reads them, behind a source where it needs one; ``segments``: lengths of a row's documents."""
    patterns = built.spec.patterns
    pattern = next(p for p in ("causal", "bidirectional", "encoder_decoder") if p in patterns)
    inputs = Inputs(tokens, pattern=pattern)
    if pattern == "encoder_decoder":
        inputs.source_BS = drawn(len(tokens), 5, seed=9).clamp(max=built.vocabulary.size - 1)
    if segments is not None:
        numbers = torch.repeat_interleave(torch.arange(len(segments)), torch.tensor(segments))
        inputs.segments_BT = numbers.int().expand(len(tokens), -1).contiguous()
    return inputs


def answers(built: Network, inputs: Inputs) -> torch.Tensor:
    """Logits at each token; of a family that reads a text as a whole, its one vector."""
    with torch.no_grad():
        hidden = built.hidden(inputs)
        return built.over_logits(hidden, lambda logits: logits) if built.spec.has_likelihood else hidden.values_BTD


def values(built: Network, tokens: torch.Tensor, segments: list[int] | None = None) -> torch.Tensor:
    return answers(built, read(built, tokens, segments))


# -- who sees whom ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [k for k in GRADIENT if Model.member(k).patterns & {"causal", "encoder_decoder"}])
@pytest.mark.parametrize("at", [0, 1, 9, 15])
def test_a_token_changes_what_comes_at_it_and_nothing_before(kind, at):
    built, tokens = network(kind), drawn(2, 16)
    before = values(built, tokens)
    tokens[:, at] = (tokens[:, at] + 1) % VOCABULARY.size
    after = values(built, tokens)
    assert (after[:, at] - before[:, at]).abs().max() > 1e-3
    assert torch.allclose(after[:, :at], before[:, :at], atol=1e-5)


@pytest.mark.parametrize("kind", CAUSAL)
def test_documents_in_one_row_are_read_as_if_each_were_alone(kind):
    built, tokens = network(kind), drawn(2, 16)
    packed = values(built, tokens, [7, 1, 8])
    alone = torch.cat([values(built, part) for part in tokens.split((7, 1, 8), dim=1)], 1)
    assert torch.allclose(packed, alone, atol=CLOSE)
    together = values(built, tokens)
    assert (together - packed)[:, 7:].abs().max() > 1e-3, "a model that reads no context would pass, too"


@pytest.mark.parametrize("kind", GRADIENT)
def test_rows_do_not_see_each_other(kind):
    built, tokens = network(kind), drawn(3, 16)
    given = read(built, tokens)
    together = answers(built, given)
    for row in range(3):
        alone = Inputs(tokens[row : row + 1], pattern=given.pattern)
        if given.source_BS is not None:
            alone.source_BS = given.source_BS[row : row + 1]
        assert torch.allclose(answers(built, alone)[0], together[row], atol=CLOSE)


@pytest.mark.parametrize("kind", [k for k in GRADIENT if Model.member(k).patterns & {"causal", "bidirectional"}])
@pytest.mark.parametrize("padding", [0, VOCABULARY.end_of_text])
def test_padding_changes_nothing(kind, padding):
    """A segment of padding behind the text, as batches of rows of several lengths have it."""
    built, tokens = network(kind), drawn(2, 11)
    padded = torch.cat([tokens, torch.full((2, 5), padding)], 1)
    assert torch.allclose(values(built, padded, [11, 5])[:, :11], values(built, tokens, [11]), atol=CLOSE)


# -- what comes out -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LIKELIHOOD)
@torch.no_grad()
def test_probabilities_of_all_targets_add_up_to_one(kind):
    built = network(kind)
    hidden = built.hidden(read(built, drawn(2, 6)))
    each = [built.nll(hidden, torch.full((2, 6), token)).double() for token in range(VOCABULARY.size)]
    total = torch.stack(each).neg().exp().sum(0)
    assert torch.allclose(total, torch.ones_like(total), atol=1e-5)


@pytest.mark.parametrize("kind", GRADIENT)
def test_every_trainable_parameter_has_a_gradient(kind):
    """And twice the same text gives the same values: nothing is drawn outside of training."""
    built = network(kind)
    tokens = drawn(2, 16)
    hidden = built.hidden(read(built, tokens))
    has = Model.member(kind).has_likelihood
    (built.nll(hidden, tokens.roll(-1, 1)).sum() if has else hidden.values_BTD.square().sum()).backward()
    missing = [name for name, parameter in built.named_parameters() if parameter.requires_grad and parameter.grad is None]
    head = {name for name, role in built.roles().items() if role == "head"} if not has else set()
    assert not set(missing) - head
    assert torch.equal(values(built, tokens), values(built, tokens))


@pytest.mark.parametrize("kind", GRADIENT)
def test_in_half_the_precision_the_values_are_about_the_same(kind):
    built, tokens = network(kind), drawn(2, 16)
    whole = values(built, tokens).float()
    built.compute_dtype = torch.bfloat16
    assert (values(built, tokens).float() - whole).norm() < 0.05 * whole.norm()


# -- the smallest of everything -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GRADIENT)
@pytest.mark.parametrize(("rows", "length"), [(1, 1), (3, 1), (1, 2)])
def test_one_token_or_one_row(kind, rows, length):
    built = network(kind)
    found = values(built, drawn(rows, length))
    assert found.shape[:2] == (rows, length if built.spec.has_likelihood else 1)
    assert found.isfinite().all()


@pytest.mark.parametrize("kind", LIKELIHOOD)
@torch.no_grad()
def test_a_vocabulary_of_two(kind):
    """A byte that is always the same, and the end of text."""
    built = network(kind, SMALLEST)
    tokens = torch.zeros(2, 8, dtype=torch.int64)
    nll = built.nll(built.hidden(read(built, tokens)), tokens)
    assert nll.shape == (2, 8)
    assert ((nll > 0) & nll.isfinite()).all()


@pytest.mark.parametrize("kind", LIKELIHOOD)
@torch.no_grad()
def test_no_layers(kind):
    """A bigram by matrices: what a token says follows from itself alone.  Or it is refused by name."""
    if "num_layers" not in Model.member(kind).model_fields:
        pytest.skip("it has no number of layers to set")
    try:
        built = network(kind, num_layers=0)
    except TelosError as error:
        assert "num_layers" in error.must  # noqa: PT017 — either is right
        return
    tokens = drawn(2, 8)
    assert built.nll(built.hidden(read(built, tokens)), tokens).isfinite().all()
    tokens[:, 0] = (tokens[:, 0] + 1) % VOCABULARY.size
    assert torch.allclose(values(built, tokens)[:, 1:], values(built, drawn(2, 8))[:, 1:], atol=1e-6)


@pytest.mark.parametrize("kind", GRADIENT)
def test_one_token_more_than_it_was_built_for(kind):
    """Works, or is refused with the length that there is."""
    built = network(kind, **({"context_length": 8} if "context_length" in Model.member(kind).model_fields else {}))
    tokens = drawn(1, built.context_length + 1)
    try:
        found = values(built, tokens)
    except TelosError as error:
        assert str(built.context_length) in error.must + error.found  # noqa: PT017 — either is right
        return
    assert found.shape[1] == (built.context_length + 1 if built.spec.has_likelihood else 1)
    assert found.isfinite().all()


@pytest.mark.parametrize("kind", CAUSAL)
@pytest.mark.parametrize(("held", "given"), [(3, 2), (1, 2), (2, 1)])
def test_a_state_of_other_rows_is_refused(kind, held, given):
    built = network(kind)
    with torch.no_grad():
        state = built.hidden(read(built, drawn(held, 4)), built.new_state(held, 8)).state
        with pytest.raises(TelosError) as caught:
            built.hidden(read(built, drawn(given, 1)), state)
    assert caught.value.must.startswith("a state must have as many rows as the tokens")
    assert str(held) in caught.value.found
    assert str(given) in caught.value.found


@pytest.mark.parametrize("kind", LIKELIHOOD)
def test_the_first_loss_is_that_of_knowing_nothing(kind):
    """log V, within 2 %; with a tied head, where there is the choice, within 10 %."""
    tied = [{"tie_embeddings": True}] if "tie_embeddings" in Model.member(kind).model_fields else []
    for settings, slack in [({}, 0.02), *((t, 0.1) for t in tied)]:
        built = Model.parse({"kind": kind, **settings}).build(VOCABULARY, 1).eval()
        tokens = drawn(8, 32)
        with torch.no_grad():
            loss = float(built.nll(built.hidden(read(built, tokens)), tokens.roll(-1, 1)).mean())
        assert loss == pytest.approx(math.log(VOCABULARY.size), rel=slack), settings
