"""Repeated lines, paragraphs and n-grams of documents, from the hashes of their words and lines.

An n-gram can only repeat where its first n − 1 words do, so each length looks at the places that the one before left over:
the 2-grams of a document are all looked at, of the 10-grams as good as none.
"""

import numpy as np

from telos.corpus.kernels.first_seen import first_seen, slots_for
from telos.corpus.kernels.words import CHARACTERS, PARAGRAPH_START, chained, mixed
from telos.foundation.compiled import compiled

SHORTEST_DUPLICATE, LONGEST = 5, 10
"""n-grams below are judged by the most frequent one, those from here on by all that repeat."""
_STEP = np.uint64(0x9E3779B97F4A7C15)


@compiled
def longer(gram: np.uint64, word: np.uint64) -> np.uint64:
    """The hash of an n-gram from that of its first n − 1 words and its last one; order counts, also of two words."""
    return mixed(gram * _STEP + word)


@compiled
def repeated(hashes: np.ndarray, sizes: np.ndarray, items: int, slots: np.ndarray, firsts: np.ndarray,
             order: np.ndarray) -> tuple[int, int]:  # fmt: skip
    """(items, characters) that stood before in the sequence: each occurrence but the first counts."""
    first_seen(hashes, order, items, slots, firsts)
    count = characters = 0
    for p in range(items):
        if firsts[p] != p:
            count += 1
            characters += sizes[p]
    return count, characters


@compiled
def paragraphs(hashes: np.ndarray, sizes: np.ndarray, flags: np.ndarray, into: np.ndarray, lengths: np.ndarray) -> int:
    """How many paragraphs these lines make; their hashes and characters (lines joined by one line feed)."""
    count = 0
    for p in range(len(hashes)):
        if p == 0 or flags[p] & PARAGRAPH_START:
            into[count], lengths[count] = np.uint64(PARAGRAPH_START), sizes[p]
            count += 1
        else:
            lengths[count - 1] += sizes[p] + 1
        into[count - 1] = mixed(chained(into[count - 1], hashes[p]))
    return count


@compiled
def most_frequent(which: np.ndarray, items: int, n: int, firsts: np.ndarray, times: np.ndarray, before: np.ndarray) -> int:
    """Characters in all occurrences of the n-gram that occurs most often (the earliest of several; at least twice), its
    words joined by one space."""
    best, most = 0, 1
    for k in range(items):
        p = which[k]
        if firsts[p] == p and times[p] > most:
            best, most = p, times[p]
    return most * (before[best + n] - before[best] + n - 1) if most > 1 else 0


@compiled
def duplicated(which: np.ndarray, items: int, n: int, firsts: np.ndarray, known: np.ndarray, before: np.ndarray) -> int:
    """Characters of words in n-grams that stood before.  Reading on goes behind such an n-gram, so no word counts twice."""
    characters = behind = 0
    for k in range(items):
        known[which[k]] = False
    for k in range(items):
        p = which[k]
        if p < behind:
            continue
        if known[firsts[p]]:
            characters += before[p + n] - before[p]
            behind = p + n
        else:
            known[firsts[p]] = True
    return characters


@compiled
def judge_repetition(
    rows: np.ndarray, counts: np.ndarray, word_spans: np.ndarray, word_hashes: np.ndarray, word_sizes: np.ndarray,
    line_spans: np.ndarray, line_hashes: np.ndarray, line_sizes: np.ndarray, line_flags: np.ndarray, most: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """(place from 1 of the first of the 13 fractions that is above ``most``, or 0; that fraction), one a document."""
    reasons, values = np.zeros(len(rows), np.uint8), np.zeros(len(rows))
    longest = 1
    for i in range(len(rows)):
        longest = max(longest, word_spans[i, 1] - word_spans[i, 0])
    slots, firsts = np.empty(slots_for(longest), np.int32), np.empty(longest, np.int32)
    order, which = np.arange(longest, dtype=np.int32), np.empty(longest, np.int32)
    hashes, sizes, times = np.empty(longest, np.uint64), np.empty(longest, np.int64), np.empty(longest, np.int32)
    before, known = np.zeros(longest + 1, np.int64), np.empty(longest, np.bool_)
    found = np.zeros(4)
    for i in range(len(rows)):
        lo, hi = line_spans[i]
        if not rows[i] or lo == hi:
            continue
        characters = counts[i, CHARACTERS]
        lines, line_characters = repeated(line_hashes[lo:hi], line_sizes[lo:hi], hi - lo, slots, firsts, order)
        blocks = paragraphs(line_hashes[lo:hi], line_sizes[lo:hi], line_flags[lo:hi], hashes, sizes)
        copies, block_characters = repeated(hashes, sizes, blocks, slots, firsts, order)
        found[0], found[1] = lines / (hi - lo), copies / blocks
        found[2], found[3] = line_characters / characters, block_characters / characters
        for r in range(4):
            if found[r] > most[r]:
                reasons[i], values[i] = r + 1, found[r]
                break
        if reasons[i]:
            continue
        start = word_spans[i, 0]
        words = word_spans[i, 1] - start
        for p in range(words):
            hashes[p] = word_hashes[start + p]
            before[p + 1] = before[p] + word_sizes[start + p]
            which[p] = p
        items = words
        for n in range(2, LONGEST + 1):
            kept = 0
            for k in range(items):
                p = which[k]
                if p + n <= words:
                    hashes[p] = longer(hashes[p], word_hashes[start + p + n - 1])
                    which[kept] = p
                    kept += 1
            items = kept
            if items < 2:
                break
            first_seen(hashes, which, items, slots, firsts)
            for k in range(items):
                times[which[k]] = 0
            for k in range(items):
                times[firsts[which[k]]] += 1
            kept = 0
            if n < SHORTEST_DUPLICATE:
                share = most_frequent(which, items, n, firsts, times, before) / characters
            else:
                share = duplicated(which, items, n, firsts, known, before) / characters
            if share > most[n + 2]:
                reasons[i], values[i] = n + 3, share
                break
            for k in range(items):
                p = which[k]
                if times[firsts[p]] > 1:
                    which[kept] = p
                    kept += 1
            items = kept
    return reasons, values
