"""Chinese resident identity numbers (GB 11643-1999): six digits of a place, eight of a date, three, and a check character.

Found where the first two digits are a province (GB/T 2260; 71, 81 to 83 and 91 for Taiwan, Hong Kong, Macao and foreigners with
permanent residence), the date exists and lies in 1850 to 2100, and the check character is right (`mod_11_2`): digits together or
as 6-8-4.  ``old``: the 15 digits of before 1999, which have no check, after a word for an identity number.

Test: tests/corpus/personal_data/test_resident_id.py.
"""

import datetime
import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from telos.corpus.personal_data import NOBODYS, Recogniser, Span, _anchors
from telos.corpus.personal_data._checksums import mod_11_2
from telos.corpus.personal_data._draw import Draw, written_like
from telos.corpus.personal_data._view import Candidate, View

PROVINCES = frozenset(re.findall("..", "1112131415212223313233343536374142434445465051525354616263646571818283" + "91"))
_NEW = re.compile(rb"(?<![0-9])[1-9][0-9]{5}([ -]?)[0-9]{8}\1[0-9]{3}[0-9Xx](?![0-9A-Za-z])")
_NOBODYS = re.compile(rb"(?<![0-9])990000(?:([ -]?)[0-9]{8}\1[0-9]{3}[0-9Xx]|[0-9]{9})(?![0-9A-Za-z])")
_OLD = re.compile(rb"(?<![0-9])[1-9][0-9]{14}(?![0-9A-Za-z])")
_WORD = re.compile("身份证|身分证|公民身份|证件号|identity (?:card|number)|resident id".encode(), re.I)


def valid(number: str) -> bool:
    """Whether 18 characters are such a number."""
    return has_form(number) and number[17].upper() == mod_11_2(number[:17])


def has_form(number: str) -> bool:
    """Whether 18 characters begin with a province and hold a date, whatever their check character."""
    return number[:2] in PROVINCES and _date(number[6:14])


def _date(digits: str) -> bool:
    try:
        return 1850 <= datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).year <= 2100
    except ValueError:
        return False


class ResidentId(Recogniser):
    """``old``: numbers of 15 digits, too."""

    old: bool = False
    anchors: ClassVar[tuple[int, ...]] = (_anchors.NUMBER,)

    def spans(self, view: View, candidates: Sequence[Candidate]) -> Iterator[Span]:
        for _, text, start, end in candidates:
            if end - start < 15 or re.search(rb"[A-Za-z0-9_]\Z", view.before(text, start, 1)):
                continue
            written = view.cut(start, end) + view.after(text, end, 2)
            for found in _NOBODYS.finditer(written):
                yield Span(text, start + found.start(), start + found.end(), NOBODYS)
            for found in _NEW.finditer(written):
                if valid(found[0].translate(None, b" -").decode()):
                    yield Span(text, start + found.start(), start + found.end(), "resident_id")
            for found in _OLD.finditer(written) if self.old else ():
                digits = found[0].decode()
                first = start + found.start()
                if digits[:2] in PROVINCES and _date("19" + digits[6:12]) and _WORD.search(view.before(text, first, 48)):
                    yield Span(text, first, start + found.end(), "resident_id")

    def identity(self, value: str) -> str:
        return re.sub("[ -]", "", value).upper()

    def made_up(self, value: str, draw: Draw) -> str:
        """A number of the place 990000, which is none, with an existing date and a right check character."""
        year, month, day = 1950 + draw.below(60), 1 + draw.below(12), 1 + draw.below(28)
        if len(self.identity(value)) == 15:
            return f"990000{year % 100:02}{month:02}{day:02}{draw.digits(3)}"
        body = f"990000{year}{month:02}{day:02}{draw.digits(3)}"
        return written_like(body + mod_11_2(body), value)
