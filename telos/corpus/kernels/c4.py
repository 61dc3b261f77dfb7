"""C4's rules on lines: each line of a document is measured where it lies, and copied if it stays."""

from typing import Any

import numpy as np

from telos.corpus.kernels.classes import ALPHANUMERIC, LOWER, SPACE, UPPER, class_at, flags_before, last_character, stripped
from telos.corpus.kernels.lines import is_one_of
from telos.corpus.kernels.phrases import groups_in
from telos.foundation.compiled import compiled

NO_TERMINAL_MARK, LONG_WORD, FEW_WORDS, PHRASE, POLICY, BLANK, CITATION, KEPT = range(8)
"""What is counted: lines refused, by their first reason; empty lines; citation marks taken out; lines kept."""
CURLY_BRACKET, PLACEHOLDER, NO_LINES, FEW_SENTENCES = 1, 2, 3, 4
"""Why a document goes."""
IN_PLACEHOLDER, IN_PHRASE, IN_POLICY = 1, 2, 4
"""Bits of the groups of phrases (`telos.corpus.kernels.phrases`)."""

_CLOSING = np.frombuffer("\"')]}”’»".encode("utf-32-le"), np.uint32)
_ENDS = np.frombuffer(".!?".encode("utf-32-le"), np.uint32)
_EDIT, _NEEDED = np.frombuffer(b"edit]", np.uint8), np.frombuffer(b"citation needed]", np.uint8)
_OPEN, _CLOSE, _DOT, _NEWLINE, _CURLY = 0x5B, 0x5D, 0x2E, 0x0A, 0x7B
_IS_SPACE, _IS_END, _IS_WIDE = 1, 2, 4


@compiled
def citation(data: np.ndarray, at: int, end: int) -> int:
    """Bytes of the citation mark that begins at a "[" — [1], [], [edit], [citation needed] — or 0."""
    p = at + 1
    while p < end and 48 <= data[p] <= 57:
        p += 1
    if p < end and data[p] == _CLOSE:
        return p + 1 - at
    for word in (_EDIT, _NEEDED):
        if at + 1 + len(word) <= end:
            p = 0
            while p < len(word) and data[at + 1 + p] == word[p]:
                p += 1
            if p == len(word):
                return 1 + p
    return 0


@compiled
def without_citations(data: np.ndarray, start: int, end: int, into: np.ndarray) -> tuple[int, int]:
    """Copy data[start:end] without its citation marks: (bytes that remain, marks)."""
    size = marks = 0
    at = start
    while at < end:
        skipped = citation(data, at, end) if data[at] == _OPEN else 0
        marks += skipped > 0
        if not skipped:
            into[size] = data[at]
            size, skipped = size + 1, 1
        at += skipped
    return size, marks


@compiled
def is_initial(data: np.ndarray, start: int, at: int, table: np.ndarray) -> bool:
    """Whether a lone capital stands before the full stop at ``at``, as in "J. Bach"."""
    before, capital = flags_before(data, start, at, table)
    return capital & UPPER != 0 and flags_before(data, start, before, table)[1] & ALPHANUMERIC == 0


@compiled
def ends_sentence(data: np.ndarray, start: int, at: int, end: int, table: np.ndarray) -> bool:
    """Whether behind the sentence mark at ``at``, and closing quotes and brackets, another sentence of the line begins."""
    after = at + 1
    spaces = 0
    while after < end:
        c, width, flags = class_at(data, after, end, table)
        if flags & SPACE:
            spaces += 1
        elif spaces:
            return not flags & LOWER and not (data[at] == _DOT and is_initial(data, start, at, table))
        elif not is_one_of(c, _CLOSING):
            return False
        after += width
    return False


def roles() -> np.ndarray:
    """uint8, one a byte: what it is to `measure`."""
    of = np.zeros(256, np.uint8)
    of[0x80:] = _IS_WIDE
    for c in range(0x80):
        of[c] = _IS_SPACE * chr(c).isspace() | _IS_END * (c in _ENDS)
    return of


