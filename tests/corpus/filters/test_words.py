"""`words`: each setting in both languages; documents of which nothing is left."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.corpus.filters.words import Words
from telos.corpus.texts import Texts
from tests.corpus.filters.conftest import names

TEXTS = ["The law isn’t  clear.\nIt says: “No.”", "我们的法律，是明确的。\n不！", "the The"]


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ({}, ["the law isn’t clear . it says : “ no . ”", "我们 的 法律 ， 是 明确 的 。 不 ！", "the the"]),
        ({"lower_case": False}, ["The law isn’t clear . It says : “ No . ”", "我们 的 法律 ， 是 明确 的 。 不 ！", "the The"]),
        ({"keep_punctuation": False}, ["the law isn’t clear it says no", "我们 的 法律 是 明确 的 不", "the the"]),
        ({"stop_words": ["en", "zh"], "keep_punctuation": False}, ["law clear says", "法律 明确", ""]),
        ({"stop_words": ["zh"]}, ["the law isn’t clear . it says : “ no . ”", "法律 ， 明确 。 ！", "the the"]),
        ({"stop_words": ["en"], "lower_case": False}, ["law clear . says : “ . ”", "我们 的 法律 ， 是 明确 的 。 不 ！", ""]),
        ({"more_stop_words": ["law", "法律"]},
         ["the isn’t clear . it says : “ no . ”", "我们 的 ， 是 明确 的 。 不 ！", "the the"]),
        ({"keep_lines": True}, ["the law isn’t clear .\nit says : “ no . ”", "我们 的 法律 ， 是 明确 的 。\n不 ！", "the the"]),
    ],
)  # fmt: skip
def test_each_setting(moved, expected):
    rule = Words(**moved)
    assert rule.prepare(None) == {}
    verdict = rule.judge(Texts.of(TEXTS), {})
    assert verdict.columns["text"].to_pylist() == expected
    assert names(rule, verdict) == [None if text else "no_words" for text in expected]
    assert verdict.counts["words"] == sum(len(text.split()) for text in expected)


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_without_options_only_white_space_changes(text):
    found = Words(lower_case=False).text(text)
    assert "".join(found.split()) == "".join(text.split())
