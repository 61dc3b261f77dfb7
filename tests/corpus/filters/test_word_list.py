"""Lists of the user's: agreement with their plain transcription in both scripts, whole words, errors."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telos.corpus.filters.word_list import WordList
from telos.corpus.texts import Texts
from telos.foundation.errors import TelosError
from tests.corpus.filters.conftest import TEXTS

ENTRIES = [
    "cat",
    "the cat",
    "Ärger",
    "中文",
    "文字",
    "AV女优",
    "C++",
    "don't",
    "e.g.",
    "x y",
    "a",
    "sat.",
    "🙂",
    "the cat sat on",
    "文字学",
    "字",
    "ο",
    "ß",
    "ไทย",
    "to  to",
]
NAMED = "word_list needs a UTF-8 text file with one word or phrase a line"


@pytest.fixture
def word_list(tmp_path):
    def make(content, **settings):
        path = tmp_path / "words.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        spec = WordList(path=str(path), **settings)
        return spec, spec.prepare(lambda n: [])

    return make


def found(spec, prepared, texts):
    return (spec.judge(Texts.of(texts), prepared).reasons > 0).tolist()


@pytest.mark.data
@pytest.mark.parametrize("fraction", [0, 0.001, 0.02])
def test_it_agrees_on_real_text(fraction, agree, english_texts, word_list):
    listed = ["# mine", "", "Terms", "for the", "the purpose", "purpose", "规定", "定", "1.", "It's"]
    spec, prepared = word_list("\n".join(listed), max_fraction=fraction)
    assert len(set(agree(spec, english_texts, prepared))) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(ENTRIES), min_size=1), st.sampled_from([0, 0.1, 0.5]),
       st.lists(TEXTS | st.lists(st.sampled_from([*ENTRIES, *" \n sCATty文-_+'"])).map("".join), max_size=6))  # fmt: skip
def test_it_agrees_on_any_text(agree, word_list, entries, fraction, documents):
    spec, prepared = word_list("\n".join(entries), max_fraction=fraction)
    agree(spec, documents, prepared)


def test_whole_words_and_any_chinese(word_list):
    made = word_list("art\nbig cat\n赌博\nÄrger\n")
    texts = ["party", "Art!", "a big\n cat's", "big cats", "他们赌博了", "赌 博", "ärger", "art赌", "ART"]
    assert found(*made, texts) == [False, True, True, False, True, False, True, True, True]


def test_a_phrase_within_another_that_breaks_off(word_list):
    made = word_list("the cat sat\ncat\n中文字典\n文字")
    assert found(*made, ["the cat stood", "the dog sat", "中文字体", "中文", "cat"]) == [True, False, True, False, True]


def test_a_share_of_the_text(word_list):
    """Overlapping phrases count once: "ab cd ef" has 6 of 10 bytes in them."""
    text = ["ab cd ef ghij"]
    assert found(*word_list("ab cd\ncd ef", max_fraction=0.59), text) == [True]
    assert found(*word_list("ab cd\ncd ef", max_fraction=0.6), text) == [False]
    spec, prepared = word_list("CD ef")
    assert spec.judge(Texts.of(text), prepared).details == {0: "holds 'CD ef'; 0.4000 of it is listed"}


@pytest.mark.parametrize(("content", "what", "fix"), [
    (b"\xff\xfea", "byte 1 is not UTF-8", "save the file as UTF-8"),
    ("# none\n\n", "holds none", "add lines to it, or leave word_list out"),
])  # fmt: skip
def test_a_list_that_is_none(word_list, content, what, fix):
    with pytest.raises(TelosError) as caught:
        word_list(content)
    assert (caught.value.must, caught.value.fix) == (NAMED, fix)
    assert caught.value.found.endswith(what)


def test_a_list_that_is_not_there(tmp_path):
    with pytest.raises(TelosError, match="No such file or directory") as caught:
        WordList(path=str(tmp_path / "none.txt")).prepare(lambda n: [])
    assert caught.value.fix == "correct word_list's path"


def test_a_list_that_is_too_long(word_list, monkeypatch):
    monkeypatch.setattr("telos.corpus.filters.word_list.MOST_CELLS", 100)
    with pytest.raises(TelosError) as caught:
        word_list("\n".join(f"word{i}" for i in range(50)))
    assert caught.value.found.endswith("holds 50")
    assert caught.value.fix == "keep its most telling words, or split the list"
