"""`chinese_quality`: equal to its transcription in plain Python, with every setting moved off its default in turn."""

import pytest
from hypothesis import given, settings

from benchmarks import reference_rules_zh as reference
from telos.corpus.filters.chinese_quality import ChineseQuality
from telos.corpus.texts import Texts
from tests.corpus.filters.conftest import ODD_TEXTS, names

OPEN = {
    "min_characters": 0, "max_characters": 10**9, "min_han_fraction": 0, "min_mean_line_characters": 0,
    "min_mean_clause_characters": 0, "max_mean_sentence_characters": 1e9, "min_punctuation_fraction": 0,
    "max_punctuation_fraction": 1, "max_digit_fraction": 1, "max_symbol_fraction": 1, "max_ellipsis_and_hash_fraction": 1,
    "max_bullet_lines_fraction": 1, "max_ellipsis_lines_fraction": 1, "min_terminal_lines_fraction": 0,
    "min_function_characters": 0, "min_function_fraction": 0, "max_advertising_per_line": 1e9,
}  # fmt: skip
"""Every rule switched off."""
MOVED = [
    {}, {"min_characters": 400}, {"max_characters": 500}, {"min_han_fraction": 0.8}, {"min_mean_line_characters": 30},
    {"min_mean_clause_characters": 6}, {"max_mean_sentence_characters": 60}, {"min_punctuation_fraction": 0.1},
    {"max_punctuation_fraction": 0.12}, {"max_digit_fraction": 0.01}, {"max_symbol_fraction": 0.01},
    {"max_ellipsis_and_hash_fraction": 0.001}, {"max_bullet_lines_fraction": 0.1}, {"max_ellipsis_lines_fraction": 0.0},
    {"min_terminal_lines_fraction": 0.9}, {"min_function_characters": 9}, {"min_function_fraction": 0.2},
    {"max_advertising_per_line": 0.05}, {"function_characters": "的之", "min_function_characters": 2},
    {"advertising": ["人民", "(1", "a.b"], "max_advertising_per_line": 0.2}, {"advertising": []},
]  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize("settings", MOVED, ids=str)
def test_equal_to_the_reference_on_real_text(settings, real_texts, reasons_of):
    rule = ChineseQuality(**settings)
    expected = [reference.chinese_quality(text, rule) for text in real_texts]
    assert reasons_of(rule, real_texts) == expected
    assert len(set(expected)) > 1
    alone = type(rule)(**OPEN | settings)
    assert reasons_of(alone, real_texts) == [reference.chinese_quality(text, alone) for text in real_texts]


@settings(deadline=None)  # the first call may compile
@given(ODD_TEXTS)
def test_equal_to_the_reference_on_odd_text(texts):
    for moved in MOVED:
        rule = ChineseQuality(**OPEN | moved)
        assert names(rule, rule.judge(Texts.of(texts), {})) == [reference.chinese_quality(text, rule) for text in texts]
