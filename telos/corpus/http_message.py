"""An HTTP response as a WARC or ARC record holds it: status, headers, and the body without its transfer's wrappings.

Crawlers store what the wire carried, or what it meant, and often the headers of the one with the body of the other (all of
ClueWeb09).  So chunks and compression are undone where the body really has them.  Test: tests/corpus/formats/test_warc.py.
"""

import re
import zlib
from dataclasses import dataclass

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?\s+(\d{3})")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_MOST_HEAD_BYTES = 1 << 17
_CHUNK = re.compile(rb"\s{0,4}([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]{0,1000})?\r?\n")
_GZIP = b"\x1f\x8b"


@dataclass(slots=True)
class Response:
    """``status``: None where there is no status line.  ``charset``: what the server said of the encoding."""

    status: int | None
    media_type: str
    charset: str | None
    body: bytes


def parse_response(data: bytes, most_bytes: int) -> Response:
    """The response in a record's body; at most ``most_bytes`` + 1 bytes of what it unpacks to.

    `ValueError` where its compression is one that we cannot undo, or damaged."""
    start = _STATUS.match(data)
    if start is None:
        return Response(None, "", None, data)
    end = _HEAD_END.search(data, 0, _MOST_HEAD_BYTES)
    head, body = (data[: end.start()], data[end.end() :]) if end else (data, b"")
    headers: dict[str, str] = {}
    for line in head.decode("latin-1").splitlines()[1:]:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _without_chunks(body)
    body = _unpacked(body, headers.get("content-encoding", "").lower(), most_bytes)
    media_type, charset = content_type(headers.get("content-type", ""))
    return Response(int(start[1]), media_type, charset, body)


def content_type(value: str) -> tuple[str, str | None]:
    """``text/html; charset=GBK`` → (text/html, GBK)."""
    charset = re.search(r"""charset\s{0,9}=\s{0,9}["']?([^\s"';,]{1,40})""", value, re.IGNORECASE)
    return value.partition(";")[0].strip().lower(), charset[1] if charset else None


def _without_chunks(body: bytes) -> bytes:
    """The chunks joined (RFC 9112, section 7.1); the body as it is, where it does not begin with one."""
    pieces: list[bytes] = []
    place = 0
    while found := _CHUNK.match(body, place):
        size = int(found[1], 16)
        if size == 0:
            return b"".join(pieces)
        if found.end() + size > len(body) and not pieces:
            return body
        pieces.append(body[found.end() : found.end() + size])
        place = found.end() + size
    return b"".join(pieces) or body


def _unpacked(body: bytes, encoding: str, most_bytes: int) -> bytes:
    """The body decompressed, where it is compressed."""
    if "gzip" in encoding or "deflate" in encoding:
        if "gzip" in encoding and not body.startswith(_GZIP):
            return body
        try:
            return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, most_bytes + 1)
        except zlib.error:
            if "gzip" in encoding:
                raise ValueError("damaged gzip") from None
            return _raw_deflate(body, most_bytes)
    if encoding in ("br", "zstd") and b"<" not in body[:64]:
        raise ValueError(f"compressed by {encoding}")
    return body


def _raw_deflate(body: bytes, most_bytes: int) -> bytes:
    """Deflate without its header, as some servers send it; or no compression after all."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(body, most_bytes + 1)
    except zlib.error:
        return body
