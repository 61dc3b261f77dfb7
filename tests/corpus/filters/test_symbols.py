"""`symbols`: equal to its transcription in plain Python, with every setting moved off its default in turn."""

import pytest
from hypothesis import given, settings

from benchmarks import reference_rules_zh as reference
from telos.corpus.filters.symbols import Symbols
from telos.corpus.texts import Texts
from tests.corpus.filters.conftest import ODD_TEXTS, names

OPEN = {"max_symbol_fraction": 1, "max_digit_fraction": 1, "max_run_without_letters": 10**9, "max_number_lines_fraction": 1}
"""Every rule switched off."""
MOVED = [
    {}, {"max_symbol_fraction": 0.01}, {"max_digit_fraction": 0.02}, {"max_run_without_letters": 9},
    {"max_number_lines_fraction": 0.02}, {"usual_punctuation": "，。,."},
]  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize("settings", MOVED, ids=str)
def test_equal_to_the_reference_on_real_text(settings, real_texts, reasons_of):
    rule = Symbols(**settings)
    expected = [reference.symbols(text, rule) for text in real_texts]
    assert reasons_of(rule, real_texts) == expected
    assert len(set(expected)) > 1
    alone = type(rule)(**OPEN | settings)
    assert reasons_of(alone, real_texts) == [reference.symbols(text, alone) for text in real_texts]


@settings(deadline=None)  # the first call may compile
@given(ODD_TEXTS)
def test_equal_to_the_reference_on_odd_text(texts):
    for moved in MOVED:
        rule = Symbols(**OPEN | moved)
        assert names(rule, rule.judge(Texts.of(texts), {})) == [reference.symbols(text, rule) for text in texts]
