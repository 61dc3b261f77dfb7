"""Span corruption against the T5 definition, and source and target together against the text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.foundation.errors import TelosError
from telos.models.transformer import Transformer
from telos.objectives._spans import noise_mask, sentinel_ids, spans_of
from telos.objectives.span_corruption import SpanCorruption
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

END = 1000
VOCABULARY = Vocabulary(END, "test", {END_OF_TEXT: END}).with_specials(SpanCorruption().special_tokens())


def _row(tokens, documents) -> Row:
    return Row(np.array(tokens, np.uint16), END, np.array(documents, np.int64), 0)


def _t5_lengths(length, density, mean_span):
    """(source, target) of T5's published code (random_spans_helper), without the ends of text."""
    noise = min(max(round(length * density), 1), length - 1)
    spans = max(round(noise / mean_span), 1)
    return length - noise + spans, noise + spans


@pytest.mark.parametrize("length", [2, 3, 10, 57, 512, 2000])
@pytest.mark.parametrize(("density", "mean_span"), [(0.15, 3), (0.5, 3), (0.5, 32), (0.15, 8)])
def test_lengths_are_those_of_t5(length, density, mean_span):
    objective = SpanCorruption(layout="encoder_decoder", noise_density=density, mean_span=mean_span, max_spans=600)
    vocabulary = Vocabulary(END, "test", {END_OF_TEXT: END}).with_specials(objective.special_tokens())
    example = objective.examples(_row(range(length)[:END] if length <= END else [7] * length, [0] * length),
                                 np.random.default_rng(1), vocabulary)  # fmt: skip
    source, target = _t5_lengths(length, density, mean_span)
    assert (len(example["source"]), len(example["targets"])) == (source + 1, target + 1)


def test_spans_begin_behind_a_gap_end_the_text_and_have_the_mean_length_asked_for():
    """As T5's: over many draws, every length of a span is as often as in a random composition."""
    rng, lengths = np.random.default_rng(2), []
    for _ in range(400):
        mask = noise_mask(200, 0.15, 3, rng)
        assert mask.sum() == 30
        assert not mask[0]
        assert mask[-1]
        edges = np.flatnonzero(np.diff(mask.astype(int), prepend=0, append=0))
        lengths += (edges[1::2] - edges[::2]).tolist()
    assert np.mean(lengths) == pytest.approx(3, abs=1e-9)
    # Compositions of 30 into 10: a part is 1 in C(28, 8) ÷ C(29, 9) = 9/29 of all.
    assert np.mean(np.array(lengths) == 1) == pytest.approx(9 / 29, abs=0.02)


@settings(max_examples=150, deadline=None)
@given(
    documents=st.lists(st.lists(st.integers(0, END - 1), max_size=40), min_size=1, max_size=5),
    whole=st.booleans(),
    spans=st.tuples(st.floats(0.05, 0.9), st.floats(1, 10), st.integers(1, 100)),
    seed=st.integers(0, 2**32 - 1),
)
def test_source_and_target_together_give_back_the_text(documents, whole, spans, seed):
    density, mean_span, max_spans = spans
    stream = [[*document, END] for document in documents]
    if not whole and documents[-1]:
        stream[-1] = documents[-1]  # a row that ends in the middle of a document
    tokens = [token for part in stream for token in part]
    ordinals = [i for i, part in enumerate(stream) for _ in part]
    objective = SpanCorruption(layout="encoder_decoder", noise_density=density, mean_span=mean_span, max_spans=max_spans)
    example = objective.examples(_row(tokens, ordinals), np.random.default_rng(seed), VOCABULARY)
    sentinels = set(sentinel_ids(VOCABULARY, max_spans).tolist())
    for i, document in enumerate(documents, 1):
        source = example["source"][example["source_segments"] == i].tolist()
        target = example["targets"][example["segments"] == i].tolist()
        assert source[-1] == target[-1] == END
        said, hidden = source[:-1], {}
        for token in target[:-1]:
            if token in sentinels:
                assert token not in hidden
                hidden[token] = []
                last = token
            else:
                hidden[last].append(token)
        assert all(hidden.values())
        assert [token for token in said if token in sentinels] == list(hidden) == sorted(hidden)
        assert list(hidden) == sorted(sentinels)[: len(hidden)]
        back = [t for token in said for t in hidden.get(token, [token])]
        assert back == document


@pytest.mark.parametrize("layout", ["encoder_decoder", "prefix", "causal"])
@pytest.mark.parametrize("context", [8, 64, 256, 1024])
def test_as_much_of_a_document_is_drawn_as_fits(layout, context):
    objective = SpanCorruption(layout=layout)
    raw = objective.raw_length(context)
    for length, fits in ((raw, True), (raw + 1, False)):
        example = objective.examples(_row([7] * length, [0] * length), np.random.default_rng(0), VOCABULARY)
        longest = max(len(example["tokens"]), len(example.get("source", [])))
        assert (longest <= context) is fits


def test_the_same_draw_gives_the_same_example_and_another_draw_another():
    row, objective = _row(range(100), [0] * 100), SpanCorruption(layout="prefix")
    first, again, other = (objective.examples(row, np.random.default_rng(seed), VOCABULARY)["targets"] for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()


def test_a_text_of_one_token_has_nothing_to_hide():
    assert spans_of(1, 0.15, 3) == spans_of(0, 0.15, 3) == (0, 0)


def test_a_context_without_room_is_refused():
    with pytest.raises(TelosError) as error:
        SpanCorruption(layout="prefix").check(Transformer(context_length=4))
    assert error.value.must == "objective 'span_corruption' needs rows of at least 2 tokens of text"
    assert error.value.found == "model.context_length=4 has room for 1"
