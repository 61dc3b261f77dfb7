"""Social security numbers of the United States, written AAA-GG-SSSS.

An area is 001 to 899 without 666, a group 01 to 99, a serial 0001 to 9999 (Social Security Administration, POMS RM 10201.030 and
20 CFR 422.103; since 2011 areas are drawn at random).  Test: tests/corpus/personal_data/test_us_ssn.py.
"""

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from telos.corpus.personal_data import NOBODYS, Recogniser, Span, _anchors
from telos.corpus.personal_data._draw import Draw
from telos.corpus.personal_data._view import Candidate, View

_NUMBER = re.compile(rb"(?<![0-9.\-/])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![0-9]|[-./][0-9])")
_NOBODYS = re.compile(rb"(?<![0-9])000-[0-9]{2}-[0-9]{4}(?![0-9])")


class UsSsn(Recogniser):
    """It has no settings."""

    anchors: ClassVar[tuple[int, ...]] = (_anchors.NUMBER,)

    def spans(self, view: View, candidates: Sequence[Candidate]) -> Iterator[Span]:
        for _, text, start, end in candidates:
            if end - start >= 11:
                before = view.before(text, start, 1)
                for found in _NOBODYS.finditer(view.cut(start, end)):
                    yield Span(text, start + found.start(), start + found.end(), NOBODYS)
                for found in _NUMBER.finditer(view.cut(start, end)):
                    if found.start() or not re.match(rb"[A-Za-z0-9_/=.-]", before):
                        yield Span(text, start + found.start(), start + found.end(), "us_ssn")

    def made_up(self, value: str, draw: Draw) -> str:
        """A number of the area 000, which is never given."""
        return f"000-{draw.below(99) + 1:02}-{draw.below(9999) + 1:04}"
