"""Line deduplication: a line that already stood in the corpus is removed.

Equal are lines that differ in white space only.  It takes out what web pages repeat in the middle of their text, at the price of
holes in what remains: for pages, not for code or verse.  The lengths are ours (see `paragraph` for the proportion between the
scripts): long enough that headings, dates and short speeches stay.

Test: tests/corpus/dedup/test_repeated.py.
"""

from typing import ClassVar

from pydantic import Field

from telos.corpus.dedup._repeated import _Repeated


class Line(_Repeated):
    """``min_characters``, ``min_han_characters``: shorter lines always stay (white space not counted; the second in documents
    written in Chinese).  ``min_left_fraction``: a document that keeps less of its characters is dropped."""

    reasons: ClassVar[tuple[str, ...]] = ("repeated_lines",)
    by_line: ClassVar[bool] = True

    min_characters: int = Field(60, ge=1)
    min_han_characters: int = Field(24, ge=1)
