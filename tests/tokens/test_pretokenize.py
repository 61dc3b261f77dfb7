"""The pattern, and the places where a text may be cut without changing its tokens."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers

from telos.tokens.pretokenize import HAN, PATTERN, count_han, han_run_pattern, rough_pieces, safe_pieces

regex = pytest.importorskip("regex")  # comes with transformers

pieces_of_text = st.lists(
    st.sampled_from(["中华", "人", "，", "。”", "\n", "\n\n", " ", "   ", "word", "don't", "'S ", "42", "é", "e\u0301", "\u3000",
                     "\t", "\r\n", "!", "(", ")", "...\n", "'", "'re", "'Say", "x'll", "“", "？"]),
    max_size=40,
).map("".join)  # fmt: skip


def words(text: str) -> list[str]:
    return [word for word, _ in pre_tokenizers.Split(Regex(PATTERN), "isolated").pre_tokenize_str(text)]


@settings(max_examples=400, deadline=None)
@given(text=pieces_of_text | st.text(max_size=50), characters=st.integers(1, 12))
@example("a b", 1)
@example("中，  \n文", 1)
def test_cutting_at_safe_places_changes_no_word(text, characters):
    pieces = list(safe_pieces(text, characters))
    assert "".join(pieces) == text
    assert [word for piece in pieces for word in words(piece)] == words(text)


def test_long_texts_are_cut():
    for text in ("word " * 5_000, "国家，" * 5_000, "line\n" * 5_000):
        assert all(1_000 <= len(piece) < 1_010 for piece in list(safe_pieces(text, 1_000))[:-1])
        assert len(list(safe_pieces(text, 1_000))) >= 10


def test_a_text_without_a_safe_place_stays_whole_for_encoding_and_not_for_learning():
    text = "0123456789" * 1_000
    assert list(safe_pieces(text, 100)) == [text]
    assert "".join(rough_pieces(text, 100)) == text
    assert max(map(len, rough_pieces(text, 100))) == 200


@settings(max_examples=300, deadline=None)
@given(text=pieces_of_text)
def test_pattern_means_the_same_to_an_independent_engine(text):
    assert regex.findall(PATTERN, text) == words(text)


@settings(max_examples=300, deadline=None)
@given(text=pieces_of_text)
def test_pattern_means_what_qwen2_means(text):
    qwen2 = pytest.importorskip("transformers.models.qwen2.tokenization_qwen2")
    split = pre_tokenizers.Split(Regex(qwen2.PRETOKENIZE_REGEX), "isolated")
    assert [word for word, _ in split.pre_tokenize_str(text)] == words(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'll see 2024", ["I", "'ll", " see", " ", "2", "0", "2", "4"]),
        ("SHE'LL DON'T", ["SHE", "'LL", " DON", "'T"]),
        ("'Say 'Tis", ["'S", "ay", " '", "Tis"]),
        ("国家，法律。\n第一条", ["国家", "，法律", "。\n", "第一条"]),
        ("a  b\n\n c", ["a", " ", " b", "\n\n", " c"]),
    ],
)
def test_words_of_the_pattern(text, expected):
    assert words(text) == expected


def test_learning_cuts_runs_of_han_with_a_sign_before_them():
    split = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(p), "isolated") for p in (PATTERN, han_run_pattern(4))])
    got = [word for word, _ in split.pre_tokenize_str("，中华人民共和国abc公民 the")]
    assert got == ["，中华人民", "共和国", "abc", "公民", " the"]


def test_han_class_agrees_with_unicode():
    for code in [*range(0x3000, 0xA000), *range(0xF900, 0xFB00), *range(0x1F000, 0x32400)]:
        character = chr(code)
        if regex.match(r"\p{Han}", character) and not 0x3021 <= code <= 0x303B:  # Hangzhou numerals are numbers here
            assert count_han(character) == 1, hex(code)
    assert count_han("，a1あカ한") == 0
    assert regex.fullmatch(f"[{HAN}]", "𠮷")
