"""Words: as many tokens as words and lines, the list by count, bytes for the rest."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.foundation.errors import TelosError
from telos.tokens.tokenizers.word import Word

WIKITEXT = " \n = Homarus gammarus = \n \n The European lobster is a species of <unk> lobster . \n It is a <unk> @-@ lobster . \n"


def words_of(trained) -> list[str]:
    return [token.decode() for token in trained.token_bytes[256:-1]]


def test_as_many_tokens_as_words_and_lines(make):
    """What published perplexities by words count: every word, and an end of line for every line."""
    trained = make(Word(min_count=1), [WIKITEXT])
    ids = trained.encode(WIKITEXT)
    assert len(ids) == len(WIKITEXT.split()) + WIKITEXT.count("\n")
    assert trained.decode(ids) == WIKITEXT
    assert ids.min() >= 256
    assert words_of(trained)[:2] == [" \n", " lobster"]


def test_the_list_by_falling_count_then_in_alphabetical_order(make):
    trained = make(Word(min_count=1), ["b b c c c aa", "aa dd"])
    assert words_of(trained) == [" c", " aa", " b", " dd", "aa"]
    assert trained.encode(" c aa").tolist() == [256, 257]
    assert trained.encode("b aa").tolist() == [ord("b"), 257]
    assert trained.vocabulary.size == 256 + 5 + 1


def test_the_most_frequent_words_up_to_the_size(make):
    texts = ["to be or not to be , that is to be"]
    assert words_of(make(Word(vocab_size=259, min_count=1), texts)) == [" be", " to"]
    assert words_of(make(Word(vocab_size=None), texts)) == [" be", " to"]


@pytest.mark.parametrize(
    "stranger", [" b", "b", "é", " 文", "😀", "文😀é", "\x7f\x80", "\t", "\u3000", "\r\n", " ", "  \n", "\x1c", "\x85"]
)
def test_words_outside_the_list_become_their_bytes(make, stranger):
    trained = make(Word(), ["aa aa aa aa"])
    ids = trained.encode(f" aa{stranger} aa")
    assert trained.decode(ids) == f" aa{stranger} aa"
    assert ids[-1] == 256
    assert trained.encode(stranger).tolist() == list(stranger.encode())


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from(" \n\t\r\x0b\x1c\x85\xa0\u2003\u3000ab文é.,'<>"), max_size=40))
def test_any_white_space_is_cut_as_hugging_face_cuts_it(make, text):
    trained = make(Word(min_count=1), ["ab a b 文 ab. a,\n é ' <unk> \n"])
    ids = trained.encode(text)
    assert trained.decode(ids) == text
    assert ids.tolist() == trained.backend.encode(text, add_special_tokens=False).ids


def test_no_word_is_frequent_enough(make):
    with pytest.raises(TelosError) as error:
        make(Word(min_count=3), [" aa aa bb"])
    assert error.value.must == "a word must stand 3 times in the training text to be a token"
    assert error.value.found == "the most frequent stands 2 times"
    assert error.value.fix == "add text, or lower tokenizer.min_count"
