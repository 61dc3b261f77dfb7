"""How many different words of a short list documents contain."""

import numpy as np

from telos.corpus.kernels.classes import ALPHANUMERIC, SPACE, class_at
from telos.foundation.compiled import compiled


@compiled
def folded(b: int) -> int:
    """An ASCII capital as its small letter; any other byte as it is."""
    return b + 32 if 65 <= b <= 90 else b


@compiled
def listed(data: np.ndarray, start: int, end: int, list_data: np.ndarray, list_offsets: np.ndarray) -> int:
    """The place in the list of the word at data[start:end], or -1."""
    for k in range(len(list_offsets) - 1):
        size = list_offsets[k + 1] - list_offsets[k]
        if size != end - start:
            continue
        p = 0
        while p < size and folded(data[start + p]) == list_data[list_offsets[k] + p]:
            p += 1
        if p == size:
            return k
    return -1


@compiled
def different(data: np.ndarray, offsets: np.ndarray, rows: np.ndarray, table: np.ndarray, list_data: np.ndarray,
               list_offsets: np.ndarray, least: int) -> np.ndarray:  # fmt: skip
    """int64: different words of the list in each document of ``rows``, at most ``least`` (and that for the others); words are
    taken without what is no letter or digit at their ends.  Reading stops at ``least``, in English after a line or two."""
    counts = np.full(len(rows), least, np.int64)
    seen = np.zeros(len(list_offsets) - 1, np.bool_)
    for i in range(len(rows)):
        if not rows[i]:
            continue
        seen[:] = False
        found = 0
        at, end = offsets[i], offsets[i + 1]
        start, stop = -1, -1  # of the word's core: from its first to behind its last letter or digit
        while at <= end and found < least:
            size, flags = 1, SPACE
            if at < end:
                _, size, flags = class_at(data, at, end, table)
            if flags & ALPHANUMERIC:
                if start < 0:
                    start = at
                stop = at + size
            elif flags & SPACE and start >= 0:
                k = listed(data, start, stop, list_data, list_offsets)
                if k >= 0 and not seen[k]:
                    seen[k] = True
                    found += 1
                start = -1
            at += size
        counts[i] = found
    return counts
