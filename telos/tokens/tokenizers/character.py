"""Characters (Unicode code points) as tokens, with bytes for those outside the alphabet.

Ids 0 … 255 are the bytes ``<0x00>`` … ``<0xFF>``; then the alphabet of the training text, by falling count.  A character
outside the alphabet becomes the tokens of its UTF-8 bytes.  Saved as a BPE without merges and with byte fallback
(Hugging Face's form of SentencePiece's ``byte_fallback``; Kudo and Richardson 2018).
Tests: tests/tokens/tokenizers/test_character.py (agreement with transformers on any text).
"""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from telos.foundation.errors import TelosError
from telos.foundation.progress import progress
from telos.tokens.pretokenize import replace_surrogates
from telos.tokens.saved import SavedTokenizer, finish, tokens_by_id
from telos.tokens.tokenizers import Texts, Tokenizer

CODE_POINTS = 0x110000
BYTE_TOKENS = [f"<0x{value:02X}>" for value in range(256)]


class Character(Tokenizer):
    """One token a character.  ``min_count``: rarer characters are left to the byte fallback."""

    min_count: int = Field(1, ge=1)

    def train(self, texts: Texts, total_bytes: int) -> "CharacterTokenizer":
        """Raises `TelosError` where no character of the text reaches ``min_count``."""
        from tokenizers import Tokenizer as Backend
        from tokenizers import decoders, models

        alphabet = self._alphabet(texts, total_bytes)
        ids = {token: number for number, token in enumerate(BYTE_TOKENS + alphabet)}
        backend = Backend(models.BPE(ids, [], byte_fallback=True))
        backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
        return self.restore(finish(backend))

    def restore(self, content: str) -> "CharacterTokenizer":
        return CharacterTokenizer(self, content, tokens_by_id(content)[256:])

    def _alphabet(self, texts: Texts, total_bytes: int) -> list[str]:
        """Characters that stand at least ``min_count`` times in the texts, the most frequent first."""
        counts = np.zeros(CODE_POINTS, np.int64)
        with progress("counting characters", total_bytes, "B") as advance:
            for text in texts():
                codes = code_points(replace_surrogates(text))
                values, repeats = np.unique(codes, return_counts=True)
                counts[values] += repeats
                advance(len(text.encode(errors="replace")))
        kept = np.flatnonzero(counts >= self.min_count)
        if not len(kept):
            raise TelosError(
                f"a character must stand {self.min_count} times in the training text to be a token",
                f"the most frequent stands {counts.max()} times",
                "add text, or lower tokenizer.min_count",
            )
        return [chr(code) for code in kept[np.argsort(-counts[kept], kind="stable")]]


class CharacterTokenizer(SavedTokenizer):
    """A table from code point to id."""

    def __init__(self, spec: Character, content: str, alphabet: list[str]):
        token_bytes = [bytes([value]) for value in range(256)] + [character.encode() for character in alphabet]
        super().__init__(spec, content, token_bytes)
        self.alphabet = "".join(alphabet)
        self._ids = np.full(CODE_POINTS, -1, np.int32)
        self._ids[code_points(self.alphabet)] = np.arange(256, 256 + len(alphabet))

    def encode(self, text: str) -> np.ndarray:
        codes = code_points(replace_surrogates(text))
        ids = self._ids[codes]
        unknown = np.flatnonzero(ids < 0)
        return (_with_bytes(ids, codes, unknown) if len(unknown) else ids).astype(np.uint32)

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [self.encode(text) for text in texts]


def code_points(text: str) -> np.ndarray:
    """The code points of a text, uint32 of shape (n,)."""
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def _with_bytes(ids: np.ndarray, codes: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """``ids`` with each unknown place widened to the ids of its character's UTF-8 bytes."""
    lengths = np.ones(len(ids), np.int64)
    strange = codes[unknown]
    lengths[unknown] = 1 + (strange >= 0x80).astype(np.int64) + (strange >= 0x800) + (strange >= 0x10000)
    wide = np.repeat(ids, lengths)
    wide[wide < 0] = np.frombuffer(strange.tobytes().decode("utf-32-le").encode(), np.uint8)
    return wide
