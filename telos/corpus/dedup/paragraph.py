"""Paragraph deduplication: a paragraph that already stood in the corpus is removed.

A paragraph is a run of lines between blank lines.  Equal are those that differ in white space only.  That whole paragraphs,
by hashes of their normalised text, are what web pages share is CCNet's finding (Wenzek et al. 2020, where some 70 % of the
text went); it removes them whatever their length, and folds case, digits and punctuation, which we leave alone since a text
that stays is changed here.  The lengths are ours: a paragraph of 100 characters (some 20 words) is a sentence or more and
hardly stands twice by chance, and Chinese says the same with 0.38 of the characters (21,116 sentence pairs of tatoeba-en-zh) to
0.54 (34,843 pairs of python-docs-en-zh).  So is the share that must be left.

Test: tests/corpus/dedup/test_repeated.py.
"""

from typing import ClassVar

from pydantic import Field

from telos.corpus.dedup._repeated import _Repeated


class Paragraph(_Repeated):
    """``min_characters``, ``min_han_characters``: shorter paragraphs always stay (white space not counted; the second in
    documents written in Chinese).  ``min_left_fraction``: a document that keeps less of its characters is dropped."""

    reasons: ClassVar[tuple[str, ...]] = ("repeated_paragraphs",)
    by_line: ClassVar[bool] = False

    min_characters: int = Field(100, ge=1)
    min_han_characters: int = Field(40, ge=1)
