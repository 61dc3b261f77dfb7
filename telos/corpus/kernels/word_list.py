"""Listed words and phrases sought in texts all at once: the automaton of Aho and Corasick 1975 over bytes.

Texts and phrases are read as the same stream: ASCII capitals as small letters, each run of white space as one space, and a
boundary (byte 0) wherever a word of a script with spaces begins or ends.  "art" is then ⟨0⟩art⟨0⟩, which "party" does not hold,
and a Chinese word has no boundaries, so that it is found within a sentence.
"""

from typing import Any

import numpy as np

from telos.corpus.kernels.classes import ALPHANUMERIC, SPACE, class_at
from telos.corpus.kernels.scripts import is_han
from telos.corpus.kernels.stop_words import folded
from telos.foundation.compiled import compiled

BOUNDARY, BLANK = 0, 32


@compiled
def is_unspaced(c: int) -> bool:
    """A letter of a script without spaces between words: Han, kana, Thai, Lao, Burmese, Khmer."""
    return is_han(c) or 0x0E00 <= c < 0x0F00 or 0x1000 <= c < 0x10A0 or 0x1780 <= c < 0x1800


@compiled
def read(data: np.ndarray, start: int, end: int, table: np.ndarray, into: np.ndarray) -> int:
    """The bytes of the stream, into an array of at least 3 × (end − start) + 2; how many."""
    size = 0
    in_word = blank = False
    at = start
    while at < end:
        c, width, flags = class_at(data, at, end, table)
        word = (flags & ALPHANUMERIC) != 0 and not is_unspaced(c)
        if word != in_word:
            into[size] = BOUNDARY
            size += 1
            in_word = word
        if not flags & SPACE:
            for p in range(width):
                into[size] = folded(np.int64(data[at + p]))
                size += 1
        elif not blank:
            into[size] = BLANK
            size += 1
        blank = (flags & SPACE) != 0
        at += width
    if in_word:
        into[size] = BOUNDARY
        size += 1
    return size


@compiled
def close(parents: np.ndarray, symbols: np.ndarray, ends: np.ndarray, table: np.ndarray) -> None:
    """Make a trie's table (states × symbols, 0 where there is no child) the automaton's, and ``ends`` the longest of the
    phrases that end in each state.  States stand in the order of their depth, the root first."""
    fallback = np.zeros(len(parents), np.int64)
    for state in range(1, len(parents)):
        if parents[state] != 0:
            fallback[state] = table[fallback[parents[state]], symbols[state]]
        fall = fallback[state]
        if ends[state] < 0:
            ends[state] = ends[fall]
        for symbol in range(table.shape[1]):
            if table[state, symbol] == 0:
                table[state, symbol] = table[fall, symbol]


@compiled
def seek(data: np.ndarray, offsets: np.ndarray, classes: np.ndarray, symbols: np.ndarray, table: np.ndarray, ends: np.ndarray,
         sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(place of the first spelling found or -1, bytes that lie in phrases, bytes of the stream), one a document; boundaries and
    white space are no bytes here.  ``sizes``: those bytes of each spelling."""
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    stream, change = np.empty(3 * longest + 2, np.uint8), np.zeros(longest + 2, np.int32)
    firsts = np.full(len(offsets) - 1, -1, np.int64)
    covered, whole = np.zeros(len(offsets) - 1, np.int64), np.zeros(len(offsets) - 1, np.int64)
    for i in range(len(offsets) - 1):
        size = read(data, offsets[i], offsets[i + 1], classes, stream)
        place = 0
        state: Any = 0
        for at in range(size):
            b = stream[at]
            place += b not in (BOUNDARY, BLANK)
            state = np.int64(table[state, symbols[b]])
            phrase = ends[state]
            if phrase >= 0:
                if firsts[i] < 0:
                    firsts[i] = phrase
                    change[: (offsets[i + 1] - offsets[i]) + 2] = 0
                change[place - sizes[phrase]] += 1
                change[place] -= 1
        whole[i] = place
        if firsts[i] >= 0:
            depth = 0
            for p in range(place):
                depth += change[p]
                covered[i] += depth > 0
    return firsts, covered, whole
