"""What recognisers read: the bytes of texts, with unusual characters folded, and candidates in them.

A text with full-width digits or letters (１３８…, ＠) or with unusual spaces or hyphens between digits is read as if they
were ASCII; places are given back in the text as it is.  Test: tests/corpus/personal_data/test_masking.py.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from telos.corpus.personal_data import Span
from telos.corpus.texts import Texts


class Candidate(NamedTuple):
    """Bytes ``start`` to ``end`` of the view's data, in its text number ``text``."""

    kind: int
    text: int
    start: int
    end: int


@dataclass(slots=True)
class View:
    """``held``: the bytes of all texts, one after the other; text i, the batch's text ``rows[i]``, begins at ``begins[i]``
    and ends at ``begins[i + 1]``.  ``places``: where in the batch's data each byte comes from, None where it is the batch's
    data itself."""

    held: memoryview
    begins: np.ndarray
    candidates: list[Candidate]
    rows: np.ndarray | None = None
    places: np.ndarray | None = None
    offsets: np.ndarray | None = None

    def cut(self, start: int, end: int) -> bytes:
        return bytes(self.held[start:end])

    def before(self, text: int, start: int, most: int) -> bytes:
        """Up to that many bytes of the text before ``start``, not farther than the last bracket, so that no placeholder is
        read."""
        near = bytes(self.held[max(int(self.begins[text]), start - most) : start])
        return near[max(near.rfind(b"["), near.rfind(b"]")) + 1 :]

    def after(self, text: int, end: int, most: int) -> bytes:
        """Up to that many bytes of the text from ``end`` on, not farther than the next bracket."""
        near = bytes(self.held[end : min(int(self.begins[text + 1]), end + most)])
        ends = [at for at in (near.find(b"["), near.find(b"]")) if at >= 0]
        return near[: min(ends)] if ends else near

    def original(self, span: Span) -> Span:
        """A span of this view (``row``: the view's text) as bytes of the batch's text, counted from the text's first byte."""
        text, start, end, kind = span
        if self.places is None or self.rows is None or self.offsets is None:
            begin = int(self.begins[text])
            return Span(text, start - begin, end - begin, kind)
        row = int(self.rows[text])
        begin = int(self.offsets[row])
        last = self.offsets[row + 1] if end == self.begins[text + 1] else self.places[end]
        return Span(row, int(self.places[start]) - begin, int(last) - begin, kind)


def views(texts: Texts, urls: bool) -> list[View]:
    """The texts as they are, and those of them that need folding, folded: no text is in both."""
    from telos.corpus.kernels.folding import folded, unusual_texts
    from telos.corpus.kernels.personal_data import scan

    data, offsets = texts.data, texts.offsets
    unusual = unusual_texts(data, offsets)
    made = [View(memoryview(data.data), offsets, _listed(scan(data, offsets, unusual, urls)))]
    if unusual.any():
        rows = np.flatnonzero(unusual)
        ascii, begins, places = folded(data, offsets, rows)
        found = _listed(scan(ascii, begins, np.zeros(len(rows), bool), urls))
        made.append(View(memoryview(ascii.data), begins, found, rows, places, offsets))
    return made


def _listed(candidates: np.ndarray) -> list[Candidate]:
    return [Candidate(*one) for one in candidates.tolist()]
