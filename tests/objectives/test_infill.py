"""Infilling: both orders by hand, a permutation of the text for any text, texts that stay against `causal`; between characters,
the text comes back and its parts are what the tokenizer makes of each by itself."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.foundation.errors import TelosError
from telos.objectives.causal import Causal
from telos.objectives.infill import MIDDLE, MOST_MORE, PREFIX, SUFFIX, Infill
from telos.tokens.batches import Row
from telos.tokens.tokenizers import Tokenizer
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

END = 100
VOCABULARY = Vocabulary(END, "test", {END_OF_TEXT: END}).with_specials((PREFIX, SUFFIX, MIDDLE))
P, S, M = (VOCABULARY.specials[name] for name in (PREFIX, SUFFIX, MIDDLE))


def _row(tokens, documents, previous=END) -> Row:
    return Row(np.array(tokens, np.uint16), previous, np.array(documents, np.int64), 0)


def _example(row, seed=0, **how):
    return Infill(**how).examples(row, np.random.default_rng(seed), VOCABULARY)


def _text(target: list[int]) -> tuple[list[int], str]:
    """What was cut, put together again, and in which order it stood; with nothing before the middle the two are the same."""
    assert target[-1] == END
    body = target[:-1]
    if not body or body[0] != P:
        return body, "whole"
    if body[1] == S:
        middle = body.index(M)
        behind, rest = body[2:middle], body[middle + 1 :]
        return rest + behind, "suffix first"
    suffix, middle = body.index(S), body.index(M)
    return body[1:suffix] + body[middle + 1 :] + body[suffix + 1 : middle], "prefix first"


@pytest.mark.parametrize(("suffix_first", "order"), [(0, "prefix first"), (1, "suffix first")])
@given(text=st.lists(st.integers(0, END - 1), max_size=40), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_each_order_is_the_text_with_its_middle_at_the_end(suffix_first, order, text, seed):
    example = _example(_row([*text, END], [3] * (len(text) + 1)), seed, rate=1, suffix_first=suffix_first)
    found, seen = _text(example["targets"].tolist())
    assert found == text
    assert seen == order or example["targets"][1] == S
    assert example["tokens"].tolist() == [END, *example["targets"].tolist()[:-1]]
    assert set(example["weights"]) == {1}


@given(texts=st.lists(st.lists(st.integers(0, END - 1), max_size=12), min_size=1, max_size=5), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_documents_of_a_row_are_cut_each_by_itself(texts, seed):
    tokens = [token for text in texts for token in [*text, END]]
    example = _example(_row(tokens, [i for i, text in enumerate(texts) for _ in range(len(text) + 1)]), seed, rate=0.7)
    found = [example["targets"][example["segments"] == i].tolist() for i in range(1, len(texts) + 1)]
    assert [_text(one)[0] for one in found] == texts


def test_cuts_and_orders_are_drawn_as_often_as_asked_for_and_places_evenly():
    row = _row([*range(9), END], [0] * 10)
    drawn = [_example(row, seed, rate=0.6, suffix_first=0.25)["targets"].tolist() for seed in range(1500)]
    orders = [_text(target)[1] for target in drawn]
    assert orders.count("whole") / 1500 == pytest.approx(0.4, abs=0.04)
    # A quarter of 0.6; and of the rest those with nothing before the middle, 1 − (9/10)² of them.
    assert orders.count("suffix first") / 1500 == pytest.approx(0.15 + 0.45 * 0.19, abs=0.035)
    lengths = [_example(row, seed, rate=1, suffix_first=0)["targets"].tolist().index(S) - 1 for seed in range(1500)]
    # The smaller of two numbers drawn evenly from 0 … 9 has the mean Σ_k P(both ≥ k) = Σ_{k=1}^{9} ((10 − k) ÷ 10)² = 2.85.
    assert np.mean(lengths) == pytest.approx(2.85, abs=0.2)


@pytest.mark.parametrize("row", [
    _row([5, 6, END, 7, 8, END], [3, 3, 3, 1, 1, 1]),
    _row([5, 6, END, 7, 8], [3, 3, 3, 1, 1], previous=9),
    _row([7, 8, 9], [1, 1, 1]),
])  # fmt: skip
def test_texts_that_stay_are_what_causal_makes_of_them(row):
    ours, theirs = _example(row, rate=0), Causal().examples(row, np.random.default_rng(0), VOCABULARY)
    for name in ("tokens", "targets", "weights"):
        assert ours[name].tolist() == theirs[name].tolist()
    assert (np.diff(ours["segments"]) != 0).tolist() == (np.diff(theirs["segments"]) != 0).tolist()


@pytest.mark.parametrize("context", [8, 64, 256])
def test_as_much_of_a_document_is_drawn_as_fits(context):
    raw = Infill().raw_length(context)
    lengths = [len(_example(_row([1] * n, [0] * n), rate=1)["tokens"]) for n in (raw, raw + 1)]
    assert lengths[0] <= context < lengths[1]


# -- between characters -------------------------------------------------------------------------------------------------

ENGLISH = "The rain fell upon the roofs of the town, and nobody in all the streets had thought to carry an umbrella. "
CHINESE = (
    "第一条　为了保护民事主体的合法权益，调整民事关系，维护社会和经济秩序，制定本法。民事主体在民事活动中的法律地位一律平等。"
)
TOKENIZERS = {name: Tokenizer.parse(given).train(lambda: iter([ENGLISH * 30, CHINESE * 30, "naïve 😀 " * 50]), 10_000)
              for name, given in {"bpe": {"kind": "bpe", "vocab_size": 420}, "byte": {"kind": "byte"}}.items()}  # fmt: skip


def _made(tokenizer, text, seed, **how):
    """(ids of the text, before, inside, behind) as one example has them, by the first order."""
    vocabulary = tokenizer.vocabulary.with_specials((PREFIX, SUFFIX, MIDDLE)).with_tokenizer(tokenizer)
    names = [vocabulary.specials[name] for name in (PREFIX, SUFFIX, MIDDLE)]
    ids = np.append(tokenizer.encode(text), vocabulary.end_of_text)
    row = Row(ids, vocabulary.end_of_text, np.zeros(len(ids), np.int64), 0)
    how = {"rate": 1, "suffix_first": 0, "level": "character"} | how
    target = Infill(**how).examples(row, np.random.default_rng(seed), vocabulary)["targets"].tolist()
    assert target[0] == names[0]
    assert target[-1] == vocabulary.end_of_text
    suffix, middle = target.index(names[1]), target.index(names[2])
    return ids[:-1].tolist(), target[1:suffix], target[middle + 1 : -1], target[suffix + 1 : middle]


@pytest.mark.parametrize("name", TOKENIZERS)
@given(text=st.text(max_size=60) | st.text(alphabet="ab e的民 \n，", max_size=80), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_cut_between_characters_the_text_comes_back(name, text, seed):
    tokenizer = TOKENIZERS[name]
    text = tokenizer.decode(tokenizer.encode(text))
    _, before, inside, behind = _made(tokenizer, text, seed)
    assert "".join(tokenizer.decode_bytes(part).decode() for part in (before, inside, behind)) == text  # each whole characters


@pytest.mark.parametrize(("text", "least"), [(ENGLISH, 1.0), (CHINESE, 0.9)])
def test_parts_are_what_the_tokenizer_makes_of_each_by_itself(text, least):
    tokenizer = TOKENIZERS["bpe"]
    same, whole, moved = [], tokenizer.encode(text).tolist(), 0
    for seed in range(150):
        _, *parts = _made(tokenizer, text, seed)
        same += [part == tokenizer.encode(tokenizer.decode(part)).tolist() for part in parts]
        moved += parts[0] + parts[1] + parts[2] != whole
    assert np.mean(same) >= least
    assert moved > 75  # most cuts meet a token, of which two are made


def test_character_cuts_are_drawn_evenly():
    text = ENGLISH[:60]
    lengths = [len(TOKENIZERS["byte"].decode(_made(TOKENIZERS["byte"], text, seed)[1])) for seed in range(1500)]
    # The smaller of two numbers drawn evenly from 0 … 60: Σ_{k=1}^{60} ((61 − k) ÷ 61)².
    assert np.mean(lengths) == pytest.approx(sum(((61 - k) / 61) ** 2 for k in range(1, 61)), rel=0.06)


def test_a_text_that_begins_within_a_character_is_cut_all_the_same():
    tokenizer = TOKENIZERS["byte"]
    vocabulary = tokenizer.vocabulary.with_specials((PREFIX, SUFFIX, MIDDLE)).with_tokenizer(tokenizer)
    ids = tokenizer.encode("民法")[1:]
    for seed in range(20):
        row = Row(ids, int(tokenizer.encode("民")[0]), np.zeros(len(ids), np.int64), 0)
        target = Infill(rate=1, suffix_first=1, level="character").examples(row, np.random.default_rng(seed), vocabulary)[
            "targets"
        ]
        ordinary = target[target < 256]
        assert sorted(ordinary.tolist()) == sorted(ids.tolist())


def test_a_row_cut_between_characters_fits_the_context():
    tokenizer, context = TOKENIZERS["bpe"], 48
    vocabulary = tokenizer.vocabulary.with_specials((PREFIX, SUFFIX, MIDDLE)).with_tokenizer(tokenizer)
    objective = Infill(rate=1, level="character")
    raw = objective.raw_length(context)
    assert raw == context - 4 - MOST_MORE
    ids = tokenizer.encode("antidisestablishmentarianism" * 10)[:raw]
    for seed in range(50):
        row = Row(ids, 0, np.zeros(len(ids), np.int64), 0)
        assert len(objective.examples(row, np.random.default_rng(seed), vocabulary)["tokens"]) <= context


def test_characters_need_a_tokenizer_of_bytes():
    word = Tokenizer.parse({"kind": "word", "min_count": 1}).train(lambda: iter([ENGLISH]), 100)
    word.is_exact = False  # as one from elsewhere
    with pytest.raises(TelosError, match=re.escape("objective.level=token")):
        _made(word, ENGLISH, 0)
    with pytest.raises(TelosError, match="needs the tokenizer"):
        Infill(rate=1, level="character").examples(_row([1, 2, END], [0, 0, 0]), np.random.default_rng(0), VOCABULARY)
