"""`language`: columns, what is dropped, routed and labelled, lines of other languages, errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.corpus.filters.language import Language, cut
from telos.corpus.texts import Texts
from telos.foundation.errors import TelosError
from tests.corpus.filters.conftest import names

ZH, TRADITIONAL = "今天天气很好，我们去公园散步吧。", "今天天氣很好，我們去公園散步吧。"
EN, DE = "The cat sat on the mat and looked at us.", "Das ist ein schöner langer Satz über die Löwen im Zoo von Berlin."
TEXTS = Texts.of([ZH, TRADITIONAL, EN, DE, "ok"])


def test_columns():
    verdict = Language().judge(TEXTS, {})
    assert verdict.columns["language"].to_pylist()[:4] == ["zh", "zh", "en", "de"]
    assert verdict.columns["language_confidence"].to_pylist()[4] < 0.1
    assert not verdict.reasons.any()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"keep": ["zh"]}, [None, None, "other_language", "other_language", "other_language"]),
        ({"keep": ["zh", "en"], "others": "route"}, [None, None, None, "other_language_routed", "other_language_routed"]),
        ({"keep": ["zh"], "others": "label"}, [None] * 5),
        ({"min_confidence": 0.5}, [None] * 4 + ["uncertain_language"]),
        ({"keep": ["de"], "others": "route", "min_confidence": 0.5},
         ["other_language_routed"] * 3 + [None, "uncertain_language"]),
    ],
)  # fmt: skip
def test_what_becomes_of_other_languages(settings, expected):
    rule = Language(**settings)
    rule.prepare(None)
    verdict = rule.judge(TEXTS, {})
    assert names(rule, verdict) == expected
    assert set(verdict.details) == {row for row, reason in enumerate(expected) if reason}


def test_lines_of_other_languages():
    mixed = f"{ZH * 3}\n{EN * 2}\n{ZH}\n{EN}"
    verdict = Language(per_line=True).judge(Texts.of([mixed, EN]), {})
    assert verdict.columns["text"].to_pylist() == [f"{ZH * 3}\n{ZH}\n{EN}", EN], "the last line is too short to be sure"
    assert verdict.counts == {"lines_of_other_languages": 1}
    both = Language(per_line=True, keep=["zh", "en"]).judge(Texts.of([f"{mixed}\n{DE}"]), {})
    assert both.columns["text"].to_pylist() == [mixed]
    assert "text" not in Language(per_line=True, min_line_bytes=10_000).judge(Texts.of([mixed]), {}).columns
    assert "text" not in Language(per_line=True, min_line_confidence=1).judge(Texts.of([mixed]), {}).columns


def test_only_the_beginning_is_looked_at():
    long = Texts.of([ZH * 4 + EN * 100])
    assert Language(prefix_bytes=150).judge(long, {}).columns["language"].to_pylist() == ["zh"]
    assert Language(prefix_bytes=4000).judge(long, {}).columns["language"].to_pylist() == ["en"]


def test_a_language_that_nobody_knows():
    with pytest.raises(TelosError) as error:
        Language(keep=["zh", "zh-CN"]).prepare(None)
    assert error.value.must.startswith("language.keep must name languages that py3langid knows: ace, af, am,")
    assert (error.value.found, error.value.fix) == ("'zh-CN'", "write 'zh'")


@given(st.lists(st.text(max_size=8), min_size=1, max_size=4), st.integers(4, 12))
def test_a_cut_ends_at_a_character(texts, most):
    made = Texts.of(texts)
    starts, ends = made.offsets[:-1], made.offsets[1:]
    found = cut(made.data, starts, ends, most)
    expected = [len(text.encode()[:most].decode(errors="ignore").encode()) for text in texts]
    assert (found - starts).tolist() == expected
    assert np.all(found <= ends)
