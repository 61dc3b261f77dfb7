"""Shingles of texts: hashes of n consecutive words, or of n consecutive characters, of the folded text.

    shingle_i = mix(Σ_j u_{i+j} · P^(n−1−j)),  j = 0 … n − 1

u are the units' hashes: of words (runs of letters, marks and digits; a character of a script without spaces is a word by
itself) or of characters.  A text of fewer than n units has one shingle, over all of them and their number; a text of none
has no shingle.  The sum rolls: a shingle costs two multiplications whatever n is.
"""

import numpy as np

from telos.corpus.kernels.hashing import mix
from telos.corpus.kernels.utf8 import code_point
from telos.foundation.compiled import compiled

_P = 0x9E3779B97F4A7C15
_Q = 0xC2B2AE3D27D4EB4F
_ALONE = 1 << 31


@compiled
def units(
    data: np.ndarray, start: int, end: int, fold: np.ndarray, by_character: bool, out: np.ndarray, room: int
) -> tuple[int, int]:
    """Hashes of the next at most ``room`` units into ``out``: (units found, where to go on).  A word is never cut."""
    P = np.uint64(_P)
    Q = np.uint64(_Q)
    at, found = start, 0
    word = np.uint64(0)
    while at < end:
        if found == room:
            return found, at
        b = data[at]
        if b < 0x80:
            folded, size = fold[b], 1
        else:
            c, size = code_point(data, at, end)
            folded = fold[c]
        if folded != 0 and not by_character and folded < _ALONE:
            word = (word + np.uint64(folded)) * P
            word ^= word >> np.uint64(29)
            at += size
            continue
        if word != 0:
            out[found] = word
            found += 1
            word = np.uint64(0)
            continue
        if folded != 0:
            out[found] = (np.uint64(folded) + Q) * Q
            found += 1
        at += size
    if word != 0:
        out[found] = word
        found += 1
    return found, at


@compiled
def shingles(
    data: np.ndarray, start: int, end: int, fold: np.ndarray, by_character: bool, n: int,
    block: np.ndarray, out: np.ndarray, room: int, state: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """The next shingles, at most ``room``, into ``out``: (how many, where to go on; the end where all are done).

    ``block``: uint64 scratch of at least room + 1.  ``state``: uint64, n + 2, zero at a text's start: the last n units in
    a ring, the rolling sum, and how many units there were."""
    P = np.uint64(_P)
    Q = np.uint64(_Q)
    power = np.uint64(1)
    for _ in range(n - 1):
        power *= P
    found = 0
    taken, at = units(data, start, end, fold, by_character, block, room)
    total = state[n]
    seen = np.int64(state[n + 1])
    for i in range(taken):
        slot = seen % n
        if seen >= n:
            total -= state[slot] * power
        state[slot] = block[i]
        total = total * P + block[i]
        seen += 1
        if seen >= n:
            out[found] = mix(total)
            found += 1
    state[n], state[n + 1] = total, np.uint64(seen)
    if at >= end and 0 < seen < n:
        out[found] = mix(total ^ (np.uint64(seen) * Q))
        found += 1
    return found, at


@compiled
def shingle_sets(
    data: np.ndarray, offsets: np.ndarray, fold: np.ndarray, by_character: np.ndarray, n: np.ndarray,
    starts: np.ndarray, out: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Sorted distinct shingles of each text, those of text i (of ``n[i]`` units each) from ``out[starts[i]]`` on, where there
    is room for all of them; how many each has, int64."""
    room = 4096
    block = np.empty(room + 1, np.uint64)
    state = np.zeros(n.max() + 2 if len(n) else 2, np.uint64)
    sizes = np.zeros(len(offsets) - 1, np.int64)
    for i in range(len(offsets) - 1):
        state[:] = 0
        at, end, to = offsets[i], offsets[i + 1], starts[i]
        while at < end:
            found, at = shingles(data, at, end, fold, by_character[i], n[i], block, out[to:], room, state)
            to += found
        own = out[starts[i] : to]
        own.sort()
        distinct = 0
        for k in range(len(own)):
            if k == 0 or own[k] != own[k - 1]:
                own[distinct] = own[k]
                distinct += 1
        sizes[i] = distinct
    return sizes
