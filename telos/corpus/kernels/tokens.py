"""Texts as sequences of tokens that need no dictionary: each Chinese character, and each run of other letters and digits."""

import numpy as np

from telos.corpus.kernels.scripts import is_han
from telos.corpus.kernels.utf8 import code_point
from telos.foundation.compiled import compiled

LETTER, DIGIT = 1, 2
BASE = np.uint64(0x9E3779B97F4A7C15)
_START, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_FIRST_MIX, _SECOND_MIX = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@compiled
def mixed(key: np.uint64) -> np.uint64:
    """The same 64 bits well stirred, so that any of them can choose a slot."""
    key = (key ^ (key >> np.uint64(30))) * _FIRST_MIX
    key = (key ^ (key >> np.uint64(27))) * _SECOND_MIX
    return key ^ (key >> np.uint64(31))


@compiled
def tokens(
    data: np.ndarray,
    at: int,
    end: int,
    kinds: np.ndarray,
    lower: np.ndarray,
    hashes: np.ndarray,
    begins: np.ndarray,
    stops: np.ndarray,
) -> int:
    """Fill in hash (of the lower-case form) and byte positions of each token, and return how many there are.

    What is neither letter nor digit is passed over.  The arrays have room for one token a byte."""
    count = 0
    inside = False
    key = _START
    while at < end:
        c, size = code_point(data, at, end)
        kind = kinds[c]
        whole = is_han(c)
        if inside and (whole or kind not in (LETTER, DIGIT)):
            hashes[count], stops[count] = mixed(key), at
            count += 1
            inside = False
        if kind in (LETTER, DIGIT):
            if not inside:
                key, begins[count], inside = _START, at, True
            key = (key ^ np.uint64(lower[c] if c < len(lower) else c)) * _PRIME
            if whole:
                hashes[count], stops[count] = mixed(key), at + size
                count += 1
                inside = False
        at += size
    if inside:
        hashes[count], stops[count] = mixed(key), end
        count += 1
    return count
