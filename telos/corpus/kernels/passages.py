"""Lines and paragraphs of texts: where they are, their hashes, and the texts without some of them."""

import numpy as np

from telos.corpus.kernels.hashing import mix
from telos.corpus.kernels.utf8 import code_point
from telos.foundation.compiled import compiled

_P = 0x9E3779B97F4A7C15
_NEWLINE, _SPACE = 10, 32


@compiled
def is_space(c: int) -> bool:
    """As Python's ``str.isspace``."""
    if c < 0x2000:
        return c == 32 or 9 <= c <= 13 or 28 <= c <= 31 or c in (0x85, 0xA0, 0x1680)
    return c <= 0x200A or c in (0x2028, 0x2029, 0x202F, 0x205F, 0x3000)


@compiled
def step(h: np.uint64, c: int) -> np.uint64:
    h = (h + np.uint64(c)) * np.uint64(_P)
    return h ^ (h >> np.uint64(29))


@compiled
def split(
    data: np.ndarray, offsets: np.ndarray, by_line: bool, rows: np.ndarray, starts: np.ndarray, ends: np.ndarray,
    hashes: np.ndarray, characters: np.ndarray,
) -> int:  # fmt: skip
    """All lines that are not blank, or all paragraphs (runs of such lines), of all texts; how many.

    Of each: the text's row, its bytes (with the line ends in and after it), a hash that runs of white space do not change,
    and its characters without white space.  The arrays have room for a passage a line."""
    found = 0
    for i in range(len(offsets) - 1):
        at, end = offsets[i], offsets[i + 1]
        h, count, gap, start = np.uint64(0), 0, False, at
        while at < end:
            line, before = at, count
            if by_line or count == 0:
                h, count, gap, start, before = np.uint64(0), 0, False, at, 0
            while at < end and data[at] != _NEWLINE:
                c, size = code_point(data, at, end)
                at += size
                if is_space(c):
                    gap = True
                    continue
                if gap and count:
                    h = step(h, _SPACE)
                gap = False
                h = step(h, c)
                count += 1
            if at < end:
                at += 1
            gap = True
            blank = count == before
            if count and (by_line or blank or at >= end):
                rows[found], hashes[found], characters[found] = i, mix(h), count
                starts[found], ends[found] = start, line if blank else at
                found += 1
                count = 0
    return found


@compiled
def blank_until(data: np.ndarray, at: int, end: int) -> int:
    """The end of the blank line that starts here, with its line end; the same place where the line is not blank."""
    start = at
    while at < end:
        c, size = code_point(data, at, end)
        at += size
        if c == _NEWLINE:
            return at
        if not is_space(c):
            return start
    return at


@compiled
def without(
    data: np.ndarray, offsets: np.ndarray, rows: np.ndarray, starts: np.ndarray, ends: np.ndarray, removed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(bytes, offsets) of the texts without the removed passages.

    What goes takes the blank lines after it along where blank lines, or nothing, stand before it.  A text that loses
    something ends without white space, and with a line end where it had one."""
    out = np.empty(offsets[-1] - offsets[0], np.uint8)
    places = np.zeros(len(offsets), np.int64)
    to, k = 0, 0
    for i in range(len(offsets) - 1):
        at, end, began = offsets[i], offsets[i + 1], to
        changed = False
        while k < len(rows) and rows[k] == i:
            if removed[k]:
                out[to : to + starts[k] - at] = data[at : starts[k]]
                to += starts[k] - at
                at = ends[k]
                changed = True
                if to == began or (to - began >= 2 and out[to - 1] == _NEWLINE and out[to - 2] == _NEWLINE):
                    after = blank_until(data, at, end)
                    while after > at:
                        at = after
                        after = blank_until(data, at, end)
            k += 1
        out[to : to + end - at] = data[at:end]
        to += end - at
        if changed:
            while to > began and (out[to - 1] == _SPACE or 9 <= out[to - 1] <= 13):
                to -= 1
            if to > began and data[end - 1] == _NEWLINE:
                out[to] = _NEWLINE
                to += 1
        places[i + 1] = to
    return out[:to], places


@compiled
def sweep(
    rows: np.ndarray, known: np.ndarray, characters: np.ndarray, totals: np.ndarray, fixed: bool, least_left: float,
    first: int, owners: np.ndarray, removed: np.ndarray, dropped: np.ndarray,
) -> None:  # fmt: skip
    """Go through a bucket's passages in their order and see which stood before.

    ``known``: number of the passage's hash among those that recur, or −1.  ``owners``: by that number, 1 + the place of the
    document in which it first stood and stays, or 0.  ``first``: the bucket's first place.  A document of which less than
    ``least_left`` of the characters stays (or none) is dropped, and what stood in it first did not."""
    k = 0
    while k < len(rows):
        row, begin, gone = rows[k], k, 0
        own = first + row + 1
        while k < len(rows) and rows[k] == row:
            if known[k] >= 0:
                if owners[known[k]] > 0 and not fixed:
                    removed[k] = True
                    gone += characters[k]
                elif owners[known[k]] == 0:
                    owners[known[k]] = own
            k += 1
        left = totals[begin] - gone
        if gone > 0 and (left <= 0 or left < least_left * totals[begin]):
            dropped[row] = True
            for j in range(begin, k):
                if known[j] >= 0 and owners[known[j]] == own:
                    owners[known[j]] = 0
                removed[j] = False
