"""International bank account numbers (ISO 13616-1): country, two check digits, and as many letters and digits as the country's
registration says, which as a number modulo 97 give 1 (ISO 7064, MOD 97-10).

Small letters count, and single spaces or hyphens between characters.  Test: tests/corpus/personal_data/test_iban.py.
"""

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from telos.corpus.personal_data import NOBODYS, Recogniser, Span, _anchors
from telos.corpus.personal_data._checksums import mod_97
from telos.corpus.personal_data._draw import Draw, written_like
from telos.corpus.personal_data._view import Candidate, View

LENGTHS = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23"
        "GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30"
        "NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30",
    )
}
"""Characters of a country's numbers, from SWIFT's IBAN registry."""
_NOBODYS = re.compile(rb"XX[0-9]{2}(?:[ -]?[0-9]){11,30}")
_SIGNS = re.compile(r"[ -]")


def valid(iban: str) -> bool:
    """Whether capitals and digits without spaces are an IBAN of a country in the registry."""
    return len(iban) == LENGTHS.get(iban[:2]) and iban.isalnum() and mod_97(iban[4:] + iban[:4]) == 1


class Iban(Recogniser):
    """It has no settings."""

    anchors: ClassVar[tuple[int, ...]] = (_anchors.IBAN,)

    def spans(self, view: View, candidates: Sequence[Candidate]) -> Iterator[Span]:
        for _, text, start, end in candidates:
            written = view.cut(start, end)
            length = LENGTHS.get(written[:2].upper().decode(), 0)
            nobodys = _NOBODYS.match(written)
            if nobodys:
                yield Span(text, start, start + nobodys.end(), NOBODYS)
            iban = written.translate(None, b" -")[:length].upper()
            if iban.isalnum() and valid(iban.decode()):
                size = left = length
                while left := length - len(written[:size].translate(None, b" -")):
                    size += left
                if not written[size : size + 1].isalnum():
                    yield Span(text, start, start + size, "iban")

    def identity(self, value: str) -> str:
        return _SIGNS.sub("", value).upper()

    def made_up(self, value: str, draw: Draw) -> str:
        """As many characters, of the country XX, which ISO 3166-1 keeps free, with check digits that hold."""
        body = draw.digits(len(self.identity(value)) - 4)
        return written_like(f"XX{98 - mod_97(body + 'XX00'):02}{body}", value)
