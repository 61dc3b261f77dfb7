"""Whole words and spans of words: against plain loops, rates and lengths on real words in English and Chinese."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.objectives._words import LONGEST_SPAN, draw_spans, draw_words, words_of
from telos.objectives.masked import MASK, Masked
from telos.tokens.batches import Row
from telos.tokens.marks import WORD, Marker
from telos.tokens.tokenizers.byte import Byte
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

END = 256
VOCABULARY = Vocabulary(END, "test", {END_OF_TEXT: END}).with_specials((MASK,))
ENGLISH = "It was the best of times, it was the worst of times; it was the age of wisdom, it was the age of foolishness. " * 20
CHINESE = (
    "中华人民共和国公民在法律面前一律平等。国家尊重和保障人权。任何公民享有宪法和法律规定的权利，同时必须履行宪法和法律规定的义务。"
    * 12
)


def _row(words_by_document, whole=True) -> Row:
    """A row of documents, each a list of words, each a list of tokens; every word's first token is marked."""
    tokens, marks, documents = [], [], []
    for number, words in enumerate(words_by_document):
        for word in words:
            tokens += word
            marks += [WORD, *[0] * (len(word) - 1)]
            documents += [number] * len(word)
        if whole or number + 1 < len(words_by_document):
            tokens, marks, documents = [*tokens, END], [*marks, 0], [*documents, number]
    return Row(np.array(tokens, np.uint16), END, np.array(documents, np.int64), 0, marks=np.array(marks, np.uint8))


def _text(text) -> Row:
    byte = Byte().train(lambda: iter(()), 0)
    ids = byte.encode(text)
    return Row(ids.astype(np.uint16), END, np.zeros(len(ids), np.int64), 0, marks=Marker(byte)(ids, text))


words = st.lists(st.lists(st.integers(0, 255), min_size=1, max_size=5), max_size=12)
documents = st.lists(words, min_size=1, max_size=4)


def _sizes(row):
    found = words_of(row, END)
    return found, np.diff(found.edges)


@given(documents, st.booleans())
def test_words_are_those_of_a_loop(parts, whole):
    row = _row(parts, whole)
    found, sizes = _sizes(row)
    assert sizes.tolist() == [len(word) for part in parts for word in part]
    assert row.tokens[found.places].tolist() == [token for part in parts for word in part for token in word]
    assert row.documents[found.places[found.edges[:-1]]].tolist() == found.pieces.tolist()


def test_a_document_or_row_that_begins_within_a_word_begins_one():
    row = Row(np.array([1, 2, 3, END, 4, 5, 6], np.uint16), 9, np.array([3, 3, 3, 3, 8, 8, 8]), 0,
              marks=np.array([0, 1, 0, 0, 0, 0, 1], np.uint8))  # fmt: skip
    found = words_of(row, END)
    assert found.edges.tolist() == [0, 1, 3, 5, 6]
    assert found.places.tolist() == [0, 1, 2, 4, 5, 6]
    assert found.pieces.tolist() == [0, 0, 1, 1]


