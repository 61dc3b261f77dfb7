"""How much of a text repeats itself: lines, paragraphs, n-grams of characters, by 64-bit hashes in open-addressed tables."""

import numpy as np

from telos.corpus.kernels.utf8 import code_point
from telos.foundation.compiled import compiled

SPACE = 3
_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(31)
_ONE = np.uint64(1 << 63)
LINES, LINE_CHARACTERS, PARAGRAPHS, PARAGRAPH_CHARACTERS, FIRST = range(5)
"""Columns of `repetition`: shares that are duplicates; from ``FIRST`` on the sizes of ``top``, then those of ``duplicate``."""


@compiled
def slot_of(key: np.uint64, mask: np.uint64) -> np.int64:
    mixed = (key ^ (key >> _SHIFT)) * _MIX
    return np.int64((mixed ^ (mixed >> _SHIFT)) & mask)


@compiled
def place_of(keys: np.ndarray, key: np.uint64, mask: np.uint64) -> tuple[np.int64, bool]:
    """(the key's slot, whether it was there already); a key is never 0, which marks a free slot."""
    slot = slot_of(key, mask)
    while keys[slot] != 0:
        if keys[slot] == key:
            return slot, True
        slot = np.int64(np.uint64(slot + 1) & mask)
    keys[slot] = key
    return slot, False


@compiled
def most_frequent(codes: np.ndarray, n: int, keys: np.ndarray, counts: np.ndarray, mask: np.uint64) -> int:
    """How often the most frequent n-gram occurs."""
    keys[: np.int64(mask) + 1] = 0
    high = power(n)
    key, most = np.uint64(0), 0
    for end in range(1, len(codes) + 1):
        key = key * _BASE + np.uint64(codes[end - 1])
        if end > n:
            key -= np.uint64(codes[end - 1 - n]) * high
        if end >= n:
            slot, known = place_of(keys, key | _ONE, mask)
            counts[slot] = counts[slot] + 1 if known else 1
            most = max(most, counts[slot])
    return most


@compiled
def covered_again(codes: np.ndarray, n: int, keys: np.ndarray, mask: np.uint64) -> int:
    """How many characters are in an n-gram that occurred before."""
    keys[: np.int64(mask) + 1] = 0
    high = power(n)
    key, covered, covered_to = np.uint64(0), 0, 0
    for end in range(1, len(codes) + 1):
        key = key * _BASE + np.uint64(codes[end - 1])
        if end > n:
            key -= np.uint64(codes[end - 1 - n]) * high
        if end >= n and place_of(keys, key | _ONE, mask)[1]:
            covered += end - max(covered_to, end - n)
            covered_to = end
    return covered


@compiled
def power(n: int) -> np.uint64:
    high = np.uint64(1)
    for _ in range(n):
        high *= _BASE
    return high


@compiled
def repetition(
    data: np.ndarray, offsets: np.ndarray, kinds: np.ndarray, most_characters: int, top: np.ndarray, top_limits: np.ndarray,
    duplicate: np.ndarray, duplicate_limits: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """(documents, 4 + sizes) float64, over the first ``most_characters`` characters that are no white space.

    Sizes rise.  What cannot pass its limit is not computed and stays 0: an n-gram that is longer occurs no more often, and
    covers nothing that the shorter ones do not cover."""
    out = np.zeros((len(offsets) - 1, FIRST + len(top) + len(duplicate)))
    codes = np.zeros(1024, np.uint32)
    keys, counts = np.zeros(4096, np.uint64), np.zeros(4096, np.int32)
    for i in range(len(offsets) - 1):
        room = min(offsets[i + 1] - offsets[i], most_characters) + 1
        if room > len(codes):
            size = 4096
            while size < 4 * room:
                size *= 2
            codes, keys, counts = np.zeros(room, np.uint32), np.zeros(size, np.uint64), np.zeros(size, np.int32)
        row = out[i]
        n = _lines(data, offsets[i], offsets[i + 1], kinds, most_characters, codes, row, keys)
        if n == 0:
            continue
        seen = codes[:n]
        mask = mask_for(n)
        most = n
        for k in range(len(top)):
            if top[k] * most / n > top_limits[k] and top[k] <= n:
                most = most_frequent(seen, top[k], keys, counts, mask)
                row[FIRST + k] = top[k] * most / n if most > 1 else 0.0
        covered = n
        for k in range(len(duplicate)):
            if covered / n > duplicate_limits[k] and duplicate[k] <= n:
                covered = covered_again(seen, duplicate[k], keys, mask)
                row[FIRST + len(top) + k] = covered / n
    return out


@compiled
def mask_for(n: int) -> np.uint64:
    """One less than the size of a table that n keys fill to a half at most: small for a small text, so that it stays in cache."""
    size = 64
    while size < 2 * n:
        size *= 2
    return np.uint64(size - 1)


@compiled
def _lines(
    data: np.ndarray, at: int, end: int, kinds: np.ndarray, most_characters: int, codes: np.ndarray, row: np.ndarray,
    keys: np.ndarray,
) -> int:  # fmt: skip
    """Fill in the shares of duplicate lines and paragraphs, and the characters without white space; how many those are."""
    n = 0
    mask = mask_for(min(end - at, 2 * most_characters))  # lines and paragraphs together
    keys[: np.int64(mask) + 1] = 0
    lines = paragraphs = twice_lines = twice_paragraphs = 0
    line_characters = paragraph_characters = in_line = in_paragraph = 0
    begin = stop = -1
    paragraph = np.uint64(0)
    while at <= end:
        over = at == end or n == most_characters
        if over or data[at] == 10:
            if begin >= 0:
                key = np.uint64(stop - begin)
                for place in range(begin, stop):
                    key = (key ^ np.uint64(data[place])) * _BASE
                    key ^= key >> _SHIFT
                lines += 1
                if place_of(keys, key | _ONE, mask)[1]:
                    twice_lines += 1
                    line_characters += in_line
                paragraph = (paragraph ^ key) * _BASE
                in_paragraph += in_line
            if in_paragraph and (begin < 0 or over):
                paragraphs += 1
                if place_of(keys, ~(paragraph | _ONE) | np.uint64(1), mask)[1]:
                    twice_paragraphs += 1
                    paragraph_characters += in_paragraph
                paragraph, in_paragraph = np.uint64(0), 0
            begin = stop = -1
            in_line = 0
            at += 1
            if over:
                break
            continue
        c, size = code_point(data, at, end)
        if kinds[c] != SPACE:
            codes[n] = c
            n += 1
            in_line += 1
            if begin < 0:
                begin = at
            stop = at + size
        at += size
    if n:
        row[LINES], row[LINE_CHARACTERS] = twice_lines / lines, line_characters / n
        row[PARAGRAPHS], row[PARAGRAPH_CHARACTERS] = twice_paragraphs / paragraphs, paragraph_characters / n
    return n
