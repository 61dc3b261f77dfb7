"""Which tokens of a text begin words and sentences: one byte a token, stored beside them.

A word or sentence begins at a byte of the text; the token that holds this byte is marked, as if the word began at the token's own
beginning.  So " the" begins a word although a space stands before its first letter; of a word in several tokens the first is
marked; a token that holds the beginnings of several words is marked once.  White space that no word's token takes in has no
mark, and belongs to the word before it.  Words are those of `telos.corpus.segmentation` (jieba's in Chinese; a mark of
punctuation is one), sentences those of `telos.corpus.sentences`.
Tests: tests/tokens/test_marks.py (against a search by hand, every tokenizer).
"""

import numpy as np

from telos.corpus.segmentation import word_starts
from telos.corpus.sentences import sentence_starts
from telos.tokens.tokenizers import TrainedTokenizer

WORD, SENTENCE = 1, 2
"""Bits of a mark: a word begins with this token; a sentence does."""


class Marker:
    """Marks the tokens of a text; made once for a tokenizer.  Time: in Chinese that of jieba, which is several times that of
    encoding."""

    def __init__(self, tokenizer: TrainedTokenizer):
        self.tokenizer = tokenizer
        self._sizes = np.array([len(piece) for piece in tokenizer.token_bytes]) if tokenizer.is_exact else None

    def __call__(self, ids: np.ndarray, text: str) -> np.ndarray:
        """uint8 (n,): the marks of a text's tokens.  ``text`` has no lone surrogates."""
        sizes = self.tokenizer.sizes(ids, text)[0][:-1] if self._sizes is None else self._sizes[ids]
        ends = np.cumsum(sizes)
        marks = np.zeros(len(ids), np.uint8)
        places = byte_places(text)
        for bit, starts in ((WORD, word_starts(text)), (SENTENCE, sentence_starts(text))):
            at = np.array(starts, np.int64) if places is None else places[starts]
            holding = np.searchsorted(ends, at, side="right")
            marks[holding[holding < len(ids)]] |= bit  # a tokenizer from elsewhere may have lost the text's end
        return marks


def byte_places(text: str) -> np.ndarray | None:
    """int64: where each character begins in the text's UTF-8; None where that is where it begins in characters."""
    if text.isascii():
        return None
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    sizes = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
    return np.cumsum(sizes) - sizes
