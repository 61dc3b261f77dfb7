"""What Python says of each code point (white space, letter, digit …), as a table that kernels look into.

Test: tests/corpus/test_words.py.
"""

from functools import cache
from typing import Any

import numpy as np

from telos.corpus.kernels.utf8 import code_point
from telos.foundation.compiled import compiled

SPACE, LETTER, ALPHANUMERIC, LOWER, UPPER = 1, 2, 4, 8, 16
"""Flags: `str.isspace`, `str.isalpha`, `str.isalnum`, `str.islower`, `str.isupper`."""
ASSIGNED = 0x32400
"""Code points from here on are no letters in any version of Unicode so far; they have no flag."""

DOT, ELLIPSIS = 0x2E, 0x2026


@cache
def classes() -> np.ndarray:
    """uint8, one a code point below `ASSIGNED`: its flags.  Made once a process (some 50 ms)."""
    characters = [chr(c) for c in range(ASSIGNED)]
    tests = {SPACE: str.isspace, LETTER: str.isalpha, ALPHANUMERIC: str.isalnum, LOWER: str.islower, UPPER: str.isupper}
    flags = np.zeros(ASSIGNED, np.uint8)
    for flag, test in tests.items():
        flags |= np.fromiter(map(test, characters), bool, ASSIGNED).astype(np.uint8) * np.uint8(flag)
    return flags


@compiled
def class_at(data: np.ndarray, at: int, end: int, table: np.ndarray) -> tuple[Any, int, Any]:
    """(code point, bytes that it takes, flags) of the character that begins at a byte."""
    b = np.int64(data[at])
    if b < 0x80:
        return b, 1, table[b]
    c, size = code_point(data, at, end)
    return c, size, table[c] if c < len(table) else np.uint8(0)


@compiled
def flags_before(data: np.ndarray, start: int, at: int, table: np.ndarray) -> tuple[int, Any]:
    """(where the character before ``at`` begins, its flags); (start, 0) where none is before."""
    if at == start:
        return at, 0
    end = at
    at -= 1
    while data[at] & 0xC0 == 0x80:
        at -= 1
    return at, np.int64(class_at(data, at, end, table)[2])


@compiled
def stripped(data: np.ndarray, start: int, end: int, table: np.ndarray) -> tuple[int, int]:
    """(start, end) without the white space at both ends."""
    while end > start:
        at, flags = flags_before(data, start, end, table)
        if not flags & SPACE:
            break
        end = at
    while start < end:
        _, size, flags = class_at(data, start, end, table)
        if not flags & SPACE:
            break
        start += size
    return start, end


@compiled
def last_character(data: np.ndarray, start: int, end: int, table: np.ndarray) -> int:
    """The last character of data[start:end], 0 if it is empty; "…" also where it ends in "..."."""
    if start == end:
        return 0
    if end >= start + 3 and data[end - 1] == DOT and data[end - 2] == DOT and data[end - 3] == DOT:
        return ELLIPSIS
    return class_at(data, flags_before(data, start, end, table)[0], end, table)[0]
