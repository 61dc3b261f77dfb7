"""User and password in a URL: ``scheme://user:password@host`` (RFC 3986, section 3.2.1, and its warning in 7.5).

What stands between ``://`` and the last ``@`` of the authority is replaced if it holds a colon with something after it; scheme,
host and path stay.  Test: tests/corpus/personal_data/test_url.py.
"""

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from telos.corpus.personal_data import NOBODYS, Recogniser, Span, _anchors
from telos.corpus.personal_data._draw import Draw
from telos.corpus.personal_data._view import Candidate, View

_USER = re.compile(rb"://([^/?#]*:[^/?#]+)@")


class UrlCredentials(Recogniser):
    """It has no settings."""

    anchors: ClassVar[tuple[int, ...]] = (_anchors.URL,)

    def spans(self, view: View, candidates: Sequence[Candidate]) -> Iterator[Span]:
        for _, text, start, end in candidates:
            found = _USER.search(view.cut(start, end))
            if found:
                kind = NOBODYS if found[1].startswith(b"example-") else "url_credentials"
                yield Span(text, start + found.start(1), start + found.end(1), kind)

    def made_up(self, value: str, draw: Draw) -> str:
        """``example-letters:example``."""
        return f"example-{draw.letters(8)}:example"
