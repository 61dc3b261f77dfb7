"""Gopher's repetition rules: agreement with their plain transcription, and known answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.corpus.filters.gopher_repetition import GopherRepetition
from telos.corpus.texts import Texts
from tests.corpus.filters.conftest import TEXTS

FRACTIONS = list(GopherRepetition.model_fields)
MOVED = [{}, *({name: None} for name in FRACTIONS), *({name: 0.01} for name in FRACTIONS)]
OFF = dict.fromkeys(FRACTIONS)


@pytest.mark.data
@pytest.mark.parametrize("settings", MOVED, ids=str)
def test_it_agrees_on_real_text(settings, agree, english_texts):
    assert len(set(agree(GopherRepetition(**settings), english_texts[:: 5 if settings else 1]))) > 1


@given(st.lists(TEXTS, max_size=6), st.sampled_from(FRACTIONS), st.sampled_from([0, 0.02, 0.1, 0.3, 0.7, 1.2]))
def test_it_agrees_on_any_text(agree, documents, name, fraction):
    agree(GopherRepetition(**OFF | {name: fraction}), documents)
    agree(GopherRepetition(), documents)


@given(st.lists(st.sampled_from("abcd"), max_size=80), st.integers(2, 10))
def test_every_length_of_n_gram(agree, letters, n):
    name = f"{'top' if n < 5 else 'duplicate'}_{n}_gram_fraction"
    for fraction in (0, 0.2, 0.5):
        agree(GopherRepetition(**OFF | {name: fraction}), [" ".join(letters)])


def test_words_in_another_order_are_another_n_gram():
    assert not GopherRepetition(**OFF | {"top_2_gram_fraction": 0}).judge(Texts.of(["one two one"]), {}).reasons.any()


def test_known_fractions():
    """Of four lines of 9 characters two stood before; "ab cd" twice is 10 of 19 characters."""
    lines = "aaaa bbbb\ncccc dddd\naaaa  bbbb \naaaa bbbb"
    spec = GopherRepetition(**OFF | {"duplicate_line_fraction": 0.49})
    assert spec.judge(Texts.of([lines]), {}).details == {0: "0.5, must be at most 0.49"}
    assert not GopherRepetition(**OFF | {"duplicate_line_fraction": 0.5}).judge(Texts.of([lines]), {}).reasons.any()
    spec = GopherRepetition(**OFF | {"top_2_gram_fraction": 0.5})
    assert spec.judge(Texts.of(["ab cd ef gh ab cd  "]), {}).details == {0: "0.5263, must be at most 0.5"}


def test_batches_change_nothing():
    documents = ["x y z " * n for n in range(30)] + ["", "one two three"] * 3
    whole = GopherRepetition().judge(Texts.of(documents), {}).reasons.tolist()
    assert whole == [GopherRepetition().judge(Texts.of([d]), {}).reasons[0] for d in documents]
