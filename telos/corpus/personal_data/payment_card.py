"""Payment cards: numbers of 12 to 19 digits that pass Luhn's sum (ISO/IEC 7812-1, annex B).

A number counts by itself where first digits and length are those of an issuer (`ISSUERS`, from the networks' published
ranges) and no letter, hyphen or sign of a URL touches it; after or before a word for a card any that passes does, since older
cards and those of Maestro have many lengths.  Digits stand together or in the groups that are printed on cards.

One random number in ten passes the sum: long numbers that are something else and happen to look like a card are masked.
Numbers that begin with 00 belong to no industry of ISO/IEC 7812-1 and are left alone.  Test:
tests/corpus/personal_data/test_payment_card.py.
"""

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from telos.corpus.personal_data import NOBODYS, Recogniser, Span, _anchors
from telos.corpus.personal_data._checksums import luhn, luhn_digit
from telos.corpus.personal_data._draw import Draw, written_like
from telos.corpus.personal_data._view import Candidate, View
from telos.corpus.personal_data.resident_id import has_form

ISSUERS = (
    (r"4", (16, 19)),  # Visa
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
    (r"3[47]", (15,)),  # American Express
    (r"30[0-5]|3095|36|3[89]", (14, 16, 17, 18, 19)),  # Diners Club
    (r"6011|64[4-9]|65", (16, 17, 18, 19)),  # Discover
    (r"35(?:2[89]|[3-8])", (16, 17, 18, 19)),  # JCB
    (r"1800|2131", (15,)),  # JCB, of before 2007
    (r"62|81", (16, 17, 18, 19)),  # UnionPay
    (r"5018|5020|5038|5893|6304|6759|676[1-3]", (16, 18, 19)),  # Maestro
    (r"220[0-4]", (16, 17, 18, 19)),  # Mir
    (r"60|508[5-9]|353|356", (16,)),  # RuPay
)
"""First digits (a regular expression) and lengths of cards."""
_ISSUERS = [(re.compile(first), lengths) for first, lengths in ISSUERS]
_GROUPS = re.compile(
    rb"(?<![0-9])(?:[0-9]{12,19}|[0-9]{4}([ -])[0-9]{4}\1[0-9]{4}\1(?:[0-9]{4}(?:\1[0-9]{3})?|[0-9]{1,3})"
    rb"|[0-9]{4}([ -])[0-9]{6}\2[0-9]{4,5}|62[0-9]{4}([ -])[0-9]{13})(?![0-9])"
)
_CARD = re.compile(
    r"(?<![a-z])(?:cards?|visa|master ?card|maestro|amex|american express|diners|discover|jcb|unionpay|cc|credit|debit)(?![a-z])"
    r"|(?:银行|信用|储蓄|借记|贷记)卡|卡号|银联|持卡|刷卡|卡(?:\s|:|：|为|是)*\Z".encode(),
    re.I,
)


def issued(digits: str) -> bool:
    """Whether an issuer has cards of these first digits and this length."""
    return any(len(digits) in lengths and first.match(digits) for first, lengths in _ISSUERS)


class PaymentCard(Recogniser):
    """It has no settings."""

    anchors: ClassVar[tuple[int, ...]] = (_anchors.NUMBER,)

    def spans(self, view: View, candidates: Sequence[Candidate]) -> Iterator[Span]:
        for _, text, start, end in candidates:
            if end - start < 12:
                continue
            for found in _GROUPS.finditer(view.cut(start, end)):
                digits = found[0].translate(None, b" -").decode()
                first, last = start + found.start(), start + found.end()
                if luhn(digits) and digits.startswith("00"):
                    yield Span(text, first, last, NOBODYS)
                elif luhn(digits) and self._stands_for_itself(view, text, first, last, digits):
                    yield Span(text, first, last, "payment_card")

    def _stands_for_itself(self, view: View, text: int, first: int, last: int, digits: str) -> bool:
        before, after = view.before(text, first, 64), view.after(text, last, 24)
        if re.search(rb"[A-Za-z0-9_.@%&=/?-]\Z", before) and not before.endswith((b". ", b"- ")):
            return False
        if re.match(rb"[A-Za-z0-9_@%&=/-]|\.[0-9]", after) and not re.match(rb"[/-][^0-9]", after):
            return False
        if len(digits) == 13 and digits.startswith(("978", "979")):  # ISBN-13
            return False
        if len(digits) == 18 and has_form(digits):  # an identity number with a wrong check character
            return False
        return issued(digits) or bool(_CARD.search(before) or _CARD.search(after))

    def identity(self, value: str) -> str:
        return re.sub("[^0-9]", "", value)

    def made_up(self, value: str, draw: Draw) -> str:
        """As many digits in the same groups, 00 first, that pass Luhn's sum."""
        body = "00" + draw.digits(len(self.identity(value)) - 3)
        return written_like(body + luhn_digit(body), value)
