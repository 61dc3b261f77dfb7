"""What `telos tokenizer inspect` shows."""

import pytest

from telos.tokens.inspect import render, show_token, summarize
from telos.tokens.tokenizers.character import Character


def test_summary_of_characters(make):
    trained = make(Character(), ["国家ab"])
    summary = summarize(trained, {"sample": "国家 a"})
    assert summary["vocabulary_size"] == 256 + 4 + 1
    assert summary["han_fraction"] == 2 / 260
    assert summary["hash"] == trained.vocabulary.tokenizer_hash
    sample = summary["samples"]["sample"]
    assert sample == {"bytes_per_token": 8 / 4, "characters_per_token": 1.0, "tokens": ["国", "家", "␣", "a"]}


def test_rendered_lines(make):
    text = render(summarize(make(Character(), ["国家ab"]), {"中文": "国家é"}))
    assert text.splitlines()[0].startswith("character tokenizer, 261 tokens (<|endoftext|> = 260), hash ")
    assert "tokens with Han characters: 0.8%" in text
    assert "中文: 2.00 bytes and 0.75 characters a token\n国│家│<C3>│<A9>" in text


def test_default_samples_and_longest_tokens(tokenizer):
    summary = summarize(tokenizer)
    assert set(summary["samples"]) == {"English", "中文", "code"}
    assert len(summary["longest"]) == 12
    assert render(summary)


@pytest.mark.parametrize(
    ("token", "shown"),
    [(b" the", "␣the"), ("国家".encode(), "国家"), (b"\n\t", "⏎⇥"), ("国".encode()[:2], "<E5 9B>"), (b"\x00", "<00>")],
)
def test_tokens_are_visible(token, shown):
    assert show_token(token) == shown
