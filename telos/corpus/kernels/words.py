"""One pass over the bytes of a batch that finds, hashes and counts the words and lines of its documents."""

from typing import Any

import numpy as np

from telos.corpus.kernels.classes import DOT, ELLIPSIS, LETTER, SPACE, class_at, last_character, stripped
from telos.foundation.compiled import compiled

WORDS, WORD_CHARACTERS, CHARACTERS, ALPHABETIC_WORDS, HASHES, ELLIPSES, NEWLINES, LINES = range(8)
COUNTS = 8
"""Columns of a document's counts; `telos.corpus.words.Words` says what they are."""
PARAGRAPH_START, ENDS_IN_ELLIPSIS = 1, 2
"""Flags of a line."""

_SEED, _STEP, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93), np.uint64(0xFF51AFD7ED558CCD)
_SHIFT, _ONE = np.uint64(32), np.uint64(1)
_FACTORS = np.random.Generator(np.random.Philox(key=1)).integers(0, 1 << 64, 256, np.uint64) | _ONE
"""What a character's place in a word multiplies it by; the hash is the sum, so that no step waits for the one before."""
_NEWLINE, _HASH, _IN_WORD = 0x0A, 0x23, 0x80


@compiled
def mixed(h: np.uint64) -> np.uint64:
    """A hash whose every bit hangs on all of its bits."""
    h = (h ^ (h >> _SHIFT)) * _MIX
    return h ^ (h >> _SHIFT)


@compiled
def chained(h: np.uint64, item: np.uint64) -> np.uint64:
    """The hash of a sequence with one more item."""
    return (h ^ item) * _STEP


def kinds(table: np.ndarray) -> np.ndarray:
    """uint8, one a byte: `SPACE` for white space, `_IN_WORD` and flags for what words consist of, 0 for what needs a closer look:
    line feeds and bytes beyond ASCII."""
    kind = np.zeros(256, np.uint8)
    for b in range(0x80):
        if b != _NEWLINE:
            kind[b] = SPACE if table[b] & SPACE else table[b] | _IN_WORD
    return kind


@compiled
def room(offsets: np.ndarray, rows: np.ndarray) -> int:
    """How many words or lines the judged documents can have at most: every second byte is one."""
    most = 0
    for i in range(len(rows)):
        if rows[i]:
            most += (offsets[i + 1] - offsets[i] + 1) // 2
    return most


@compiled
def term(c: int, place: int) -> np.uint64:
    """What a character adds to the hash of its word."""
    return (np.uint64(c) + _ONE) * (_FACTORS[place & 255] + np.uint64(place))


@compiled
def number_signs(data: np.ndarray, start: int, end: int) -> int:
    count = 0
    for at in range(start, end):
        count += data[np.uint64(at)] == _HASH
    return count


@compiled
def three_dots(data: np.ndarray, start: int, end: int) -> int:
    """How often "..." occurs, none in another: a third of each run's length."""
    first, second, third = data[start:end], data[start + 1 : end], data[start + 2 : end]
    threes = 0
    for at in range(len(third)):  # of one kind and without a branch, so that many bytes are looked at in one step
        threes += (first[at] == DOT) & (second[at] == DOT) & (third[at] == DOT)
    if threes == 0:
        return 0
    count = run = 0
    for at in range(start, end):
        run = run + 1 if data[at] == DOT else 0
        if run == 3:
            count, run = count + 1, 0
    return count


