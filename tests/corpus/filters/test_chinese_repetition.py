"""`chinese_repetition`: equal to its transcription in plain Python, with every setting moved off its default in turn."""

import pytest
from hypothesis import given, settings

from benchmarks import reference_rules_zh as reference
from telos.corpus.filters.chinese_repetition import ChineseRepetition
from telos.corpus.texts import Texts
from tests.corpus.filters.conftest import ODD_TEXTS, names

OPEN = {
    "max_duplicate_lines": 1, "max_duplicate_paragraphs": 1, "max_duplicate_line_characters": 1,
    "max_duplicate_paragraph_characters": 1, "max_top_n_gram": {}, "max_duplicate_n_grams": {},
}  # fmt: skip
"""Every rule switched off."""
MOVED = [
    {}, {"max_duplicate_lines": 0.01}, {"max_duplicate_paragraphs": 0.01}, {"max_duplicate_line_characters": 0.01},
    {"max_duplicate_paragraph_characters": 0.005}, {"max_top_n_gram": {2: 0.06}}, {"max_top_n_gram": {"4": 0.03, "1": 0.12}},
    {"max_top_n_gram": {}}, {"max_duplicate_n_grams": {5: 0.3}}, {"max_duplicate_n_grams": {20: 0.02, 6: 0.4}},
    {"max_duplicate_n_grams": {}},
]  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize("settings", MOVED, ids=str)
def test_equal_to_the_reference_on_real_text(settings, real_texts, reasons_of):
    rule = ChineseRepetition(**settings)
    expected = [reference.chinese_repetition(text, rule) for text in real_texts]
    assert reasons_of(rule, real_texts) == expected
    assert len(set(expected)) > 1
    alone = type(rule)(**OPEN | settings)
    assert reasons_of(alone, real_texts) == [reference.chinese_repetition(text, alone) for text in real_texts]


@settings(deadline=None)  # the first call may compile
@given(ODD_TEXTS)
def test_equal_to_the_reference_on_odd_text(texts):
    for moved in MOVED:
        rule = ChineseRepetition(**OPEN | moved)
        assert names(rule, rule.judge(Texts.of(texts), {})) == [reference.chinese_repetition(text, rule) for text in texts]
