"""What the rules on Chinese look at, counted over characters and lines in one pass."""

import numpy as np

from telos.corpus.kernels.scripts import is_han
from telos.corpus.kernels.utf8 import code_point
from telos.foundation.compiled import compiled

LETTER, DIGIT, SPACE, PUNCTUATION = 1, 2, 3, 4
CHARACTERS, HAN, FUNCTION, PUNCTUATIONS, DIGITS, SYMBOLS, DOTS, CLAUSES, CLAUSE_CHARACTERS, SENTENCES = range(10)
LINES, BULLETS, ELLIPSES, TERMINALS, DISTINCT = range(10, 15)
"""Columns of `signals`."""
TERMINAL, SENTENCE_END, BULLET, ELLIPSIS, HASH = 1, 2, 4, 8, 16
"""Bits of ``marks``."""


@compiled
def signals(data: np.ndarray, offsets: np.ndarray, kinds: np.ndarray, marks: np.ndarray, function: np.ndarray) -> np.ndarray:
    """(documents, 15) int64.  White space counts nowhere.

    ``marks``: bits, one byte a code point of the first plane.  ``function``: uint8, one a code point of the first plane: 0,
    or the place from 1 of a function character.  A clause is a run of letters and digits; a sentence ends at a run of
    marks that end sentences; a line is what is left between line feeds when white space is taken off its ends, if anything."""
    out = np.zeros((len(offsets) - 1, 15), np.int64)
    for i in range(len(offsets) - 1):
        at, end = offsets[i], offsets[i + 1]
        row = out[i]
        seen = np.uint64(0)
        in_clause = in_sentence_end = False
        first, last, before, before_that = np.int64(-1), np.int64(-1), np.int64(-1), np.int64(-1)
        while at <= end:
            if at == end or data[at] == 10:
                at += 1
                in_clause = in_sentence_end = False
                if last >= 0:
                    row[LINES] += 1
                    if first < 0x10000 and marks[first] & BULLET:
                        row[BULLETS] += 1
                    if last < 0x10000 and marks[last] & TERMINAL:
                        row[TERMINALS] += 1
                    if (last < 0x10000 and marks[last] & ELLIPSIS) or (last == 46 and before == 46 and before_that == 46):
                        row[ELLIPSES] += 1
                    first = last = before = before_that = np.int64(-1)
                continue
            c, size = code_point(data, at, end)
            at += size
            kind = kinds[c]
            if kind == SPACE:
                in_clause = in_sentence_end = False
                continue
            row[CHARACTERS] += 1
            before_that, before, last = before, last, c
            if first < 0:
                first = c
            mark = marks[c] if c < 0x10000 else 0
            ends_sentence = mark & SENTENCE_END != 0
            if ends_sentence and not in_sentence_end:
                row[SENTENCES] += 1
            in_sentence_end = ends_sentence
            if kind in (LETTER, DIGIT):
                row[CLAUSE_CHARACTERS] += 1
                if not in_clause:
                    row[CLAUSES] += 1
                in_clause = True
                if kind == DIGIT:
                    row[DIGITS] += 1
                elif is_han(c):
                    row[HAN] += 1
                    if c < 0x10000 and function[c]:
                        row[FUNCTION] += 1
                        seen |= np.uint64(1) << np.uint64(function[c] - 1)
            else:
                in_clause = False
                if kind == PUNCTUATION:
                    row[PUNCTUATIONS] += 1
                else:
                    row[SYMBOLS] += 1
                if mark & HASH or mark & ELLIPSIS:
                    row[DOTS] += 1
        while seen:
            seen &= seen - np.uint64(1)
            row[DISTINCT] += 1
    return out
