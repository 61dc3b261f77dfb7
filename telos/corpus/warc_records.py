"""Records of WARC (ISO 28500, 0.18 to 1.1) and ARC (version 1 and 2) files, read in bounded memory.

Written by hand, since what readers exist either hold a line of any length in memory and print to standard error (warcio) or run
native code on strangers' bytes in the reader's own process (fastwarc).  Lines may end in CRLF or LF.  Where a
record's length is wrong, the next line that begins a record is searched for.  Test: tests/corpus/test_warc_records.py (equal to
warcio, record by record).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from telos.corpus.compression import Damaged, Stream

_BLOCK_BYTES = 1 << 16
_LONGEST_LINE = 1 << 16
_MOST_HEADERS = 1000
_START = re.compile(rb"WARC/\d{1,2}\.\d{1,2}\s*$")
_ARC_START = re.compile(rb"[a-z][a-z0-9+.-]{1,20}:\S* \S+ \d{8,14} .*\d+\s*$", re.IGNORECASE)


@dataclass(slots=True)
class Record:
    """``number`` from 1.  ``headers``: names in lower case.  ``body``: at most the bytes that were asked for; ``size_bytes``:
    all that there were.  ``whole``: whether the file held as many as the record said, and they could be read."""

    number: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    size_bytes: int = 0
    whole: bool = True

    @property
    def kind(self) -> str:
        return self.headers.get("warc-type", "").lower()


def records(stream: Stream, most_bytes: int) -> Iterator[Record]:
    """All records; of each body the first ``most_bytes``.  The last is not ``whole`` where the file is truncated or damaged.

    A file without any record gives none."""
    lines, number = _Lines(stream), 0
    while True:
        record = Record(number + 1)
        try:
            start = _next_start(lines, after_record=number > 0)
            if start is None:
                return
            number += 1
            length = _read_head(start, lines, record)
            _read_body(lines, record, length, most_bytes)
        except Damaged:
            if number == 0:
                raise
            record.number, record.whole = max(number, record.number), False
            yield record
            return
        yield record
        if not record.whole:
            return


def _next_start(lines: "_Lines", *, after_record: bool) -> bytes | None:
    """The line that begins the next record.  Before the first one nothing but blank lines may stand."""
    while line := lines.line():
        if _START.match(line) or _ARC_START.match(line):
            return line
        if not after_record and line.strip():
            return None
    return None


def _read_head(start: bytes, lines: "_Lines", record: Record) -> int | None:
    """Fill in the headers; the body's length, or None where it is not told."""
    if not _START.match(start):
        return _arc_head(start, record)
    name = None
    for _ in range(_MOST_HEADERS):
        line = lines.line()
        if not line.strip():
            break
        text = line.decode(errors="replace").rstrip("\r\n")
        if name is not None and text[0] in " \t":
            record.headers[name] += " " + text.strip()
            continue
        name, _, value = text.partition(":")
        name = name.strip().lower()
        record.headers.setdefault(name, value.strip())
    uri = record.headers.get("warc-target-uri", "")
    if uri.startswith("<") and uri.endswith(">"):  # as Wget 1.19 writes it
        record.headers["warc-target-uri"] = uri[1:-1]
    return _number(record.headers.get("content-length"))


def _arc_head(line: bytes, record: Record) -> int | None:
    """URL, IP address, date, media type … length, on one line."""
    words = line.decode(errors="replace").split()
    url, date, media_type, length = words[0], words[2], words[3], words[-1]
    kind = "warcinfo" if url.startswith("filedesc:") else "response"
    day = f"{date[:4]}-{date[4:6]}-{date[6:8]}"
    record.headers.update({"warc-type": kind, "warc-target-uri": url, "warc-date": day, "arc-media-type": media_type,
                           "content-length": length})  # fmt: skip
    return _number(length)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 19 else None


def _read_body(lines: "_Lines", record: Record, length: int | None, most_bytes: int) -> None:
    pieces, left, kept = [], length or 0, 0
    record.whole = length is not None
    try:
        while left and (block := lines.bytes(min(left, _BLOCK_BYTES))):
            left -= len(block)
            if kept < most_bytes:
                pieces.append(block[: most_bytes - kept])
                kept += len(pieces[-1])
    finally:
        record.body = b"".join(pieces)
        record.size_bytes = (length or 0) - left
    record.whole = record.whole and left == 0


class _Lines:
    """A stream read by lines and by bytes; what of a line is longer than any header counts as further lines."""

    def __init__(self, stream: Stream):
        self._stream = stream
        self._buffer = b""

    def line(self) -> bytes:
        end = self._buffer.find(b"\n")
        while end < 0 and len(self._buffer) < _LONGEST_LINE and (more := self._stream.read(_BLOCK_BYTES)):
            end = more.find(b"\n")
            end = end if end < 0 else end + len(self._buffer)
            self._buffer += more
        size = min(len(self._buffer) if end < 0 else end + 1, _LONGEST_LINE)
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def bytes(self, size: int) -> bytes:
        if not self._buffer:
            self._buffer = self._stream.read(_BLOCK_BYTES)
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found
