"""Letters, digits and symbols of a text, in whatever script."""

import numpy as np

from telos.corpus.kernels.utf8 import code_point
from telos.foundation.compiled import compiled

LETTER, DIGIT, SPACE = 1, 2, 3
CHARACTERS, SYMBOLS, DIGITS, LONGEST_RUN, LINES, NUMBER_LINES = range(6)
"""Columns of `symbols`."""


@compiled
def symbols(data: np.ndarray, offsets: np.ndarray, kinds: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """(documents, 6) int64.  White space counts nowhere and ends no run.  ``usual``: bool, one a code point of the first plane.

    A line of numbers has more digits than other characters."""
    out = np.zeros((len(offsets) - 1, 6), np.int64)
    for i in range(len(offsets) - 1):
        at, end = offsets[i], offsets[i + 1]
        row = out[i]
        run = line_characters = line_digits = 0
        while at <= end:
            if at == end or data[at] == 10:
                if line_characters:
                    row[LINES] += 1
                    if 2 * line_digits > line_characters:
                        row[NUMBER_LINES] += 1
                line_characters = line_digits = 0
                at += 1
                continue
            c, size = code_point(data, at, end)
            at += size
            kind = kinds[c]
            if kind == SPACE:
                continue
            row[CHARACTERS] += 1
            line_characters += 1
            if kind == LETTER:
                run = 0
                continue
            run += 1
            row[LONGEST_RUN] = max(row[LONGEST_RUN], run)
            if kind == DIGIT:
                row[DIGITS] += 1
                line_digits += 1
            elif c >= 0x10000 or not usual[c]:
                row[SYMBOLS] += 1
    return out
