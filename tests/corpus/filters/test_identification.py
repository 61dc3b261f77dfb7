"""Languages of pieces: equal to py3langid on every document and on odd texts, also where its model should change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.corpus import identification
from telos.corpus.identification import CHINESE, identifier, identify, languages
from telos.corpus.texts import Texts

SAMPLES = {
    "zh": "今天天气很好，我们去公园散步吧。",
    "en": "The cat sat on the mat and looked at us.",
    "de": "Das ist ein schöner Satz über Löwen.",
    "ru": "Это простое предложение.",
    "ja": "これは日本語の文章です。",
    "ko": "이것은 한국어 문장입니다.",
    "fr": "Ceci est une phrase en français.",
}


def whole(texts):
    made = Texts.of(texts)
    return identify(made, made.offsets[:-1], made.offsets[1:])


def by_library(text):
    """The language and its probability as py3langid gives them, varieties of Chinese together."""
    chances = {}
    for code, chance in identifier().rank(text):
        name = "zh" if code in CHINESE else code
        chances[name] = chances.get(name, 0.0) + chance
    if len(set(chances.values())) < 5:  # all alike, but where classes share a name
        return "zxx", chances["zxx"]
    return max(chances.items(), key=lambda item: item[1])


def agree(texts):
    places, confidence = whole(texts)
    for text, place, sure in zip(texts, places, confidence, strict=True):
        code, expected = by_library(text)
        assert sure == pytest.approx(expected, abs=1e-4), text[:50]
        assert languages()[place] == code or by_library(text)[1] < 0.5, text[:50]


def test_known_languages():
    places, confidence = whole(list(SAMPLES.values()))
    assert [languages()[p] for p in places] == list(SAMPLES)
    assert confidence.min() > 0.5
    assert identification._tables() is not None, "py3langid's model has changed: the kernel is not used"


@pytest.mark.data
def test_equal_to_py3langid_on_real_text(real_texts):
    pieces = [text.encode()[:2048].decode(errors="ignore") for text in real_texts]
    places, confidence = whole(pieces)
    expected = [by_library(piece) for piece in pieces]
    assert [languages()[p] for p in places] == [code for code, _ in expected]
    assert np.abs(confidence - [sure for _, sure in expected]).max() < 1e-4


@settings(deadline=None)  # the first call may compile
@given(
    st.lists(
        st.text(st.sampled_from("ABCdeé e\u0301ÀÖ中国，\u1161\u1112ДЖд ") | st.characters(codec="utf-8"), max_size=40), max_size=4
    )
)
def test_equal_to_py3langid_on_odd_text(texts):
    agree(texts)


def test_upper_case_and_decomposed_letters_go_the_librarys_way():
    agree(["THIS IS SHOUTED ENGLISH TEXT", "e\u0301te\u0301 a\u0300 la plage", "ＡＢＣ", "", "DŽ"])


def test_a_model_of_another_form_is_asked_and_not_walked(monkeypatch):
    monkeypatch.setattr(identification, "_tables", lambda: None)
    places, _ = whole(list(SAMPLES.values()))
    assert [languages()[p] for p in places] == list(SAMPLES)
