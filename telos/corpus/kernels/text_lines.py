"""Lines of many texts: what they hold, and texts put together from some of them."""

import numpy as np

from telos.corpus.kernels.utf8 import code_point
from telos.foundation.compiled import compiled

SPACE = 3
CHARACTERS, ENDS, SENTENCES = range(3)
"""Columns of `line_signals`."""


@compiled
def line_signals(
    data: np.ndarray, starts: np.ndarray, ends: np.ndarray, kinds: np.ndarray, marks: np.ndarray, terminal: int, sentence: int
) -> np.ndarray:
    """(lines, 3) int32: characters other than white space, whether the last of them is ``terminal``, how many runs of marks
    that end a ``sentence`` it has.  ``marks``: bits, one byte a code point of the first plane."""
    out = np.zeros((len(starts), 3), np.int32)
    for i in range(len(starts)):
        at, end = starts[i], ends[i]
        last = np.int64(-1)
        in_end = False
        while at < end:
            c, size = code_point(data, at, end)
            at += size
            ends_sentence = c < 0x10000 and marks[c] & sentence != 0
            if ends_sentence and not in_end:
                out[i, SENTENCES] += 1
            in_end = ends_sentence
            if kinds[c] != SPACE:
                out[i, CHARACTERS] += 1
                last = c
        out[i, ENDS] = 0 <= last < 0x10000 and marks[last] & terminal != 0
    return out


@compiled
def joined(
    data: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    first: np.ndarray,
    refused: np.ndarray,
    blank: np.ndarray,
    lost: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(bytes, offsets) of `telos.corpus.text_lines.TextLines.without`."""
    documents = len(first) - 1
    out = np.empty(max(1, ends[-1] - starts[0]), np.uint8)
    offsets = np.zeros(documents + 1, np.int64)
    at = np.int64(0)
    for d in range(documents):
        begin = at
        gap = False
        for i in range(first[d], first[d + 1]):
            if lost[d] and (refused[i] or blank[i]):
                gap |= blank[i] and not refused[i]
                continue
            if at > begin or (lost[d] == 0 and i > first[d]):
                out[at] = 10
                at += 1
                if gap:
                    out[at] = 10
                    at += 1
            gap = False
            size = ends[i] - starts[i]
            out[at : at + size] = data[starts[i] : ends[i]]
            at += size
        offsets[d + 1] = at
    return out[:at].copy(), offsets
