"""Passport numbers: 7 to 9 capitals and digits, at least five of them digits (ICAO Doc 9303-3 gives them nine places), right
after the word "passport" or 护照 and what leads from one to the other ("passport number is …", 护照号码：…).

There is no check digit outside the machine-readable zone; the word is what tells.  Numbers whose digits begin with 000 are
left alone. Test: tests/corpus/personal_data/test_passport.py.
"""

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from telos.corpus.personal_data import NOBODYS, Recogniser, Span, _anchors
from telos.corpus.personal_data._draw import Draw
from telos.corpus.personal_data._view import Candidate, View

_NUMBER = re.compile(
    (
        r"(?:passports?|护照)(?:[\s:#.,()\-]|：|，|（|）|号码|号|编号|证件|为|是|(?<![a-z])(?:number|num|no|nr|is|was|of|id|holder)(?![a-z]))*"
        r"(?<![A-Za-z0-9])((?=[A-Z]{0,4}[0-9])[A-Z0-9]{7,9})(?![A-Za-z0-9])"
    ).encode(),
    re.I,
)  # fmt: skip


class Passport(Recogniser):
    """It has no settings."""

    anchors: ClassVar[tuple[int, ...]] = (_anchors.PASSPORT,)

    def spans(self, view: View, candidates: Sequence[Candidate]) -> Iterator[Span]:
        for _, text, start, end in candidates:
            found = _NUMBER.match(view.cut(start, end) + view.after(text, end, 56))
            if found and found[1].isupper() | found[1].isdigit():
                digits = re.sub(rb"[^0-9]", b"", found[1])
                if len(digits) >= 5:
                    kind = NOBODYS if digits.startswith(b"000") else "passport"
                    yield Span(text, start + found.start(1), start + found.end(1), kind)

    def made_up(self, value: str, draw: Draw) -> str:
        """As many letters and digits, 000 first among the digits."""
        digits = iter("000" + draw.digits(len(value)))
        return "".join(next(digits) if c.isdigit() else draw.letters(1, "ABCDEFGHJKLMNPRSTUVWXYZ") for c in value)
