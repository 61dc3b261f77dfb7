"""Answers: SQuAD's normalisation, exact match and F1 by hand and by its own lines; Chinese by characters; the baseline."""

import re
import string
from collections import Counter

import numpy as np
import pytest

from telos.evaluate.answers import exact_match, f1, likeliest_sentence, result, words
from telos.evaluate.documents import Measured


def squad_words(text):
    """`normalize_answer` of SQuAD's evaluate-v1.1.py, split at spaces."""
    kept = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split()).split()


ENGLISH = ["The Eiffel Tower", "an apple, a day", "in 1,889", "theatre", "U.S.A.", "  the  ", "another-one (the last)"]


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_normalised_as_squad_does(text):
    assert words(text) == squad_words(text)


def test_f1_is_squads():
    for told in ENGLISH:
        for true in ENGLISH:
            a, b = squad_words(told), squad_words(true)
            shared = sum((Counter(a) & Counter(b)).values())
            wanted = float(a == b) if not a or not b else 2 * shared / (len(a) + len(b))
            assert f1(told, [true]) == pytest.approx(wanted)
            assert exact_match(told, [true]) == float(a == b)


def test_chinese_is_counted_by_characters():
    assert words("《长城》，在 Beijing 北京。") == ["长", "城", "在", "beijing", "北", "京"]
    assert f1("北京城", ["北京"]) == pytest.approx(0.8)
    assert exact_match("“北京”", ["北京"]) == 1.0


def test_the_best_of_several_and_none():
    assert f1("Paris", ["London", "Paris, France"]) == pytest.approx(2 / 3)
    assert exact_match("Paris", ["London", "paris"]) == 1.0
    assert (f1("", []), exact_match("", []), f1("x", []), exact_match("x", [])) == (1.0, 1.0, 0.0, 0.0)


def test_the_sentence_that_shares_most_words():
    context = "Paris is large. The wall of China is long! 长城在北京。"
    assert likeliest_sentence("How long is the wall?", context) == "The wall of China is long!"
    assert likeliest_sentence("长城在哪里？", context) == "长城在北京。"
    assert likeliest_sentence("zzz", context) == "Paris is large."
    assert likeliest_sentence("x", "3.5 metres, no end") == "3.5 metres, no end"


def test_the_result_is_set_beside_it():
    questions = [("How long?", "It is 5 km long. It is old.")] * 8
    measured = Measured({"exact_span": np.ones(8)}, {"exact_span": np.ones(8)})
    found = result(measured, questions, [["5 km"]] * 8, ["5 km"] * 8, baselines=True)
    assert found.headline["answer_f1"] == found.headline["exact_match"] == 1.0
    assert list(found.headline)[:4] == ["answer_f1", "answer_f1_ci95", "exact_match", "exact_match_ci95"]
    (beside,) = found.baselines
    assert beside["value"] == pytest.approx(f1("It is 5 km long.", ["5 km"]))
    assert beside["verdict"] == "better"
    assert found.tables[1]["rows"][0] == ["How long?", "5 km", "5 km", "yes"]
    assert result(measured, questions, [["5 km"]] * 8, ["5 km"] * 8, baselines=False).baselines == []
