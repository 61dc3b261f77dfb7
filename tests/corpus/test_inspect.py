from collections.abc import Callable
from pathlib import Path

import pytest

from telos.corpus.inspect import render, script_shares, summarize

ZH = "床前明月光，疑是地上霜。"


def test_summary(many: Path, build: Callable, fill: Callable) -> None:
    fill("many", {"gb.txt": (ZH * 30).encode("gb18030"), "x.rtf": b"{\\rtf"})
    corpus = build(many)
    summary = summarize(corpus.folder)
    lengths = sorted(len(d.text) for d in corpus.documents("train"))
    assert summary["length_characters"]["0%"] == lengths[0]
    assert summary["length_characters"]["100%"] == lengths[-1]
    assert summary["splits"]["train"]["documents"] == corpus.count("train")
    assert len(summary["samples"]) == 3
    assert summary == summarize(corpus.folder)
    text = render(summary)
    for part in (corpus.hash, f"{corpus.count('train'):,}", "1 unsupported_format", "gb.txt (gb18030)",
                 "x.rtf (unsupported_format)", "zh and a language in Latin letters",
                 summary["samples"][0]["source"]):  # fmt: skip
        assert part in text


def test_a_note_on_the_split_is_shown(fill: Callable, build: Callable) -> None:
    corpus = build(fill("t", {"a.txt": ZH * 100}))
    summary = summarize(corpus.folder)
    assert "the last 10 % of the only document is held out" in render(summary)
    assert (summary["language_hint"], summary["han_share"]) == ("zh", 1.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc床前 12，。", {"latin": 0.6, "han": 0.4}),
        ("これは本だ", {"kana": 0.8, "han": 0.2}),
        ("привет", {"cyrillic": 1.0}),
        ("123 !?", {}),
    ],
)
def test_scripts(text: str, expected: dict[str, float]) -> None:
    assert script_shares([text]) == expected
