"""Which characters count where texts are compared, and what they are folded to: letters, marks and digits in lower case.

Everything else (all punctuation, symbols and white space of Unicode, control characters, variation selectors) separates words
and is otherwise passed over.  Test: tests/corpus/dedup/test_shingles.py.
"""

import functools
import unicodedata

import numpy as np

ALONE = np.uint32(1 << 31)
"""Set in `table` for characters of scripts that put no spaces between words: each stands as a word of its own."""

_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x109F),  # Tibetan, Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x1980, 0x19DF),  # New Tai Lue
    (0x2E80, 0x2FDF),  # radicals
    (0x3005, 0x312F),  # 々 〇, kana, bopomofo
    (0x31A0, 0x9FFF),  # CJK with extension A
    (0xA9E0, 0xA9FF),  # Burmese, extended
    (0xAA60, 0xAA7F),
    (0xF900, 0xFAFF),  # compatibility ideographs
    (0x1AFF0, 0x1B16F),  # kana, extended
    (0x20000, 0x323AF),  # extensions B to H
)
_PLANES = 0x32400
"""Letters end here; what lies above are tags, variation selectors and private use."""
_VARIATION_SELECTORS = slice(0xFE00, 0xFE10)
"""Marks that follow symbols, too; the others lie above the letters."""


@functools.cache
def table() -> np.ndarray:
    """uint32 by code point: 0 for what is no letter, mark or digit (categories L, M, N; no variation selector), else the
    lower-case code point (where that is one character, else the same), with `ALONE` where it applies."""
    folded = np.zeros(0x110000, np.uint32)
    category = unicodedata.category
    for c in range(_PLANES):
        if category(chr(c))[0] in "LMN":
            lower = chr(c).lower()
            folded[c] = ord(lower) if len(lower) == 1 else c
    folded[_VARIATION_SELECTORS] = 0
    for first, last in _UNSPACED:
        block = folded[first : last + 1]
        block[block > 0] |= ALONE
    return folded
