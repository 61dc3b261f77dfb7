"""Sentences: known texts in two languages, and what must hold of any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.corpus.sentences import sentence_starts


def _parts(text):
    starts = sentence_starts(text)
    return [text[a:b].strip() for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


@pytest.mark.parametrize(
    "parts",
    [
        ["It rained.", "We stayed in!", "Why?", "Nobody knew…", "So it was."],
        ["He said “Go.”", "She went."],
        ["\"Stop!\" cried Mr. Darcy to J. Bach.", "(He did.)", "It cost 3.14 pounds, e.g. at noon."],
        ["What?! he thought... and left.", "3 came back."],
        ["国家尊重和保障人权。", "任何公民享有权利！", "他说：“好。”", "于是走了……", "真的？", "Yes."],
        ["Chapter One", "It was the best of times"],
        ["第一章　总则", "第一条　为了保护权利。", "第二条　略"],
        ["中文.这里不断。", "English follows."],
    ],
)  # fmt: skip
def test_known_texts(parts):
    wide = any("\u4e00" <= c <= "\u9fff" for c in "".join(parts))
    for between in ("\n\n", "" if wide else "  "):
        if between == "\n\n" or not any("第" in p or "Chapter" in p for p in parts):
            assert _parts(between.join(parts)) == parts


def test_a_lone_line_feed_ends_nothing_and_an_empty_line_does():
    assert _parts("a line\nand the next\n \n\n  Another") == ["a line\nand the next", "Another"]


def test_a_text_of_white_space_has_none():
    assert sentence_starts("") == sentence_starts(" \n\u3000") == []


@given(st.text(st.sampled_from("aB.。!？… \n”'\"中3J") | st.characters(codec="utf-8"), max_size=60))
def test_starts_rise_and_stand_at_what_is_no_white_space(text):
    starts = sentence_starts(text)
    assert starts == sorted(set(starts))
    assert all(not text[at].isspace() for at in starts)
    assert bool(starts) == bool(text.strip())
    if starts:
        assert not text[: starts[0]].strip()
