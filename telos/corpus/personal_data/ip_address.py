"""IP addresses: four numbers of 0 to 255 with dots, or IPv6 (RFC 4291), by Python's `ipaddress` with IANA's registries.

"ip_address" is one that is reachable from anywhere; "private_ip_address" one of a local network or machine (10/8, 172.16/12,
192.168/16, 100.64/10, 127/8, 169.254/16, fc00::/7, fe80::/10, ::1), found only if asked for.  Nobody's are addresses for
documentation (RFC 5737, RFC 3849), 0/8, multicast, 240/4 and netmasks.

Four numbers are a version or a section where the words around say so (ours: "version", "§", 第 … 节, a name with a hyphen or
slash before, an ending of a file after), and where each has one digit or the last is 0, unless a word for an address stands
before: of the former those that are real, 1.1.1.1 and 8.8.8.8, are public name servers, the latter are networks.  IPv6 outside
2000::/3 (all that IANA gives out) counts written out in full only, since ``a::b`` is code.  Test:
tests/corpus/personal_data/test_ip_address.py.
"""

import functools
import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from telos.corpus.personal_data import NOBODYS, Recogniser, Span, _anchors
from telos.corpus.personal_data._draw import Draw
from telos.corpus.personal_data._view import Candidate, View

_VERSION = re.compile(
    (
        r"(?:(?<![A-Za-z])(?:v|vers?|versions?|release|rel|section|sect?|chapter|clause|article|appendix|revision|rev|build|firmware"
        r"|patch|kernel|table|figure|fig)\.?\s?[:=#]?\s?|§\s?|(?:版本号?|版|第)(?:\s|:|：)?|[A-Za-z][-/])\Z"
    ).encode(),
    re.I,
)
_FILE_OR_SECTION = re.compile(
    r"\.(?:tar|t?gz|zip|jar|whl|exe|dll|so|deb|rpm|dmg|msi|apk|egg|bz2|xz|html?|pdf)\b|\s?(?:章|节|条|款|版)".encode()
)
_ADDRESS = re.compile(
    r"(?<![A-Za-z])(?:ip|ipv4|address|host|server|dns|ping|gateway|proxy)s?(?![A-Za-z])|地址|服务器".encode(), re.I
)
_OWN = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
                                          "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1/128")]  # fmt: skip
_DOCUMENTATION = [ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]
_NO_HOSTS = [
    ipaddress.ip_network(n) for n in ("0.0.0.0/8", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4", "3fff::/20")
]
_GIVEN_OUT = ipaddress.ip_network("2000::/3")


@functools.lru_cache(maxsize=65536)
def kind_of(written: str) -> str | None:
    """What is written: "ip_address", "private_ip_address", `NOBODYS`, or None where it is no address of a machine."""
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return None
    address = getattr(address, "ipv4_mapped", None) or address
    if any(address in net for net in _DOCUMENTATION):
        return NOBODYS
    if address.is_multicast or address.is_unspecified or any(address in net for net in _NO_HOSTS):
        return None
    if any(address in net for net in _OWN):
        return "private_ip_address"
    groups = written.split(":")
    written_out = len(groups) == 8 and all(groups) and max(map(len, groups)) > 2
    network = written.endswith("::")  # or a line of reStructuredText
    return "ip_address" if address.version == 4 or written_out or (address in _GIVEN_OUT and not network) else None


def _is_network(written: str, after: bytes) -> bool:
    """Whether ``/24`` or the like follows and makes it the name of a network."""
    size = re.match(rb"/([0-9]{1,3})(?![0-9])", after)
    try:
        return size is not None and ipaddress.ip_network(f"{written}/{size[1].decode()}").num_addresses > 1
    except ValueError:
        return False


class IpAddress(Recogniser):
    """``private``: addresses of local networks and machines, too."""

    private: bool = False
    anchors: ClassVar[tuple[int, ...]] = (_anchors.DOTTED, _anchors.COLONS)

    def spans(self, view: View, candidates: Sequence[Candidate]) -> Iterator[Span]:
        for kind, text, start, end in candidates:
            written = view.cut(start, end).decode()
            found = kind_of(written)
            if found == NOBODYS:
                yield Span(text, start, end, NOBODYS)
                continue
            if found is None or (found != "ip_address" and not self.private):
                continue
            if kind == _anchors.DOTTED:
                before = view.before(text, start, 32)
                if (len(written) == 7 or written.endswith(".0")) and not _ADDRESS.search(before):
                    continue
                if _VERSION.search(before) or _FILE_OR_SECTION.match(view.after(text, end, 8)):
                    continue
            if not _is_network(written, view.after(text, end, 4)):
                yield Span(text, start, end, found)

    def made_up(self, value: str, draw: Draw) -> str:
        """One of the addresses for documentation: 203.0.113.0/24 and its like, 2001:db8::/32."""
        if ":" in value:
            return "2001:db8:" + ":".join(draw.hexadecimal(4).lstrip("0") or "0" for _ in range(6))
        return f"{draw.one_of(('192.0.2', '198.51.100', '203.0.113'))}.{draw.below(254) + 1}"
