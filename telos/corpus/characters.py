"""What each code point is: tables that kernels look up, made from Python's own Unicode data.

Test: tests/corpus/test_characters.py (equal to `unicodedata` and `str` on every code point).
"""

import functools
import unicodedata
from collections.abc import Iterable

import numpy as np

OTHER, LETTER, DIGIT, SPACE, PUNCTUATION, SYMBOL = range(6)
"""Kinds of characters.  ``LETTER``: general categories L and M (marks, without which Hindi or Thai have no words) and Nl (〇, Ⅷ).
``DIGIT``: Nd and No (½, ①).  ``SPACE``: what `str.isspace` says.  ``OTHER``: control, format, private and unassigned."""
_OF_CATEGORY = {"L": LETTER, "M": LETTER, "N": DIGIT, "P": PUNCTUATION, "S": SYMBOL, "Z": OTHER, "C": OTHER}
_ASSIGNED = (range(0xD800), range(0xE000, 0x32400), range(0xE0000, 0xE1000))
"""Outside of these there is nothing but surrogates, unassigned and private code points."""
_LAST_CASED = 0x1F000


def kind_of(character: str) -> int:
    """The kind of one character."""
    if character.isspace():
        return SPACE
    category = unicodedata.category(character)
    return LETTER if category == "Nl" else _OF_CATEGORY[category[0]]


@functools.cache
def kinds() -> np.ndarray:
    """uint8, one a code point (1.1 MB)."""
    table = np.zeros(0x110000, np.uint8)
    for span in _ASSIGNED:
        table[span.start : span.stop] = [kind_of(chr(c)) for c in span]
    table.setflags(write=False)
    return table


@functools.cache
def lower() -> np.ndarray:
    """uint32, one a code point below U+1F000: its lower-case form where that is one character, else itself."""
    table = np.arange(_LAST_CASED, dtype=np.uint32)
    for c in range(_LAST_CASED):
        small = chr(c).lower()
        if len(small) == 1:
            table[c] = ord(small)
    table.setflags(write=False)
    return table


def members(characters: Iterable[str]) -> np.ndarray:
    """bool, one a code point of the Basic Multilingual Plane: whether it is one of these."""
    table = np.zeros(0x10000, bool)
    table[[ord(c) for c in characters]] = True
    return table
