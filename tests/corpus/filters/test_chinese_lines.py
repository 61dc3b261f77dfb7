"""`chinese_lines`: equal to its transcription in plain Python, decision and text, with every setting moved; known texts."""

import pytest
from hypothesis import given, settings

from benchmarks import reference_rules_zh as reference
from telos.corpus.filters.chinese_lines import ChineseLines
from telos.corpus.texts import Texts
from tests.corpus.filters.conftest import ODD_TEXTS, names

MOVED = [
    {}, {"min_line_characters": 12}, {"min_open_line_characters": 0}, {"min_open_line_characters": 200},
    {"short_line_characters": 60}, {"boilerplate": ["人民", "PYTHON", "a.c"]}, {"short_boilerplate": ["第", "月"]},
    {"boilerplate": [], "short_boilerplate": []}, {"keep_curly_brackets": True}, {"keep_lorem_ipsum": True},
    {"min_sentences": 9}, {"min_sentences": 0},
]  # fmt: skip
PAGE = """首页 登录
第一章 总则
版权所有 © 2024 某某公司，保留所有权利。

中国位于亚洲东部，太平洋西岸。陆地面积约九百六十万平方公里！

点击查看更多内容，请登录。
“真的吗？”他说。
这一行没有句号但是足够长所以留下来因为它有三十多个字符而且说了一些话
"""


def outcome(rule, texts):
    verdict = rule.judge(Texts.of(texts), {})
    left = verdict.columns["text"].to_pylist() if "text" in verdict.columns else texts
    return list(zip(names(rule, verdict), left, strict=True))


def test_a_page_loses_what_is_no_sentence():
    ((reason, left),) = outcome(ChineseLines(), [PAGE])
    assert reason is None
    assert left == (
        "中国位于亚洲东部，太平洋西岸。陆地面积约九百六十万平方公里！\n\n“真的吗？”他说。\n"
        "这一行没有句号但是足够长所以留下来因为它有三十多个字符而且说了一些话"
    )
    assert ChineseLines().judge(Texts.of([PAGE]), {}).counts == {
        "lines_too_short": 1, "lines_without_end": 1, "lines_of_boilerplate": 2,
    }  # fmt: skip


def test_english_stays_as_it_is():
    assert outcome(ChineseLines(), ["{ no\nlines here", ""]) == [(None, "{ no\nlines here"), (None, "")]


@pytest.mark.data
@pytest.mark.parametrize("settings", MOVED, ids=str)
def test_equal_to_the_reference_on_real_text(settings, real_texts):
    rule = ChineseLines(**settings)
    expected = [reference.chinese_lines(text, rule) for text in real_texts]
    assert outcome(rule, real_texts) == expected
    assert len({reason for reason, _ in expected}) > 1


@settings(deadline=None)  # the first call may compile
@given(ODD_TEXTS)
def test_equal_to_the_reference_on_odd_text(texts):
    for moved in MOVED:
        rule = ChineseLines(**moved)
        assert outcome(rule, texts) == [reference.chinese_lines(text, rule) for text in texts]


@settings(deadline=None)  # the first call may compile
@given(ODD_TEXTS)
def test_a_second_time_changes_nothing(texts):
    rule = ChineseLines()
    once = [left for _, left in outcome(rule, texts)]
    assert [left for _, left in outcome(rule, once)] == once
