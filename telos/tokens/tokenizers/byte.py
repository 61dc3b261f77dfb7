"""Bytes as tokens: the id is the byte's value, 256 ordinary tokens, nothing to learn.

Saved as a byte-level BPE without merges.  Tests: tests/tokens/tokenizers/test_byte.py (agreement with transformers).
"""

from collections.abc import Sequence

import numpy as np

from telos.tokens.byte_level import CHARACTERS
from telos.tokens.pretokenize import replace_surrogates
from telos.tokens.saved import SavedTokenizer, finish
from telos.tokens.tokenizers import Texts, Tokenizer


class Byte(Tokenizer):
    """UTF-8 bytes; any text in any language, and the longest sequences."""

    def train(self, texts: Texts, total_bytes: int) -> "ByteTokenizer":
        from tokenizers import Tokenizer as Backend
        from tokenizers import decoders, models, pre_tokenizers

        backend = Backend(models.BPE({character: byte for byte, character in enumerate(CHARACTERS)}, []))
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        backend.decoder = decoders.ByteLevel()
        return self.restore(finish(backend))

    def largest_vocabulary(self) -> int:
        return 257

    def restore(self, content: str) -> "ByteTokenizer":
        return ByteTokenizer(self, content, [bytes([value]) for value in range(256)])


class ByteTokenizer(SavedTokenizer):
    """UTF-8 is the encoding; one pass over the text."""

    def encode(self, text: str) -> np.ndarray:
        return np.frombuffer(replace_surrogates(text).encode(), np.uint8).astype(np.uint32)

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [self.encode(text) for text in texts]
