"""What a tokenizer is like: for `telos tokenizer inspect`.  Tests: tests/tokens/test_inspect.py."""

from collections.abc import Mapping
from typing import Any

from telos.tokens.pretokenize import count_han
from telos.tokens.tokenizers import TrainedTokenizer

SAMPLES = {
    "English": "A single man in possession of a good fortune (£10,000) must be in want of a wife.",
    "中文": "国家尊重和保障人权。任何公民享有宪法和法律规定的权利，同时必须履行宪法和法律规定的义务。",
    "code": "def add(first, second):\n    return first + second  # 两数之和\n",
}
LONGEST = 12


def summarize(tokenizer: TrainedTokenizer, samples: Mapping[str, str] = SAMPLES) -> dict[str, Any]:
    """Facts about a tokenizer, ready for JSON.

    ``samples``: name → text; each gives its bytes and characters per token and its tokens one by one (as text; the bytes
    of a part of a character as ``<E4 B8>``).  ``han_fraction``: share of the ordinary tokens that hold a whole Han
    character.  ``longest``: the longest tokens in characters, of those that are text.
    """
    ordinary = tokenizer.token_bytes[: tokenizer.vocabulary.size_ordinary]
    shown = [show_token(token) for token in ordinary]
    texts = [token.decode(errors="ignore") for token in ordinary]
    by_length = sorted(range(len(ordinary)), key=lambda i: (-len(texts[i]), -len(ordinary[i]), i))
    return {
        "kind": tokenizer.spec.kind(),
        "settings": tokenizer.spec.dump(),
        "hash": tokenizer.vocabulary.tokenizer_hash,
        "vocabulary_size": tokenizer.vocabulary.size,
        "specials": dict(tokenizer.vocabulary.specials),
        "han_fraction": sum(count_han(text) > 0 for text in texts) / len(ordinary),
        "longest": [shown[i] for i in by_length[:LONGEST]],
        "samples": {name: _sample(tokenizer, text, shown) for name, text in samples.items()},
    }


def render(summary: Mapping[str, Any]) -> str:
    """The summary as lines for people."""
    specials = ", ".join(f"{name} = {number}" for name, number in summary["specials"].items())
    lines = [
        f"{summary['kind']} tokenizer, {summary['vocabulary_size']} tokens ({specials}), hash {summary['hash']}",
        f"tokens with Han characters: {100 * summary['han_fraction']:.1f}%",
        "longest tokens: " + " ".join(summary["longest"]),
    ]
    for name, sample in summary["samples"].items():
        rates = f"{sample['bytes_per_token']:.2f} bytes and {sample['characters_per_token']:.2f} characters a token"
        lines += ["", f"{name}: {rates}", "│".join(sample["tokens"])]
    return "\n".join(lines)


def show_token(token: bytes) -> str:
    """A token as visible text: line breaks and tabs as signs, bytes that are no text in hexadecimal."""
    try:
        text = token.decode()
    except UnicodeDecodeError:
        return f"<{token.hex(' ').upper()}>"
    named = text.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥")
    return named if named.isprintable() else f"<{token.hex(' ').upper()}>"


def _sample(tokenizer: TrainedTokenizer, text: str, shown: list[str]) -> dict[str, Any]:
    ids = tokenizer.encode(text)
    count = max(1, len(ids))
    return {
        "bytes_per_token": len(text.encode(errors="replace")) / count,
        "characters_per_token": len(text) / count,
        "tokens": [shown[i] for i in ids],
    }
