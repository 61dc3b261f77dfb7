"""Tokens as words without white space, for files that part words at white space (ARPA).

Printable text stands for itself.  A byte that is white space, a control character or no UTF-8 is written ``<0x20>``, as
SentencePiece's byte fallback writes it; and so is a ``<`` that would read as the beginning of such a byte, or of ``<s>``,
``</s>`` or ``<unk>`` where these are text.  One-to-one.
Tests: tests/models/counting/test_spelling.py (round trips of any bytes).
"""

import re

from telos.tokens.tokenizers import TrainedTokenizer

RESERVED = ("<s>", "</s>", "<unk>")
_ESCAPED = re.compile(r"<0x([0-9A-F]{2})>")
_OPENS = re.compile(r"<(?=0x)")


def spelled(token: bytes) -> str:
    """``b" the"`` → ``"<0x20>the"``."""
    text = _OPENS.sub("<0x3C>", token.decode(errors="surrogateescape"))
    if text in RESERVED:
        text = text.replace("<", "<0x3C>")
    return "".join(c if c.isprintable() and not c.isspace() else _bytes(c) for c in text)


def spellings(tokenizer: TrainedTokenizer) -> list[str]:
    """How each token of a tokenizer is written, by id: a word of a list as it stands there, a special token by its name, the end
    of text as ``</s>``, all else by its bytes.  Of tokens that stand for the same bytes (a character and the byte that it is
    where it is not in the alphabet) all but the last have their number behind them: ``a<#97>``."""
    vocabulary = tokenizer.vocabulary
    names = {token: name for name, token in vocabulary.specials.items()} | {vocabulary.end_of_text: "</s>"}
    words = tokenizer.words or [spelled(token) for token in tokenizer.token_bytes]
    words = [names.get(token, word) for token, word in enumerate(words)]
    last = {word: token for token, word in enumerate(words)}
    return [word if last[word] == token else f"{word}<#{token}>" for token, word in enumerate(words)]


def unspelled(word: str) -> bytes:
    """The bytes that `spelled` wrote."""
    parts = _ESCAPED.split(word)
    return b"".join(bytes([int(part, 16)]) if i % 2 else part.encode() for i, part in enumerate(parts))


def _bytes(character: str) -> str:
    return "".join(f"<0x{byte:02X}>" for byte in character.encode(errors="surrogateescape"))
