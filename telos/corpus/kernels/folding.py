"""Full-width letters, digits and signs, unusual spaces and hyphens as ASCII, with the place that each byte comes from.

Test: tests/corpus/personal_data/test_masking.py.
"""

import numpy as np

from telos.corpus.kernels.personal_data import CLASS, DIGIT
from telos.foundation.compiled import compiled


@compiled
def unusual(data: np.ndarray, begin: int, end: int) -> bool:
    """Whether a text holds full-width letters, digits, ＠, or such spaces, hyphens and brackets beside a digit."""
    for i in range(begin, end - 2):
        b, second, third = data[i], data[i + 1], data[i + 2]
        if b < 0xC2:
            continue
        left = i > begin and CLASS[data[i - 1]] & DIGIT
        if b == 0xEF:
            if second == 0xBC and (0x90 <= third <= 0x99 or 0xA0 <= third <= 0xBA):
                return True
            if second == 0xBD and 0x81 <= third <= 0x9A:
                return True
            right = i + 3 < end and CLASS[data[i + 3]] & DIGIT
            if second == 0xBC and ((left and third in (0x89, 0x8D, 0x8E)) or (right and third in (0x88, 0x8B))):
                return True
        elif left and ((b == 0xC2 and second == 0xA0) or (b in (0xE2, 0xE3) and plain(b, second, third) != 0)):
            return True
    return False


@compiled
def plain(first: int, second: int, third: int) -> int:  # noqa: PLR0911
    """The ASCII byte that a character of three bytes stands for in addresses and numbers, or 0."""
    if first == 0xEF and second == 0xBC:
        if 0x90 <= third <= 0x99 or 0xA0 <= third <= 0xBA:
            return third - 0x60
        if third in (0x88, 0x89, 0x8B, 0x8D, 0x8E, 0xBF):  # （ ） ＋ － ． ＿
            return third - 0x60
    if first == 0xEF and second == 0xBD and 0x81 <= third <= 0x9A:
        return third - 0x20
    if first == 0xE2 and second == 0x80:
        if 0x90 <= third <= 0x95:
            return 45
        if third in (0x89, 0xAF):
            return 32
    if first == 0xE2 and second == 0x88 and third == 0x92:
        return 45
    if first == 0xE3 and second == 0x80 and third == 0x80:
        return 32
    return 0


@compiled
def unusual_texts(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """bool a text: `unusual`."""
    found = np.zeros(len(offsets) - 1, np.bool_)
    for text in range(len(found)):
        found[text] = unusual(data, offsets[text], offsets[text + 1])
    return found


@compiled
def folded(data: np.ndarray, offsets: np.ndarray, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Those texts with full-width letters, digits and signs, unusual spaces and hyphens as ASCII: (bytes, offsets, places):
    byte i comes from byte ``places[i]`` of the data, and ``places[-1]`` closes the list."""
    size = 0
    for text in texts:
        size += offsets[text + 1] - offsets[text]
    made, places, ends = np.empty(size, np.uint8), np.empty(size + 1, np.int64), np.zeros(len(texts) + 1, np.int64)
    n = 0
    for k in range(len(texts)):
        at, end = offsets[texts[k]], offsets[texts[k] + 1]
        while at < end:
            b = data[at]
            made[n], places[n] = b, at
            if b == 0xC2 and data[at + 1] == 0xA0:
                made[n] = 32
                at += 1
            elif 0xE2 <= b <= 0xEF:
                ascii = plain(b, data[at + 1], data[at + 2])
                if ascii:
                    made[n] = ascii
                    at += 2
            n += 1
            at += 1
        ends[k + 1] = n
    places[n] = end if len(texts) else 0
    return made[:n], ends, places[: n + 1]
