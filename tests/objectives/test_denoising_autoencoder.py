"""The denoising autoencoder: the target is the text, each noise by what it must keep, rates, lengths, what is refused."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from telos.foundation.errors import TelosError
from telos.models import Hidden
from telos.models.rnn import RNN
from telos.models.transformer import Transformer
from telos.objectives import collate
from telos.objectives.denoising_autoencoder import DenoisingAutoencoder, infilled, permuted, rotated
from telos.objectives.masked import MASK
from telos.tokens.batches import Row
from telos.tokens.marks import SENTENCE, WORD
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.gradients import accumulate
from telos.train.trainable import Trainable

END = 1000
VOCABULARY = Vocabulary(END, "test", {END_OF_TEXT: END}).with_specials((MASK,))
HIDDEN = VOCABULARY.specials[MASK]
OFF = {"deletion": 0.0, "permute_sentences": False}


def _row(documents, whole=True) -> Row:
    """``documents``: lists of sentences, each a list of tokens; the first token of a sentence is marked."""
    tokens, marks, ordinals = [], [], []
    for number, sentences in enumerate(documents):
        for sentence in sentences:
            tokens += sentence
            marks += [SENTENCE | WORD, *[WORD] * (len(sentence) - 1)]
        if whole or number + 1 < len(documents):
            tokens, marks = [*tokens, END], [*marks, 0]
        ordinals += [number] * (len(tokens) - len(ordinals))
    return Row(np.array(tokens, np.uint16), END, np.array(ordinals, np.int64), 0, marks=np.array(marks, np.uint8))


def _texts(documents):
    """The text of each document that has a token, and so a place in the row."""
    return [[token for sentence in sentences for token in sentence] for sentences in documents]


def _pair(example, number):
    source = example["source"][example["source_segments"] == number].tolist()
    target = example["targets"][example["segments"] == number].tolist()
    assert source[-1] == target[-1] == END
    return source[:-1], target[:-1]


sentences = st.lists(st.lists(st.integers(0, END - 1), min_size=1, max_size=6), max_size=6)
documents = st.lists(sentences, min_size=1, max_size=4)
noises = st.fixed_dictionaries({
    "deletion": st.floats(0, 0.5), "permute_sentences": st.booleans(), "infilling": st.floats(0, 0.49),
    "mean_span": st.floats(0.3, 6), "rotation": st.floats(0.01, 1),
})  # fmt: skip


@given(documents, noises, st.integers(0, 2**32 - 1))
def test_the_target_is_the_text_and_the_source_is_of_its_tokens(parts, noise, seed):
    objective = DenoisingAutoencoder(layout="encoder_decoder", **noise)
    example = objective.examples(_row(parts), np.random.default_rng(seed), VOCABULARY)
    total, shown = 0, 0
    for number, text in enumerate(_texts(parts), 1):
        source, target = _pair(example, number)
        assert target == text
        kept = [token for token in source if token != HIDDEN]
        assert not Counter(kept) - Counter(text)
        total, shown = total + len(text), shown + len(kept)
    asked = round(noise["deletion"] * total) + round(noise["infilling"] * total)
    assert total - shown == min(asked, max(0, total - 1)), "one is left to see"
    assert len(example["source"]) - len(parts) <= total
    assert example["weights"].tolist() == [1] * (total + len(parts))


@given(documents, st.floats(0.01, 0.9), st.integers(0, 2**32 - 1))
def test_deletion_keeps_the_order_of_what_it_leaves(parts, deletion, seed):
    objective = DenoisingAutoencoder(layout="encoder_decoder", deletion=deletion, permute_sentences=False)
    example = objective.examples(_row(parts), np.random.default_rng(seed), VOCABULARY)
    left = 0
    for number, text in enumerate(_texts(parts), 1):
        source, _ = _pair(example, number)
        rest = iter(text)
        assert all(token in rest for token in source)
        left += len(source)
    total = sum(map(len, _texts(parts)))
    assert left == max(min(total, 1), total - round(deletion * total))


@given(documents, st.integers(0, 2**32 - 1))
def test_permuted_sentences_are_whole_and_all_there(parts, seed):
    numbered, number = [], 0  # each token its own number, so that a sentence is known by its tokens
    for part in parts:
        numbered.append([])
        for sentence in part:
            numbered[-1].append([*range(number, number + len(sentence))])
            number += len(sentence)
    objective = DenoisingAutoencoder(layout="encoder_decoder", deletion=0)
    example = objective.examples(_row(numbered), np.random.default_rng(seed), VOCABULARY)
    for place, part in enumerate(numbered, 1):
        source, _ = _pair(example, place)
        found = []
        while source:
            sentence = next(s for s in part if s[0] == source[0])
            assert source[: len(sentence)] == sentence
            found.append(sentence)
            source = source[len(sentence) :]
        assert sorted(found) == part


def test_every_order_of_three_sentences_is_as_likely_as_any_other():
    edges, places, rng = np.array([0, 2, 3, 4]), np.zeros(3, np.int64), np.random.default_rng(0)
    counts = Counter(tuple(permuted(edges, places, rng).tolist()) for _ in range(1200))
    assert sorted(counts) == [(0, 1, 2, 3), (0, 1, 3, 2), (2, 0, 1, 3), (2, 3, 0, 1), (3, 0, 1, 2), (3, 2, 0, 1)]
    assert min(counts.values()) > 150


def test_infilling_has_the_spans_of_bart():
    """Of 30 % in spans ~ Poisson(3): their lengths, the share of masks that hide nothing, and no mask for two spans."""
    rng, lengths, inserted, n, mask = np.random.default_rng(1), Counter(), 0, 2000, 5000
    for _ in range(40):
        source, places = infilled(np.arange(n), np.zeros(n, np.int64), 600, 3.0, mask, rng)
        assert len(source) == len(places) <= n
        kept = source[source != mask]
        assert len(kept) == n - 600
        assert (np.diff(kept) > 0).all()
        masks = np.flatnonzero(source == mask)
        alone = [m for m in masks if 0 < m < len(source) - 1 and mask not in (source[m - 1], source[m + 1])]
        lengths.update(int(source[m + 1] - source[m - 1] - 1) for m in alone)
        inserted += len(masks)
    total = sum(lengths.values())
    poisson = np.exp(-3) * np.array([1, 3, 4.5, 4.5, 3.375])
    assert [lengths[k] / total for k in range(5)] == pytest.approx(poisson, abs=0.02)
    assert inserted / 40 == pytest.approx(600 / 3, rel=0.03)


def test_a_span_that_crosses_into_another_document_is_one_in_each():
    rng, documents = np.random.default_rng(0), np.repeat([0, 1], 5)
    for _ in range(50):
        source, places = infilled(np.arange(10), documents, 9, 50.0, HIDDEN, rng)
        shown = source[source != HIDDEN]
        assert len(shown) == 1
        assert (np.diff(places) >= 0).all()
        assert set(places.tolist()) == {0, 1}


def test_rotation_turns_documents_round():
    documents, rng, seen = np.repeat([0, 1, 2], [4, 1, 3]), np.random.default_rng(0), Counter()
    for _ in range(400):
        order = rotated(documents, 3, 1.0, rng)
        first = order[:4].tolist()
        assert first in ([0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2])
        assert order[4] == 4
        assert sorted(order[5:].tolist()) == [5, 6, 7]
        seen[first[0]] += 1
    assert min(seen.values()) > 70
    assert rotated(documents, 3, 1e-12, rng).tolist() == [*range(8)]


@pytest.mark.parametrize("layout", ["encoder_decoder", "prefix", "causal"])
@pytest.mark.parametrize("context", [8, 64, 256])
@pytest.mark.parametrize("noise", [{}, {"infilling": 0.3, "deletion": 0.0}, {"deletion": 0.5}])
def test_as_much_of_a_document_is_drawn_as_fits(layout, context, noise):
    objective = DenoisingAutoencoder(layout=layout, **noise)
    raw = objective.raw_length(context)
    for length, fits in ((raw, True), (raw + 1, False)):
        example = objective.examples(_row([[[7] * length]], whole=False), np.random.default_rng(0), VOCABULARY)
        longest = max(len(example["tokens"]), len(example.get("source", [])))
        assert longest <= context or not fits
        if not objective.infilling:
            assert (longest <= context) is fits


def test_the_same_draw_gives_the_same_example_and_another_draw_another():
    row, objective = _row([[[*range(50)], [*range(50, 70)]]]), DenoisingAutoencoder(layout="encoder_decoder", infilling=0.2)
    first, again, other = (objective.examples(row, np.random.default_rng(seed), VOCABULARY)["source"] for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize("layout", ["encoder_decoder", "prefix", "causal"])
def test_the_gradient_is_the_same_for_any_split(layout):
    architecture = "encoder_decoder" if layout == "encoder_decoder" else "decoder"
    spec = Transformer(architecture=architecture, num_layers=1, hidden_size=16, num_heads=2, context_length=64)
    objective = DenoisingAutoencoder(layout=layout, infilling=0.2)
    small = Vocabulary(30, "test", {END_OF_TEXT: 30}).with_specials((MASK,))
    rows = []
    for i in range(4):
        row = _row([[[*range(i, i + 5)], [3, 4]], [[7] * (i + 1)]])
        rows.append(Row(np.where(row.tokens == END, 30, row.tokens), 30, row.documents, i, marks=row.marks))
    batch = collate([objective.examples(row, np.random.default_rng(i), small) for i, row in enumerate(rows)])
    gradients = []
    for parts in ([slice(0, 4)], [slice(0, 1), slice(1, 4)], [slice(i, i + 1) for i in range(4)]):
        model = Trainable(spec.build(small, seed=3), None)
        loss = accumulate(model, objective, batch, parts, seed=1, step=0)
        assert loss.loss == pytest.approx(np.log(31 + 1), rel=0.2)
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    for other in gradients[1:]:
        for name, gradient in gradients[0].items():
            torch.testing.assert_close(other[name], gradient, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"deletion": 0.5, "infilling": 0.5},
            "deletion (0.5) and infilling (0.5) must leave tokens to see: together less than 1",
        ),
        (OFF, "deletion, permute_sentences, infilling or rotation must damage the text: all are off"),
    ],
)
def test_noise_that_leaves_nothing_to_see_or_nothing_to_do_is_refused(settings, text):
    with pytest.raises(TelosError) as error:
        DenoisingAutoencoder(**settings)
    assert text in str(error.value)


@pytest.mark.parametrize(
    "noise", [{"deletion": 0.97}, {"infilling": 0.97, "deletion": 0.02}, {"infilling": 0.5, "deletion": 0.45}]
)
@pytest.mark.parametrize("length", [1, 2, 9])
def test_a_token_is_left_to_see(noise, length):
    objective = DenoisingAutoencoder(permute_sentences=False, **noise)
    for seed in range(20):
        pairs = objective.pairs(_row([[[*range(length)]]]), np.random.default_rng(seed), VOCABULARY)
        assert (pairs.sources < END).any(), pairs
        assert pairs.targets.tolist() == [*range(length)]
    empty = objective.pairs(_row([[]]), np.random.default_rng(0), VOCABULARY)
    assert len(empty.sources) == len(empty.targets) == 0


def test_models_without_room_or_of_another_kind_are_refused():
    with pytest.raises(TelosError) as error:
        DenoisingAutoencoder(layout="prefix").check(Transformer(context_length=4))
    assert error.value.must == "objective 'denoising_autoencoder' needs rows of at least 2 tokens of text"
    with pytest.raises(TelosError) as error:
        DenoisingAutoencoder(layout="encoder_decoder").check(RNN())
    assert error.value.must == "objective.layout must be a pattern of the model, one of causal"


def test_marks_and_a_mask_are_asked_for_where_they_are_needed():
    assert DenoisingAutoencoder().needs_marks
    assert not DenoisingAutoencoder(permute_sentences=False).needs_marks
    assert DenoisingAutoencoder().special_tokens() == ()
    assert DenoisingAutoencoder(infilling=0.3).special_tokens() == (MASK,)


def test_the_loss_and_its_gradient_are_those_of_a_transcription():
    """−Σ log p ÷ n from the logits in NumPy, float64, and ∂/∂logits = (p − onehot) ÷ n, of a row in part."""
    small = Vocabulary(30, "test", {END_OF_TEXT: 30})
    objective = DenoisingAutoencoder(layout="prefix", permute_sentences=False, deletion=0.4)
    row = _row([[[3, 1, 4, 1, 5], [9, 2, 6]], [[5, 3]]])
    row = Row(np.where(row.tokens == END, 30, row.tokens), 30, row.documents, 0)
    batch = collate([objective.examples(row, np.random.default_rng(0), small)])
    network = _Logits(batch["tokens"].shape[1], 31)
    total, coefficient = objective.loss(network, batch, np.random.default_rng(0)).terms["nll"]
    total.backward()
    logits, targets = network.logits.detach().numpy().astype(np.float64)[0], batch["targets"][0].numpy()
    predicted = batch["weights"][0].numpy() > 0
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    n = int(predicted.sum())
    assert n == len(row.tokens)  # each text and its end
    assert coefficient == 1
    assert total.item() == pytest.approx(-np.log(shares[np.arange(len(targets)), targets])[predicted].sum(), rel=1e-6)
    expected = (shares - np.eye(31)[targets]) * predicted[:, None]
    np.testing.assert_allclose(network.logits.grad.numpy()[0], expected, atol=1e-6)


class _Logits:
    """A network whose values are its logits, one a place."""

    def __init__(self, length, size):
        self.logits = torch.randn(1, length, size, generator=torch.Generator().manual_seed(1)).requires_grad_()

    def hidden(self, inputs):
        assert inputs.pattern == "prefix"
        return Hidden(self.logits)

    def nll(self, hidden, targets):
        return torch.nn.functional.cross_entropy(hidden.values_BTD.flatten(0, 1), targets.flatten(), reduction="none")[None]
