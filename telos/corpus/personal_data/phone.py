"""Telephone numbers, by the number plans of `phonenumbers` (Google's libphonenumber) where no word says that it is one.

A run of digits with signs between them is a number

- with ``+`` before it, if its country has numbers of that length (ITU-T E.164);
- after a word for a telephone ("phone", "fax", 电话, 手机 …): any 7 to 15 digits; after a weaker word ("call", "office" …): if
  signs or a 0 at its head set it apart from an amount (both ours, on ../shared/data/pii: many of its numbers are in no plan);
- by itself: Chinese mobile and landline numbers with area code, 10 digits of the North American plan in groups of 3-3-4, and
  what begins with 0 or 00, if valid in one of ``regions`` and, where the plan knows groups, written in them.

``phonenumbers`` reads 561 documents a second, so it sees a candidate that could be valid, never a text.  Not numbers: dates,
years (1999-2004), what hangs on a letter, a currency sign or a URL.  Nobody's: 555-0100 to 555-0199, kept for fiction in the
North American plan; taken for fiction at the end of any number, since pseudonyms end so (1 real number in 100,000 is left).
Test: tests/corpus/personal_data/test_phone.py.
"""

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pydantic import field_validator

from telos.corpus.personal_data import NOBODYS, Recogniser, Span, _anchors
from telos.corpus.personal_data._draw import Draw, written_like
from telos.corpus.personal_data._view import Candidate, View
from telos.foundation.errors import require

_EXTENSION = re.compile(r"\s?(?:x|ext\.?|extension|转|分机)\s?(?:号|:|：)?\s?[0-9]{1,6}(?![0-9])".encode(), re.I)
_STRONG = re.compile(
    r"(?:(?<![a-z])(?:tel(?:e(?:phone|fon|fax)?)?s?|phones?|ph|fon|mobiles?|mob|cell(?:ular|phone)?s?|fax|whatsapp|hotline|landline|sms)"
    r"(?![a-z])|电话|電話|手机|手機|传真|傳真|座机|热线|熱線|联系方式|联系人|聯絡|致电|拨打|微信|客服|来电)".encode(),
    re.I,
)
_WEAK = re.compile(
    r"(?:(?<![a-z])(?:call(?:ing|ed|s)?|contact(?:ed)?|dial|text|messages?|messaging|answering|reach(?:ed)?|ring|office|desk|home|work|direct|"
    r"toll[ -]?free|switchboard|free ?phone)(?![a-z_])|联系|联络|号码)".encode(),
    re.I,
)
_WORD_AFTER = re.compile(rb"\W{0,3}(?:(fax|mobile|cell|phone|tel)|(?:office|home|work|desk|direct))(?![a-z])", re.I)
_BETWEEN = 28
"""Most bytes between a word and its number."""

_NANP = r"(?:1[-. ])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-. /])[2-9][0-9]{2}[-. ][0-9]{4}"
_CN_MOBILE = r"(?:86[- ]?)?1[3-9][0-9](?:[0-9]{8}|(?P<sign>[- ])[0-9]{4}(?P=sign)[0-9]{4})"
_CN_LANDLINE = r"(?:86[- ]?)?(?:\(0[1-9][0-9]{1,2}\)[- ]?|0[1-9][0-9]{1,2}[- ])[2-9][0-9]{2,3}[- ]?[0-9]{4}"
_TRUNK = r"(?:\(0[0-9]{1,4}\)|0[0-9]{1,4})(?:[-. /]{1,2}[0-9]{2,8}){1,4}"
_CN_SERVICE = r"[48]00[- ]?[0-9]{3}[- ]?[0-9]{4}"
_SHAPES = re.compile(
    rf"(?<![0-9])(?:(?P<mobile>{_CN_MOBILE})|(?P<landline>{_CN_LANDLINE})|(?P<nanp>{_NANP})|(?P<service>{_CN_SERVICE})|(?P<trunk>{_TRUNK}))"
    r"(?![0-9])".encode()
)
_INTERNATIONAL = re.compile(rb"\(?[1-9][0-9]{0,2}(?:[-. /()]{0,3}[0-9]){5,14}(?![0-9])")
_DATES = re.compile(
    rb"(?:(?:19|20)[0-9]{2}[-./ ](?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}([-./])[0-9]{1,2}\1[0-9]{1,2}"
    rb"|[0-9]{1,2}([-./])[0-9]{1,2}\2(?:19|20)[0-9]{2})\b"
)
_DECIMAL = re.compile(rb"[0-9]{1,3}\.[0-9]+\Z")
_FICTION = re.compile(rb"5[-. /()]{0,3}5[-. /()]{0,3}5[-. /()]{0,3}0[-. /()]{0,3}1(?:[-. /()]{0,3}[0-9]){2}(?![0-9])")
_TOUCHED = re.compile("(?:[A-Za-z0-9_=&%#.@?~-]|[$£€¥]|[^\\s:]/|//)\\Z".encode())
_TOUCHED_AFTER = re.compile(rb"[A-Za-z0-9_=&%@]|[-.][A-Za-z0-9]")