@compiled
def read_on(data: np.ndarray, at: int, end: int, kind: np.ndarray, word_hashes: np.ndarray, word_sizes: np.ndarray, word: Any,
            h: Any, size: Any, seen: Any, alphabetic: Any) -> tuple:  # fmt: skip
    """Read words and spaces up to a byte that needs a closer look; the state (from ``at`` to ``alphabetic``) there.

    No byte takes a branch: the hash so far is written at each, and the next word's place taken where one ends."""
    while at < end:
        k = np.int64(kind[data[np.uint64(at)]])
        if k == 0:
            break
        inside = k >> 7
        h += term(np.int64(data[np.uint64(at)]), size) & np.uint64(-inside)
        size += inside
        seen |= k
        word_hashes[np.uint64(word)], word_sizes[np.uint64(word)] = h, size
        ends = (1 - inside) & (size > 0)
        word += ends
        alphabetic += ends & (seen & LETTER) >> 1
        size &= -inside
        seen &= -inside
        h &= np.uint64(-inside)
        at += 1
    return at, word, h, size, seen, alphabetic


@compiled
def scan(
    data: np.ndarray, offsets: np.ndarray, rows: np.ndarray, table: np.ndarray, kind: np.ndarray, counts: np.ndarray,
    word_spans: np.ndarray, word_hashes: np.ndarray, word_sizes: np.ndarray,
    line_spans: np.ndarray, line_hashes: np.ndarray, line_sizes: np.ndarray,
    line_firsts: np.ndarray, line_lasts: np.ndarray, line_flags: np.ndarray,
) -> None:  # fmt: skip
    """Fill the arrays with what is found in the documents of ``rows``; the others have no words and no lines."""
    word = line = 0
    for i in range(len(rows)):
        word_spans[i, :], line_spans[i, :] = word, line
        if not rows[i]:
            continue
        start = at = offsets[i]
        end = offsets[i + 1]
        continued = alphabetic = ellipses = newlines = word_characters = 0
        h = np.uint64(0)
        size = seen = 0
        line_at, line_word, line_continued = start, word, 0
        blank_before = True
        while True:
            at, word, h, size, seen, alphabetic = read_on(
                data, at, end, kind, word_hashes, word_sizes, word, h, size, seen, alphabetic
            )
            b, width, flags = _NEWLINE, 1, np.int64(SPACE)  # as if a line feed stood behind the text
            if at < end:
                b, width, wide = class_at(data, at, end, table)
                flags = np.int64(wide)
            continued += width - 1
            if not flags & SPACE:
                ellipses += b == ELLIPSIS
                h += term(b, size)
                size += 1
                seen |= flags
                word_hashes[word], word_sizes[word] = h, size
            elif size:
                word += 1
                alphabetic += (seen & LETTER) >> 1
                size, seen, h = 0, 0, np.uint64(0)
            at += width
            if b != _NEWLINE:
                continue
            newlines += 1
            if word > line_word:
                first, stop = stripped(data, line_at, at - 1, table)
                line_hash = _SEED
                for w in range(line_word, word):
                    word_hashes[w] = mixed(word_hashes[w])
                    word_characters += word_sizes[w]
                    line_hash = chained(line_hash, word_hashes[w])
                within = 0
                if continued > line_continued:
                    for p in range(first, stop):
                        within += data[p] & 0xC0 == 0x80
                line_hashes[line], line_sizes[line] = mixed(line_hash), stop - first - within
                line_firsts[line] = class_at(data, first, stop, table)[0]
                last = last_character(data, first, stop, table)
                line_lasts[line] = DOT if last == ELLIPSIS and data[stop - 1] == DOT else last
                line_flags[line] = PARAGRAPH_START * blank_before + ENDS_IN_ELLIPSIS * (last == ELLIPSIS)
                line += 1
            blank_before = word == line_word
            line_at, line_word, line_continued = at, word, continued
            if at > end:
                break
        word_spans[i, 1], line_spans[i, 1] = word, line
        counts[i, WORDS] = word - word_spans[i, 0]
        counts[i, WORD_CHARACTERS] = word_characters
        counts[i, CHARACTERS] = end - start - continued
        counts[i, ALPHABETIC_WORDS] = alphabetic
        counts[i, HASHES] = number_signs(data, start, end)
        counts[i, ELLIPSES] = ellipses + three_dots(data, start, end)
        counts[i, NEWLINES] = newlines - 1
        counts[i, LINES] = line - line_spans[i, 0]
