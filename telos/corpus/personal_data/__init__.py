"""The family of recognisers: personal data and secrets, found in texts and replaced.

One pass over the bytes (`telos.corpus.kernels.personal_data`) finds the places where something could be; a recogniser looks
at those places alone, and decides by the rules of the number plan, the standard or the issuer.

| type | found how | source | not covered |
|---|---|---|---|
| email | local part of 1 to 64 bytes, ``@``, labels with dots, the last of letters; full-width too | RFC 5321, 5322 | quoted local parts, "name at site dot com" |
| phone | international with ``+``: of a possible length; Chinese mobile and area code; national formats of the regions asked for; any 7 to 15 digits after "phone", "fax", 电话 … | E.164, the number plans in `phonenumbers` | unformatted national numbers without such a word |
| ip_address | IPv4 and IPv6, private ones apart and left alone unless asked for | IANA's registries in `ipaddress` | versions and sections ("v1.2.3.4", 第1.2.3.4节), four single digits without a word for an address |
| payment_card | an issuer's first digits and length, Luhn's sum; other lengths of 12 to 19 after "card", 卡 … | ISO/IEC 7812-1 | numbers that fail the sum, cut or starred numbers |
| iban | country, its length, mod 97 | ISO 13616-1, ISO 7064 | countries outside the registry |
| resident_id | Chinese identity number: province, date, mod 11-2 | GB 11643-1999, GB/T 2260 | 15 digits of before 1999 unless asked for |
| passport | a number of 7 to 9 characters after "passport", 护照 | ICAO Doc 9303-3 | numbers without that word |
| us_ssn | AAA-GG-SSSS with area, group and serial that can be issued | SSA, POMS RM 10201 | nine digits without hyphens |
| url_credentials | the ``user:password`` of a URL | RFC 3986, section 3.2.1 | passwords in queries |
| secret | keys with a shape that their issuer documents, JSON Web Tokens, private keys in PEM | the issuers' documents, RFC 7519, RFC 7468 | passwords, keys without a prefix |
| url | whole URLs; off unless asked for | RFC 3986 | addresses without ``scheme://`` |

What is reserved so that nobody can have it is left alone: example.com (RFC 2606), addresses for documentation (RFC 5737, 3849),
555-0100 to 555-0199, area 000; the pseudonyms are made of these.  Test: tests/corpus/personal_data/.
"""  # noqa: E501

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from telos.foundation.spec import Spec

if TYPE_CHECKING:
    from telos.corpus.personal_data._draw import Draw
    from telos.corpus.personal_data._view import Candidate, View
    from telos.corpus.texts import Texts

PRECEDENCE = (
    "url", "url_credentials", "secret", "email", "iban", "resident_id", "payment_card", "ip_address", "us_ssn", "passport",
    "phone",
)  # fmt: skip
"""Where two recognisers find overlapping spans, the one named first has it."""
DEFAULT = tuple(kind for kind in PRECEDENCE if kind != "url")


NOBODYS = ""
"""The type of a span that a recogniser knows for reserved: nothing that overlaps it is found by any other either."""


class Span(NamedTuple):
    """``row`` of the text in its batch, ``start`` and ``end`` in it, and the ``type`` of what is there."""

    row: int
    start: int
    end: int
    type: str


class Recogniser(Spec, family="telos.corpus.personal_data"):
    """Settings of one recogniser, and its behaviour: a pure function of a text's bytes."""

    anchors: ClassVar[tuple[int, ...]] = ()
    """The kinds of candidates (`telos.corpus.kernels.personal_data`) that it looks at."""

    def spans(self, view: "View", candidates: Sequence["Candidate"]) -> Iterator[Span]:
        """What it recognises in candidates of its kinds, and what it knows for `NOBODYS`, its made-up values above all, whatever
        stands around them: bytes of the view; spans may overlap those of others."""
        raise NotImplementedError

    def made_up(self, value: str, draw: "Draw") -> str:
        """Another value in the same form that nobody has and that no recogniser takes for real."""
        raise NotImplementedError

    def identity(self, value: str) -> str:
        """What two ways of writing one value share, so that both get the same made-up value."""
        return value


def placeholder(type: str) -> str:
    """``[EMAIL]`` for "email": what stands in a value's place; holds nothing that is recognised, so that masking a masked text
    changes nothing."""
    return f"[{type.upper()}]"


def find(texts: "Texts | Sequence[str]", types: Sequence[Recogniser | str] = DEFAULT) -> list[Span]:
    """All that `telos.corpus.filters.personal_data` masks in these texts with placeholders, in their order; ``start`` and ``end``
    count characters, so that ``text[start:end]`` is the value."""
    from telos.corpus.personal_data._masking import mask
    from telos.corpus.texts import Texts

    texts = texts if isinstance(texts, Texts) else Texts.of(list(texts))
    recognisers = [Recogniser.parse(one) for one in types]
    spans = mask(texts, recognisers, lambda kind, value, recogniser: placeholder(kind)).spans
    found, row, characters = [], -1, ""
    whole = b""
    for span in spans:
        if span.row != row:
            row = span.row
            characters = texts.text[row].as_py()
            whole = characters.encode()
        if len(whole) == len(characters):
            found.append(span)
        else:
            start = len(whole[: span.start].decode())
            found.append(Span(row, start, start + len(whole[span.start : span.end].decode()), span.type))
    return found
