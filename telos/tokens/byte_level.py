"""Bytes as printable characters: the alphabet in which byte-level tokens are written in tokenizer.json.

The bijection of GPT-2 (Radford et al. 2019, §2.2; its `bytes_to_unicode`): the 188 bytes that are printable in Latin-1
stand for themselves, the other 68 for U+0100, U+0101 … in order.  Agreement with Hugging Face's `ByteLevel`:
tests/tokens/tokenizers/test_byte.py.
"""

_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]

CHARACTERS: list[str] = [chr(byte) if byte in _PRINTABLE else chr(0x100 + _OTHERS.index(byte)) for byte in range(256)]
"""Byte value → the character that stands for it."""

_BYTES = {ord(character): byte for byte, character in enumerate(CHARACTERS)}


def to_bytes(token: str) -> bytes:
    """The bytes that a token of tokenizer.json stands for: ``"Ġthe"`` → ``b" the"``."""
    return bytes(_BYTES[ord(character)] for character in token)
