"""Finding and replacing, over a batch.

Replacing a value can uncover another beside it (a long row of digits falls apart), so texts that changed are looked at again
until nothing is found: a masked text is one in which nothing is found, hence masking it again changes nothing.
Test: tests/corpus/personal_data/test_masking.py.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from telos.corpus.personal_data import PRECEDENCE, Recogniser, Span
from telos.corpus.personal_data._view import Candidate, views
from telos.corpus.texts import Texts

Rewrite = Callable[[str, str, Recogniser], str]
"""(type, value, the recogniser that found it) → what stands in its place."""
MOST_ROUNDS = 16


class Piece(NamedTuple):
    """Bytes ``start`` to ``end`` of a text as it was; ``made`` stands in their place, None where they stay."""

    start: int
    end: int
    made: bytes | None = None
    type: str = ""


@dataclass(slots=True)
class Masked:
    """``text``: the whole column, None where nothing was found.  ``spans``: bytes of the texts as they were, in their order."""

    text: pa.LargeStringArray | None
    spans: list[Span]

    @property
    def counts(self) -> Counter[str]:
        return Counter(span.type for span in self.spans)


def recognise(texts: Texts, recognisers: Sequence[Recogniser]) -> list[tuple[Span, Recogniser, bytes]]:
    """What the recognisers find, without overlaps, in the order of the texts: bytes counted from the text's first, and the
    value as it was read (full-width characters as ASCII)."""
    ranks = {recogniser.kind(): rank for rank, recogniser in enumerate(sorted(recognisers, key=_rank))}
    found: list[tuple[Span, int, Recogniser, bytes]] = []
    for view in views(texts, "url" in ranks):
        if not view.candidates:
            continue
        by_kind: dict[int, list[Candidate]] = {}
        for candidate in view.candidates:
            by_kind.setdefault(candidate.kind, []).append(candidate)
        for recogniser in recognisers:
            mine = [candidate for anchor in recogniser.anchors for candidate in by_kind.get(anchor, ())]
            for span in recogniser.spans(view, mine):
                rank = ranks[recogniser.kind()] if span.type else -1
                found.append((view.original(span), rank, recogniser, view.cut(span.start, span.end)))
    found.sort(key=lambda one: (one[0].row, one[1], one[0].start, -one[0].end))
    chosen = []
    for _row, of_row in groupby(found, key=lambda one: one[0].row):
        taken: list[tuple[int, int, Recogniser, bytes, Span]] = []
        for span, _, recogniser, value in of_row:
            if not taken or taken[-1][1] <= span.start:
                taken.append((span.start, span.end, recogniser, value, span))
                continue
            place = bisect_left(taken, span.start, key=lambda one: one[0])
            if (place == 0 or taken[place - 1][1] <= span.start) and (place == len(taken) or span.end <= taken[place][0]):
                taken.insert(place, (span.start, span.end, recogniser, value, span))
            elif not span.type:  # what is nobody's may overlap
                taken[-1] = (taken[-1][0], max(taken[-1][1], span.end), *taken[-1][2:])
        chosen += [(span, recogniser, value) for _, _, recogniser, value, span in taken if span.type]
    return chosen


def _rank(recogniser: Recogniser) -> int:
    return PRECEDENCE.index(recogniser.kind())


def mask(texts: Texts, recognisers: Sequence[Recogniser], rewrite: Rewrite) -> Masked:
    """The texts with what the recognisers find replaced."""
    pieces: dict[int, list[Piece]] = {}
    rows, looked_at = np.arange(len(texts)), texts
    for _ in range(MOST_ROUNDS):
        found = recognise(looked_at, recognisers)
        if not found:
            break
        changed = []
        for at, of_row in groupby(found, key=lambda one: one[0].row):
            row = int(rows[at])
            whole = pieces.get(row) or [Piece(0, int(texts.sizes[row]))]
            edits = [
                (span.start, span.end, rewrite(span.type, value.decode("utf-8", "replace"), recogniser).encode(), span.type)
                for span, recogniser, value in of_row
            ]
            pieces[row] = replaced(whole, edits)
            changed.append(row)
        rows = np.array(changed)
        looked_at = Texts.of([_joined(texts, row, pieces[row]).decode() for row in changed])
    spans = [Span(row, p.start, p.end, p.type) for row in sorted(pieces) for p in pieces[row] if p.made is not None]
    return Masked(spliced(texts, pieces) if pieces else None, spans)


def replaced(pieces: list[Piece], edits: list[tuple[int, int, bytes, str]]) -> list[Piece]:
    """The pieces after further edits: (start, end, replacement, type) in bytes of the text that they make, sorted, apart from one
    another.  An edit that touches what was replaced before takes all of it in."""
    made: list[Piece] = []
    at, waiting = 0, iter(edits)
    edit = next(waiting, None)
    begun: int | None = None  # where, in the text as it was, the edit under way begins
    for piece in pieces:
        size = piece.end - piece.start if piece.made is None else len(piece.made)
        start, stop = at, at + size
        kept_from = piece.start
        while edit is not None and edit[0] < stop:
            if begun is None and edit[1] <= start:  # within what the edit before it took in
                edit = next(waiting, None)
                continue
            if begun is None:
                begun = piece.start if piece.made is not None else piece.start + max(0, edit[0] - start)
                if piece.made is None and begun > kept_from:
                    made.append(Piece(kept_from, begun))
            if edit[1] > stop:
                break
            kept_from = piece.end if piece.made is not None else piece.start + edit[1] - start
            made.append(Piece(begun, kept_from, edit[2], edit[3]))
            begun, edit = None, next(waiting, None)
            if piece.made is not None:
                break
        if begun is None and kept_from < piece.end:
            made.append(piece if piece.made is not None else Piece(kept_from, piece.end))
        at = stop
    return made


def _joined(texts: Texts, row: int, pieces: list[Piece]) -> bytes:
    first = int(texts.offsets[row])
    data = memoryview(texts.data.data)
    return b"".join(data[first + p.start : first + p.end] if p.made is None else p.made for p in pieces)


def spliced(texts: Texts, pieces: dict[int, list[Piece]]) -> pa.LargeStringArray:
    """The column with those rows made of their pieces; what lies between is copied whole."""
    offsets, data = texts.offsets, memoryview(texts.data.data)
    sizes = texts.sizes.copy()
    parts: list[bytes | memoryview] = []
    done = int(offsets[0])
    for row in sorted(pieces):
        text = _joined(texts, row, pieces[row])
        parts += [data[done : int(offsets[row])], text]
        done = int(offsets[row + 1])
        sizes[row] = len(text)
    parts.append(data[done : int(offsets[-1])])
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(parts)))