class Phone(Recogniser):
    """``regions``: countries (ISO 3166-1) whose national formats are known without a word or country code."""

    regions: tuple[str, ...] = ("CN", "US", "GB", "DE", "FR", "IT", "ES", "NL", "CH", "AU", "IN", "JP", "HK", "TW")
    anchors: ClassVar[tuple[int, ...]] = (_anchors.NUMBER,)

    @field_validator("regions")
    @classmethod
    def _exist(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        for region in regions:
            if not re.fullmatch("[A-Z]{2}", region):
                raise ValueError("must be countries of two capitals, such as CN or US")
        return regions

    def spans(self, view: View, candidates: Sequence[Candidate]) -> Iterator[Span]:
        for _, text, begin, end in candidates:
            start, written = begin, view.cut(begin, end)
            before, after = view.before(text, start, 48), view.after(text, end, 16)
            if before.endswith(b"(") and b")" in written:
                start, written, before = start - 1, b"(" + written, before[:-1]
            for fiction in _FICTION.finditer(written):
                yield Span(text, start + fiction.start(), start + fiction.end(), NOBODYS)
            for first, last in self._numbers(written, before, after):
                extension = _EXTENSION.match(view.after(text, start + last, 24))
                yield Span(text, start + first, start + last + (extension.end() if extension else 0), "phone")

    def _numbers(self, written: bytes, before: bytes, after: bytes) -> Iterator[tuple[int, int]]:
        """(first, end) of the numbers in a candidate, counted from its first byte; first is -1 where a ``+`` stands before."""
        size = 0
        if before.endswith(b"+"):
            found = _INTERNATIONAL.match(written)
            size = self._international(found[0]) if found and not _DECIMAL.match(found[0]) else 0
            if size:
                yield -1, size
        elif size := self._after_word(written, before, after):
            yield 0, size
        yield from self._alone(written, size, before, after)

    def _international(self, written: bytes) -> int:
        """The length of the longest head of ``written`` (after ``+``) that has a possible length, cut at signs; 0 if none."""
        ends = [m.start() for m in re.finditer(rb"(?<=[0-9])[^0-9]", written)] + [len(written)]
        for end in reversed(ends):
            if possible("+" + written[:end].decode()):
                return end
        return 0

    def _after_word(self, written: bytes, before: bytes, after: bytes) -> int:
        """The length of the number at the head of ``written`` that a word before or after it announces, or 0."""
        near = before[-_BETWEEN - 12 :]
        strong, weak = _last(_STRONG, near), _last(_WEAK, near)
        if strong is None and weak is None:
            word = _WORD_AFTER.match(after)
            if not word:
                return 0
            strong, weak = (0, None) if word[1] else (None, 0)
        if re.search(rb"[A-Za-z0-9_=&%]\Z", before) and not (strong and strong == len(near)):
            return 0
        if re.search(rb"[A-Za-z0-9]-\Z", before) and strong is None:
            return 0
        size = _head(written)
        if _DATES.match(written) or _DECIMAL.match(written[:size]):
            return 0
        digits = re.sub(rb"[^0-9]", b"", written[:size])
        if not 7 <= len(digits) <= 15:
            return 0
        set_apart = len(digits) < size or digits.startswith(b"0") or len(digits) >= 10
        return size if strong is not None or set_apart else 0

    def _alone(self, written: bytes, begin: int, before: bytes, after: bytes) -> Iterator[tuple[int, int]]:
        """Numbers from ``begin`` on that their form and a number plan tell."""
        for found in _SHAPES.finditer(written, begin):
            first, last = found.span()
            head, tail = before + written[:first], written[last:] + after
            if _TOUCHED.search(head) or _TOUCHED_AFTER.match(tail) or _DATES.match(found[0]):
                continue
            if b" " in found[0] and (re.search(rb"[0-9] \Z", head) or re.match(rb" [0-9]", tail)):  # groups in a row of numbers
                continue
            if self._valid(_shape(found), found[0].decode()):
                yield first, last

    def _valid(self, shape: str, written: str) -> bool:
        if "CN" in self.regions and shape != "trunk" and valid(written, "CN", False):
            return True
        if shape in ("mobile", "service"):
            return False
        if shape == "nanp":
            return "US" in self.regions and valid(written, "US", False)
        if written.startswith("00"):
            return valid("+" + written[2:], None, False)
        return any(valid(written, region, True) for region in self.regions if region != "US")

    def identity(self, value: str) -> str:
        return re.sub("[^0-9]", "", re.split("(?i)x|ext|转|分机", value)[0])[-9:]

    def made_up(self, value: str, draw: Draw) -> str:
        """As many digits in the same groups that end in 555-01dd: kept for fiction in the North American plan, and elsewhere
        drawn until no plan of ``regions`` has the number.  Country code and 0 stay; an extension goes."""
        written = re.split("(?i) ?(?:x|ext|转|分机)", value)[0]
        digits = re.sub("[^0-9]", "", written)
        country = _country(written) if written.startswith("+") else "1" if re.match(r"1[-. (]", written) else ""
        if not digits.startswith(country):
            country = ""
        kept = len(country) + digits[len(country) :].startswith("0")
        size = max(0, len(digits) - kept - 7)
        for _ in range(100):
            national = (draw.one_of("23456789") + draw.digits(size - 1) if size else "") + "55501" + draw.digits(2)
            if (country == "1" or not country) and size == 3:
                break
            if not any(valid(national, region, False) for region in self.regions) and not valid(
                "+" + country + national, None, False
            ):
                break
        return written_like((digits[:kept] + national)[-len(digits) :], written)


def _last(word: re.Pattern[bytes], before: bytes) -> int | None:
    """Where the last such word ends; None if there is none, or another line or sentence or too much lies between."""
    end = None
    for end in (found.end() for found in word.finditer(before)):  # noqa: B007
        pass
    if (
        end is None
        or len(before) - end > _BETWEEN
        or re.search("[.!?] |[0-9]{4}|。|；|\\n[^\\n]*\\n[^\\n]".encode(), before[end:])
    ):
        return None
    return end


def _head(written: bytes) -> int:
    """The length of the first number in a candidate: all of it up to 15 digits, else up to the sign that parts lists of
    numbers."""
    for part in (rb"/|\. | - ", rb" (?=[0-9(]{7})|/", rb"[ /]"):
        if len(re.sub(rb"[^0-9]", b"", written)) > 15 or (part.startswith(rb"/") and re.search(rb"[0-9]{7}/[0-9]{7}", written)):
            cut = re.search(part, written)
            written = written[: cut.start()] if cut else written
    return len(written)


def _shape(found: re.Match[bytes]) -> str:
    return next(name for name in ("mobile", "landline", "nanp", "service", "trunk") if found[name] is not None)


def _plans() -> Any:
    return require("phonenumbers", extra="corpus", feature="recognising telephone numbers")


@functools.lru_cache(maxsize=65536)
def valid(written: str, region: str | None, in_groups: bool) -> bool:
    """Whether the plan of ``region`` (None: the number begins with ``+``) has the number; ``in_groups``: and it is written in the
    groups of digits that the plan uses within the country."""
    plans = _plans()
    try:
        number = plans.parse(written, region)
    except plans.NumberParseException:
        return False
    if not plans.is_valid_number(number):
        return False
    if not in_groups:
        return True
    usual = plans.format_number(number, plans.PhoneNumberFormat.NATIONAL)
    return re.findall("[0-9]+", usual) == re.findall("[0-9]+", written)


@functools.lru_cache(maxsize=65536)
def possible(written: str) -> bool:
    """Whether a number with ``+`` has a country code and a length that the country uses."""
    plans = _plans()
    try:
        return plans.is_possible_number(plans.parse(written, None))
    except plans.NumberParseException:
        return False


def _country(written: str) -> str:
    plans = _plans()
    try:
        return str(plans.parse(written, None).country_code)
    except plans.NumberParseException:
        return ""
