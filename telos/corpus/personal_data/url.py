"""Whole URLs (RFC 3986): a scheme, ``://``, and what follows up to white space, a quotation mark, a bracket or a character
that is not ASCII, without the signs that end a sentence.  Not among the default types: most URLs are nobody's secret.

Test: tests/corpus/personal_data/test_url.py.
"""

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from telos.corpus.personal_data import NOBODYS, Recogniser, Span, _anchors
from telos.corpus.personal_data._draw import Draw
from telos.corpus.personal_data._view import Candidate, View

_HOST = re.compile(rb"://(?:[^/?#@]*@)?(?:[A-Za-z0-9]|\[[0-9A-Fa-f:])")
_RESERVED = re.compile(rb"://(?:[^/?#@]*@)?(?:[A-Za-z0-9-]+\.)*example\.(?:com|net|org)(?![A-Za-z0-9.-])", re.I)


class Url(Recogniser):
    """It has no settings."""

    anchors: ClassVar[tuple[int, ...]] = (_anchors.URL,)

    def spans(self, view: View, candidates: Sequence[Candidate]) -> Iterator[Span]:
        for _, text, start, end in candidates:
            url = view.cut(start, end)
            if _HOST.search(url):
                yield Span(text, start, end, NOBODYS if _RESERVED.search(url) else "url")

    def made_up(self, value: str, draw: Draw) -> str:
        """``https://example.com/letters``."""
        return f"https://example.com/{draw.letters(8)}"
