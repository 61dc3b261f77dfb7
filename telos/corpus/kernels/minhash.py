"""MinHash signatures folded to the keys of their bands.

    m_k = min over shingles s of (a_k · (s >> 32) + b_k) mod 2^32,   key_j = mix(m_{jr} … m_{jr + r − 1})

s is well mixed, so that x ↦ a_k x + b_k (a_k odd) orders shingles at random and P(m_k of A = m_k of B) = J(A, B).
"""

import numpy as np

from telos.corpus.kernels.hashing import mix
from telos.corpus.kernels.shingles import shingles
from telos.foundation.compiled import compiled

_ROOM = 1024
_MAX = 0xFFFFFFFF


@compiled
def lower_minima(x: np.ndarray, count: int, a: np.ndarray, b: np.ndarray, minima: np.ndarray) -> None:
    """``minima[k] = min(minima[k], a[k]·x + b[k])`` over the first ``count`` of x; four functions at a time, so that x is
    loaded once for all of them and the minima stay in registers."""
    for k in range(0, len(a), 4):
        a0, a1, a2, a3 = a[k], a[k + 1], a[k + 2], a[k + 3]
        b0, b1, b2, b3 = b[k], b[k + 1], b[k + 2], b[k + 3]
        m0, m1, m2, m3 = minima[k], minima[k + 1], minima[k + 2], minima[k + 3]
        for i in range(count):
            v = x[i]
            m0 = min(m0, np.uint32(a0 * v + b0))
            m1 = min(m1, np.uint32(a1 * v + b1))
            m2 = min(m2, np.uint32(a2 * v + b2))
            m3 = min(m3, np.uint32(a3 * v + b3))
        minima[k], minima[k + 1], minima[k + 2], minima[k + 3] = m0, m1, m2, m3


@compiled
def band_keys(
    data: np.ndarray, offsets: np.ndarray, fold: np.ndarray, by_character: np.ndarray, n: np.ndarray,
    a: np.ndarray, b: np.ndarray, bands: int, rows: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """(bands, documents) uint64: the keys, never 0 but for texts without shingles, which have 0 in every band; and the
    number of shingles of each text, repeated ones counted, int64.  ``a``, ``b``: uint32, a multiple of 4 of them, the first
    bands × rows are used."""
    documents = len(offsets) - 1
    keys = np.zeros((bands, documents), np.uint64)
    counts = np.zeros(documents, np.int64)
    block = np.empty(_ROOM + 1, np.uint64)
    hashes = np.empty(_ROOM + 1, np.uint64)
    x = np.empty(_ROOM + 1, np.uint32)
    state = np.zeros(n.max() + 2 if documents else 2, np.uint64)
    minima = np.empty(len(a), np.uint32)
    for i in range(documents):
        state[:] = 0
        minima[:] = _MAX
        at, end = offsets[i], offsets[i + 1]
        while at < end:
            found, at = shingles(data, at, end, fold, by_character[i], n[i], block, hashes, _ROOM, state)
            for j in range(found):
                x[j] = np.uint32(hashes[j] >> np.uint64(32))
            lower_minima(x, found, a, b, minima)
            counts[i] += found
        if counts[i] == 0:
            continue
        for band in range(bands):
            key = np.uint64(band + 1)
            for row in range(rows):
                key = mix(key + np.uint64(minima[band * rows + row]) + np.uint64(0x9E3779B97F4A7C15))
            keys[band, i] = max(key, np.uint64(1))
    return keys, counts
