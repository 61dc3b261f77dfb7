"""How many letters of which script each text has."""

from typing import Any

import numpy as np

from telos.corpus.kernels.utf8 import code_point
from telos.foundation.compiled import compiled


@compiled
def is_han(c: int) -> bool:
    """A Chinese character or kana: CJK ideographs with their extensions and compatibility forms, hiragana, katakana."""
    return (
        (0x4E00 <= c <= 0x9FFF)
        or (0x3400 <= c <= 0x4DBF)
        or (0x3040 <= c <= 0x30FF)
        or (0xF900 <= c <= 0xFAFF)
        or (0x20000 <= c <= 0x323AF)
    )


@compiled
def letters(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(documents, 2) int64: Han characters, and other letters (ASCII letters, and whatever lies between U+00C0 and U+2FFF or
    in Hangul: a count of letters that is exact for Latin, Greek, Cyrillic, Arabic and the like)."""
    counts = np.zeros((len(offsets) - 1, 2), np.int64)
    for i in range(len(offsets) - 1):
        at, end = offsets[i], offsets[i + 1]
        han = others = 0
        while at < end:
            b: Any = np.int64(data[at])
            if b < 0x80:
                others += 97 <= (b | 0x20) <= 122
                at += 1
                continue
            c, size = code_point(data, at, end)
            at += size
            if is_han(c):
                han += 1
            elif 0xC0 <= c < 0x2000 or 0xAC00 <= c < 0xD7B0:
                others += 1
        counts[i, 0], counts[i, 1] = han, others
    return counts
