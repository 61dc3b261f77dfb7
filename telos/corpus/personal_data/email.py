"""E-mail addresses (RFC 5321, RFC 5322, without quoted local parts and comments).

The scan finds whole addresses: at most 64 bytes of letters, digits and ``._%+'-`` (Latin letters with accents too) before the
``@``, after it labels of 1 to 63 letters, digits and hyphens with dots, the last of two or more letters.  Left alone are the
domains that RFC 2606 and RFC 6761 keep free (``example.com``, ``.test`` …), pictures for dense screens (``logo@2x.png``) and the
account ``git`` of ``git@host:path``.  Test: tests/corpus/personal_data/test_email.py.
"""

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from telos.corpus.personal_data import NOBODYS, Recogniser, Span, _anchors
from telos.corpus.personal_data._draw import Draw
from telos.corpus.personal_data._view import Candidate, View

_NOBODYS = re.compile(
    rb"@(?:.*\.)?(?:example\.(?:com|net|org)|example|test|invalid|localhost)\Z|@[0-9]x\.(?:png|jpe?g|gif|svg|webp)\Z|^git@",
    re.I | re.S,
)
_IN_URL = re.compile(rb"://[^\s/@]*\Z|\\\Z")
"""The user or password of a URL stands before, and what follows the ``@`` is its host; or an escape (``\\n@decorator.name``)."""


class Email(Recogniser):
    """It has no settings."""

    anchors: ClassVar[tuple[int, ...]] = (_anchors.EMAIL,)

    def spans(self, view: View, candidates: Sequence[Candidate]) -> Iterator[Span]:
        for _, text, start, end in candidates:
            if _NOBODYS.search(view.cut(start, end)):
                yield Span(text, start, end, NOBODYS)
            elif not _IN_URL.search(view.before(text, start, 200)):
                yield Span(text, start, end, "email")

    def identity(self, value: str) -> str:
        return value.lower()

    def made_up(self, value: str, draw: Draw) -> str:
        """``name.hexadecimal@example.com``."""
        return f"{draw.letters(6)}.{draw.hexadecimal(6)}@example.com"
