"""Characters: the alphabet by count, bytes for the rest."""

import pytest

from telos.foundation.errors import TelosError
from telos.tokens.tokenizers.character import Character


def test_alphabet_by_falling_count_then_code_point(make):
    trained = make(Character(), ["国国国法法", "aab国"])
    assert trained.alphabet == "国a法b"
    assert trained.encode("国法b").tolist() == [256, 258, 259]
    assert trained.vocabulary.size == 256 + 4 + 1


def test_equal_counts_stand_in_the_order_of_code_points(make):
    text = "".join(chr(0x4E00 + 37 * i % 500) * (1 + i % 3) for i in range(500))
    alphabet = make(Character(), [text]).alphabet
    assert list(alphabet) == sorted(set(text), key=lambda c: (-text.count(c), c))


def test_min_count_leaves_rare_characters_to_bytes(make):
    trained = make(Character(min_count=2), ["国国国法法", "aab国"])
    assert trained.alphabet == "国a法"
    assert trained.encode("b国").tolist() == [ord("b"), 256]


@pytest.mark.parametrize(
    "stranger", ["b", "é", "文", "😀", "文😀é", "\x7f\x80", "\u07ff\u0800", "\uffff\U00010000", "\U0010ffff"]
)
def test_characters_outside_the_alphabet_become_their_bytes(make, stranger):
    trained = make(Character(), ["国家"])
    ids = trained.encode(f"国{stranger}家")
    assert ids.tolist() == [256 + trained.alphabet.index("国"), *stranger.encode(), 256 + trained.alphabet.index("家")]
    assert trained.decode(ids) == f"国{stranger}家"


def test_text_of_the_alphabet_has_one_token_a_character(make, texts):
    trained = make(Character(), texts)
    for text in texts:
        assert len(trained.encode(text)) == len(text)
        assert trained.encode(text).min() >= 256


def test_no_character_is_frequent_enough(make):
    with pytest.raises(TelosError) as error:
        make(Character(min_count=3), ["aabb"])
    assert error.value.must == "a character must stand 3 times in the training text to be a token"
    assert error.value.found == "the most frequent stands 2 times"
    assert error.value.fix == "add text, or lower tokenizer.min_count"
