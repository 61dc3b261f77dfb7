"""Keys and tokens with a shape that their issuer documents, JSON Web Tokens (RFC 7519), private keys in PEM (RFC 7468).

Keys that hold EXAMPLE are left alone, as Amazon's documentation writes them.  Test: tests/corpus/personal_data/test_secret.py.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from telos.corpus.personal_data import NOBODYS, Recogniser, Span, _anchors
from telos.corpus.personal_data._draw import Draw
from telos.corpus.personal_data._view import Candidate, View

KEYS = {
    "aws": r"A(?:KIA|SIA|BIA|CCA)[A-Z2-7]{16}",
    "github": r"gh[pousr]_[A-Za-z0-9]{36,255}",
    "github_fine": r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
    "gitlab": r"gl(?:pat|dt|rt|ptt|cbt|ft|soat)-[A-Za-z0-9_\-]{20,}",
    "slack": r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9\-]{10,}",
    "slack_app": r"xapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-f0-9]{32,}",
    "google": r"AIza[A-Za-z0-9_\-]{35}",
    "google_oauth": r"ya29\.[A-Za-z0-9_\-]{20,}",
    "stripe": r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}",
    "stripe_webhook": r"whsec_[A-Za-z0-9]{32,}",
    "openai_and_anthropic": r"sk-(?:[a-z0-9]+-)*[A-Za-z0-9_\-]{32,}",
    "sendgrid": r"SG\.[A-Za-z0-9_\-]{22}\.[A-Za-z0-9_\-]{43}",
    "npm": r"npm_[A-Za-z0-9]{36}",
    "pypi": r"pypi-AgE[A-Za-z0-9_\-]{50,}",
    "hugging_face": r"hf_[A-Za-z0-9]{34,}",
    "digitalocean": r"do[opr]_v1_[a-f0-9]{64}",
    "shopify": r"shp(?:at|ss|pa|ca)_[A-Fa-f0-9]{32}",
    "square": r"sq0(?:atp-[A-Za-z0-9_\-]{22}|csp-[A-Za-z0-9_\-]{43})",
    "alibaba_cloud": r"LTAI[A-Za-z0-9]{12,24}",
    "tencent_cloud": r"AKID[A-Za-z0-9]{32}",
    "twilio": r"SK[a-f0-9]{32}",
    "facebook": r"EAACEdEose0cBA[A-Za-z0-9]+",
    "nvidia": r"nvapi-[A-Za-z0-9_\-]{64}",
    "groq": r"gsk_[A-Za-z0-9]{52}",
    "json_web_token": r"eyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}",
}
_KEY = re.compile("|".join(f"(?P<{name}>{shape})" for name, shape in KEYS.items()).encode())
_BEGIN = re.compile(rb"-----BEGIN ((?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?)-----")
_BASE64_LINES = re.compile(rb"(?:[\s\\nr\"']*[A-Za-z0-9+/=]{16,80})*\s*")
MOST_PEM_BYTES = 16384
_MADE_UP_PEM = "-----BEGIN {0}-----\nEXAMPLE\n-----END {0}-----"


class Secret(Recogniser):
    """It has no settings."""

    anchors: ClassVar[tuple[int, ...]] = (_anchors.KEY, _anchors.PEM)

    def spans(self, view: View, candidates: Sequence[Candidate]) -> Iterator[Span]:
        for kind, text, start, end in candidates:
            if kind == _anchors.KEY and b"EXAMPLE" in view.cut(start, end):
                yield Span(text, start, end, NOBODYS)
                continue
            length = _pem(view, text, start) if kind == _anchors.PEM else _key(view.cut(start, end))
            if length:
                yield Span(text, start, start + length, "secret")

    def made_up(self, value: str, draw: Draw) -> str:
        """A key with the same first four characters and as many in all, EXAMPLE after them; an empty private key of the same
        kind."""
        pem = _BEGIN.match(value.encode())
        if pem:
            return _MADE_UP_PEM.format(pem[1].decode())
        return (
            value[:4]
            + "EXAMPLE"
            + draw.letters(max(0, len(value) - 11), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        )


def _key(token: bytes) -> int:
    """The bytes of a key at the token's head that ends where the token or a part of it with a dot ends, or 0."""
    found = _KEY.match(token)
    if not found or re.match(rb"[A-Za-z0-9_-]", token[found.end() :]):
        return 0
    if found.lastgroup == "json_web_token":
        header = found[0].split(b".")[0]
        try:
            if b'"alg"' not in base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4)):
                return 0
        except binascii.Error:
            return 0
    return found.end()


def _pem(view: View, text: int, start: int) -> int:
    """The bytes of a private key with its closing line; without one, of the lines of base64 that follow."""
    held = view.cut(start, min(int(view.begins[text + 1]), start + MOST_PEM_BYTES))
    begin = _BEGIN.match(held)
    if not begin or not re.search(rb"[A-Za-z0-9+/=]{32}", held[begin.end() : begin.end() + 512]):
        return 0
    closing = b"-----END " + begin[1] + b"-----"
    end = held.find(closing, begin.end())
    if end >= 0 and b"-----BEGIN " not in held[begin.end() : end]:
        return end + len(closing)
    lines = _BASE64_LINES.match(held, begin.end())
    return len(held[: lines.end()].rstrip()) if lines and lines.end() > begin.end() + 16 else 0
