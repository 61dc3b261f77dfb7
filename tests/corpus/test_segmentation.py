"""Words: known texts in several scripts, nothing lost but white space, lists of stop words."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.corpus import segmentation
from telos.corpus.segmentation import is_word, jieba, stop_words, word_starts, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't panic: it's 3.14, or 1,000!", ["Don't", "panic", ":", "it's", "3.14", ",", "or", "1,000", "!"]),
        ("a well-known, café—e\u0301te\u0301 snake_case", ["a", "well-known", ",", "café", "—", "e\u0301te\u0301", "snake_case"]),
        ("我来到北京清华大学。", ["我", "来到", "北京", "清华大学", "。"]),
        ("用Python写程序，3天", ["用", "Python", "写", "程序", "，", "3", "天"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("二〇二四年 ひらがな Слово", ["二", "〇", "二", "四年", "ひらがな", "Слово"]),
        (" \n\u3000", []),
    ],
)  # fmt: skip
def test_known_texts(text, expected):
    assert list(words(text)) == expected


@settings(deadline=None)
@given(st.text(st.sampled_from("中国人民的月aB'’-.,_ \n3é\u0301。") | st.characters(codec="utf-8"), max_size=40))
def test_nothing_is_lost_but_white_space(text):
    found = list(words(text))
    assert "".join(found) == "".join(c for c in text if not c.isspace())
    assert all(found)


@settings(deadline=None)
@given(st.text(st.sampled_from("中国人民的月aB'’-.,_ \n3é\u0301。") | st.characters(codec="utf-8"), max_size=40))
def test_words_stand_where_they_are_said_to_begin(text):
    found, starts = list(words(text)), word_starts(text)
    assert [text[at : at + len(word)] for at, word in zip(starts, found, strict=True)] == found
    assert starts == sorted(set(starts))


def test_the_dictionary_is_kept_in_the_users_cache():
    assert Path(jieba().tmp_dir) == segmentation.cache_folder().parent / "jieba"


def test_stop_words():
    both = stop_words(("en", "zh"))
    assert {"the", "don't", "of", "的", "這", "我们"} <= both
    assert both == {word.lower() for word in both}
    assert not {"law", "法律", "月"} & both
    assert stop_words(()) == frozenset()


def test_punctuation_is_no_word():
    assert [is_word(t) for t in ("3", "don't", "月", "é")] == [True] * 4
    assert [is_word(t) for t in ("。", "--", "…", "$")] == [False] * 4