@compiled
def measure(data: np.ndarray, start: int, end: int, table: np.ndarray, of: np.ndarray) -> tuple[int, int, int]:
    """(words, characters of the longest, sentences) of a line without white space at its ends.

    Bytes take no branch but for sentence marks and what is not ASCII."""
    words: Any = 1
    longest: Any = 0
    sentences, at = 1, start
    blank: Any = start - 1
    before: Any = 0  # whether the character before is white space; ``at - blank`` are the word's characters
    while at < end:
        role: Any = np.int64(of[data[np.uint64(at)]])
        width = 1
        if role & _IS_WIDE:
            _, width, flags = class_at(data, at, end, table)
            role = _IS_SPACE if flags & SPACE else 0
        elif role & _IS_END and ends_sentence(data, start, at, end, table):
            sentences += 1
        space = role & _IS_SPACE
        words += space & ~before
        longest = max(longest, at - blank - space)
        blank = at + width - 1 if space else blank + width - 1
        before = space
        at += width
    return words, longest, sentences


@compiled
def clean_pages(
    data: np.ndarray, offsets: np.ndarray, rows: np.ndarray, table: np.ndarray, terminals: np.ndarray,
    of: np.ndarray, least_words: int, least_sentences: int, longest_word: int, citations: bool, curly_brackets: bool,
    phrases: tuple,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(bytes, their offsets, reasons, sentences, counts): documents of ``rows`` cleaned; others, and those that go, as they
    were.  No ``terminals``: lines may end in anything."""
    out, ends = np.empty(offsets[-1] - offsets[0] + 1, np.uint8), np.zeros(len(rows) + 1, np.int64)
    reasons, sentences, counts = np.zeros(len(rows), np.uint8), np.zeros(len(rows), np.int64), np.zeros(8, np.int64)
    scratch, mine = np.empty(0, np.uint8), np.zeros(8, np.int64)
    to = 0
    for i in range(len(rows)):
        begin, at, end = to, offsets[i], offsets[i + 1]
        mine[:] = 0
        while rows[i] and at < end:
            start = at
            curly = bracket = False
            while at < end and data[at] != _NEWLINE:
                curly |= data[at] == _CURLY
                bracket |= data[at] == _OPEN
                at += 1
            if curly and curly_brackets:
                reasons[i] = CURLY_BRACKET
                break
            line, stop = data, at
            at += 1
            if bracket and citations:
                if len(scratch) < stop - start:
                    scratch = np.empty(2 * (stop - start), np.uint8)
                size, marks = without_citations(data, start, stop, scratch)
                mine[CITATION] += marks
                line, start, stop = scratch, 0, size
            start, stop = stripped(line, start, stop, table)
            groups = groups_in(line, start, stop, *phrases)
            if groups & IN_PLACEHOLDER:
                reasons[i] = PLACEHOLDER
                break
            if start == stop:
                mine[BLANK] += 1
                continue
            if len(terminals) > 0 and not is_one_of(last_character(line, start, stop, table), terminals):
                mine[NO_TERMINAL_MARK] += 1
                continue
            words, longest, line_sentences = measure(line, start, stop, table, of)
            if longest > longest_word:
                mine[LONG_WORD] += 1
            elif words < least_words:
                mine[FEW_WORDS] += 1
            elif groups & IN_PHRASE:
                mine[PHRASE] += 1
            elif groups & IN_POLICY:
                mine[POLICY] += 1
            else:
                mine[KEPT] += 1
                sentences[i] += line_sentences
                size = stop - start
                out[to : to + size] = line[start:stop]
                out[to + size] = _NEWLINE
                to += size + 1
        if rows[i] and not reasons[i]:
            if not mine[KEPT]:
                reasons[i] = NO_LINES
            elif sentences[i] < least_sentences:
                reasons[i] = FEW_SENTENCES
        if rows[i] and not reasons[i]:
            to -= 1  # the last line's feed
            counts += mine
        else:
            to = begin + end - offsets[i]
            out[begin:to] = data[offsets[i] : end]
        ends[i + 1] = to
    return out, ends, reasons, sentences, counts