@given(documents, st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_words_are_drawn_as_by_the_loop_of_berts_code(parts, most, seed):
    found, sizes = _sizes(_row(parts))
    wanted, left = np.zeros(len(sizes), bool), most
    order = np.random.default_rng(seed).permutation(len(sizes))
    for word in order:
        if sizes[word] <= left:
            wanted[word], left = True, left - sizes[word]
    if not wanted.any():
        wanted[order[:1]] = True
    assert draw_words(found, most, np.random.default_rng(seed)).tolist() == wanted.tolist()


@given(documents, st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_spans_hide_whole_words_and_no_more_tokens_than_asked_for(parts, most, seed):
    found, sizes = _sizes(_row(parts))
    chosen = draw_spans(found, most, np.random.default_rng(seed))
    hidden = sizes[chosen].sum()
    assert hidden <= most or chosen.sum() == 1
    if hidden < most:  # then no other word fits
        assert (sizes[~chosen] > most - hidden).all() or chosen.sum() == 1
    assert chosen.any() == bool(len(sizes))


def test_lengths_of_spans_are_those_of_spanbert():
    """Few spans on a long text hardly meet: lengths are Geo(0.2) given at most 10, 3.8 on average."""
    found, _ = _sizes(_row([[[1]] * 4000]))
    rng, lengths = np.random.default_rng(0), []
    for _ in range(300):
        edges = np.flatnonzero(np.diff(draw_spans(found, 60, rng).astype(int), prepend=0, append=0))
        lengths += (edges[1::2] - edges[::2]).tolist()
    expected = 0.8 ** np.arange(10) / (0.8 ** np.arange(10)).sum()
    assert expected @ np.arange(1, 11) == pytest.approx(3.8, abs=0.01)
    shares = np.bincount(lengths, minlength=11)[1:11] / len(lengths)
    # The last span of a draw is cut where the budget ends: every 16th or so.
    assert shares == pytest.approx(expected, abs=0.025)
    assert sum(length > LONGEST_SPAN for length in lengths) < 0.05 * len(lengths)


def test_a_span_ends_with_its_document():
    """Of documents of one word each, any five are hidden: 5 × 46 ÷ 50 runs on average, where spans would make one or two."""
    found, _ = _sizes(_row([[[1]]] * 50))
    rng, runs = np.random.default_rng(0), []
    for _ in range(200):
        chosen = draw_spans(found, 5, rng)
        assert chosen.sum() == 5
        runs.append(int((np.diff(chosen.astype(int), prepend=0) == 1).sum()))
    assert np.mean(runs) == pytest.approx(4.6, abs=0.15)


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["english", "chinese"])
@pytest.mark.parametrize("hide", ["word", "span"])
@pytest.mark.parametrize("fraction", [0.15, 0.4])
def test_rates_of_what_is_hidden_and_shown(text, hide, fraction):
    """Words are whole; as many tokens as asked for; 80 %, 10 % and 10 % within four standard deviations of the binomial."""
    row, objective = _text(text), Masked(hide=hide, mask_fraction=fraction)
    _, sizes = _sizes(row)
    of_word = np.repeat(np.arange(len(sizes)), sizes)
    shown, groups = np.zeros(3), np.zeros(3)
    for seed in range(60):
        example = objective.examples(row, np.random.default_rng(seed), VOCABULARY)
        hidden = example["weights"] > 0
        assert len(np.unique(of_word[~hidden])) + len(np.unique(of_word[hidden])) == len(sizes)
        assert 0 <= round(fraction * len(hidden)) - hidden.sum() < sizes.max()
        kinds = np.select([example["tokens"] == VOCABULARY.specials[MASK], example["tokens"] != example["targets"]], [0, 1], 2)
        shown += np.bincount(kinds[hidden], minlength=3)
        begins = np.flatnonzero(hidden & ~np.append(False, hidden[:-1]))
        ends = np.flatnonzero(hidden & ~np.append(hidden[1:], False))
        if hide == "span":  # one decision a span; another token may by chance be the token itself
            for first, last in zip(begins, ends, strict=True):
                found = set(kinds[first : last + 1].tolist())
                assert found in ({0}, {1}, {2}, {1, 2})
                groups[min(found)] += 1
    counts = shown if hide == "word" else groups
    for count, share in zip(counts, (0.8, 0.1, 0.1), strict=True):
        spread = np.sqrt(share * (1 - share) / counts.sum())
        assert count / counts.sum() == pytest.approx(share, abs=4 * spread + 0.1 / 256)


@pytest.mark.parametrize("hide", ["word", "span"])
def test_each_word_is_hidden_about_as_often_as_any_other(hide):
    row = _row([[[i] * (1 + i % 3) for i in range(60)]])
    found, _ = _sizes(row)
    objective, times = Masked(hide=hide, mask_fraction=0.3), np.zeros(60)
    for seed in range(1500):
        example = objective.examples(row, np.random.default_rng(seed), VOCABULARY)
        times += example["weights"][found.places[found.edges[:-1]]]
    inner = times[LONGEST_SPAN:-LONGEST_SPAN] / 1500  # a span begins before the first word as little as it goes beyond the last
    assert inner.std() / inner.mean() < 0.1
    assert inner.mean() == pytest.approx(0.3, abs=0.03)


def test_ends_of_text_are_never_hidden_and_texts_of_one_word_are():
    for hide in ("word", "span"):
        example = Masked(hide=hide).examples(_row([[[1, 2, 3]]]), np.random.default_rng(0), VOCABULARY)
        assert example["weights"].tolist() == [1, 1, 1, 0]
        assert Masked(hide=hide).examples(_row([[]]), np.random.default_rng(0), VOCABULARY)["weights"].tolist() == [0]


def test_the_same_draw_gives_the_same_example():
    row = _text(ENGLISH[:200])
    for hide in ("word", "span"):
        first, again, other = (Masked(hide=hide).examples(row, np.random.default_rng(s), VOCABULARY)["tokens"] for s in (1, 1, 2))
        assert first.tolist() == again.tolist() != other.tolist()


def test_marks_are_asked_for_where_words_are_needed():
    assert [Masked(hide=hide).needs_marks for hide in ("token", "word", "span")] == [False, True, True]
