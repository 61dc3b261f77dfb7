"""Web archives: WARC and ARC files of pages, WET files of their text.

A page (a ``response`` or ``resource`` of HTML, PDF or plain text) is extracted as a file of its format would be; a ``conversion``
record (WET) is text as it stands.  Other records (requests, metadata, revisits) are no documents and are passed over; pages
that are not kept are skipped with a reason: "http_status" (not 200), "unsupported_format", "too_large", "damaged" (compression
that cannot be undone), or one of `telos.corpus.extract`.

A truncated or damaged file gives what was read until there, and for the rest one skipped document, "truncated", at the number
of the record where it ends.  A file without a record is an error.  Test: tests/corpus/formats/test_warc.py.
"""

from collections.abc import Iterator

from telos.corpus.compression import Stream
from telos.corpus.encoding import decode
from telos.corpus.extract import Extract
from telos.corpus.http_message import Response, content_type, parse_response
from telos.corpus.sandbox import extracted
from telos.corpus.sources import Fields, RawDocument
from telos.corpus.warc_records import Record, records
from telos.foundation.errors import TelosError

SUFFIXES = (".warc", ".arc", ".wet")
_HTTP_OK = 200
_HTML = ("text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml")
_TEXT = ("text/plain",)
_PDF = ("application/pdf", "application/x-pdf")
_SNIFFED_BYTES = 1024


def read(stream: Stream, name: str, fields: Fields) -> Iterator[RawDocument]:
    """A document for each page; ``place`` is the record's number from 1, metadata has "url" and "date" (of the crawl)."""
    found = False
    for record in records(stream, fields.extract.input_bytes + 1):
        found = True
        if not record.whole:
            yield RawDocument("", record.number, skipped="truncated", size_bytes=record.size_bytes)
        elif (document := _document(record, fields.extract)) is not None:
            facts = {
                "url": record.headers.get("warc-target-uri", ""),
                "date": record.headers.get("warc-date", "")[:10],
            }
            metadata = document.metadata | {key: value for key, value in facts.items() if value}
            yield RawDocument(document.text, record.number, document.repaired, document.skipped, document.size_bytes, metadata)
    if not found:
        raise TelosError(f"{name} must be a WARC, WET or ARC file", "no record at its beginning",
                         "copy or download it again, or leave it out with corpus.exclude")  # fmt: skip


def _document(record: Record, extract: Extract) -> RawDocument | None:
    """The document of a whole record; None where it is none."""
    if record.kind not in ("response", "conversion", "resource"):
        return None
    if record.size_bytes > extract.input_bytes:
        return _skipped("too_large", record)
    if record.kind == "conversion":
        return _plain(record.body)
    if record.kind == "resource":
        media_type, charset = content_type(record.headers.get("content-type", ""))
        response = Response(_HTTP_OK, media_type, charset, record.body)
        return _page(response, record, extract) if media_type in (*_HTML, *_PDF) else None
    return _response(record, extract)


def _response(record: Record, extract: Extract) -> RawDocument | None:
    try:
        response = parse_response(record.body, extract.input_bytes)
    except ValueError:
        return _skipped("damaged", record)
    if response.status is None and "arc-media-type" not in record.headers:
        return None  # an answer to a look-up of a name, or of another protocol
    if response.status not in (_HTTP_OK, None):
        return _skipped("http_status", record)
    return _page(response, record, extract)


def _page(response: Response, record: Record, extract: Extract) -> RawDocument:
    kind = _kind(response, record)
    if kind == "text":
        return _plain(response.body)
    if kind is None:
        return _skipped("unsupported_format", record)
    found = extracted(response.body, kind, extract, response.charset)
    return _skipped(found.skipped, record) if found.skipped else found


def _kind(response: Response, record: Record) -> str | None:
    """How to read a page: what its type says or, where that says nothing, how it begins."""
    media_type = response.media_type or record.headers.get("arc-media-type", "")
    if media_type in _PDF or response.body.startswith(b"%PDF-"):
        return "pdf"
    if media_type in _HTML:
        return "html"
    if media_type in _TEXT:
        return "text"
    unknown = media_type in ("", "application/octet-stream", "no-type", "unknown")
    return "html" if unknown and b"<html" in response.body[:_SNIFFED_BYTES].lower() else None


def _plain(data: bytes) -> RawDocument:
    if b"\0" in data:
        return RawDocument("", skipped="binary", size_bytes=len(data))
    text, repaired = decode(data)
    return RawDocument(text, repaired=repaired)


def _skipped(reason: str, record: Record) -> RawDocument:
    return RawDocument("", skipped=reason, size_bytes=record.size_bytes)
