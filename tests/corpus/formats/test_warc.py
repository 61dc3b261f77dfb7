"""Web archives: which records are documents, the wrappings of HTTP, WET and ARC, truncation and damage."""

import gzip
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from telos.corpus.http_message import parse_response
from telos.corpus.sources import RawDocument
from telos.corpus.sources.files import Files
from telos.foundation.errors import TelosError

ZH = "床前明月光，疑是地上霜。"
PAGE = f"<html><head><title>静夜思</title></head><body><p>{ZH}</p></body></html>"


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[RawDocument]]:
    def of(data: bytes, name: str = "a.warc") -> list[RawDocument]:
        (tmp_path / name).write_bytes(data)
        source = Files(tmp_path / name)
        return list(source.read(source.inputs()[0]))

    return of


def test_which_records_are_documents(read: Callable, documents: type) -> None:
    page = PAGE.encode()
    record, response = documents.record, documents.page
    data = [
        record("warcinfo", b"software: x"), record("request", b"GET / HTTP/1.1\r\n\r\n"),
        response(page, "http://example.org/诗"), response(page, status="404 Not Found"),
        response(b"GIF89a", Content_Type="image/gif"), response(ZH.encode("gbk"), Content_Type="text/plain; charset=gbk"),
        response(PAGE.encode("gbk"), Content_Type="text/html; charset=gb2312"),
        response(documents.pdf([ZH]), Content_Type="x/y"), record("resource", page, Content_Type="text/html"),
        record("resource", b"{}", Content_Type="text/json"), record("metadata", b"x"), record("revisit", b""),
        record("conversion", ZH.encode()), record("response", b"93.184.216.34", "dns:example.org", Content_Type="text/dns"),
        response(b"<html></html>"),
    ]  # fmt: skip
    found = read(b"".join(data))
    assert [(d.place, d.skipped or d.text) for d in found] == [
        (3, ZH), (4, "http_status"), (5, "unsupported_format"), (6, ZH), (7, ZH), (8, ZH), (9, ZH), (13, ZH),
        (15, "no_text_found"),
    ]  # fmt: skip
    assert found[0].metadata == {"title": "静夜思", "url": "http://example.org/诗", "date": "2024-04-25"}
    assert found[7].metadata == {"url": "http://example.org/", "date": "2024-04-25"}


def chunked(data: bytes, size: int = 10) -> bytes:
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("wrap", "headers"),
    [
        (chunked, {"Transfer_Encoding": "chunked"}), (gzip.compress, {"Content_Encoding": "gzip"}),
        (zlib.compress, {"Content_Encoding": "deflate"}), (raw_deflate, {"Content_Encoding": "deflate"}),
        (lambda data: chunked(gzip.compress(data)), {"Content_Encoding": "gzip", "Transfer_Encoding": "chunked"}),
        (bytes, {"Content_Encoding": "gzip"}), (bytes, {"Transfer_Encoding": "chunked"}), (bytes, {"Content_Encoding": "br"}),
    ],
)  # fmt: skip
def test_wrappings_are_undone_where_they_are(read: Callable, documents: type, wrap: Callable, headers: dict) -> None:
    assert [d.text for d in read(documents.page(wrap(PAGE.encode()), **headers))] == [ZH]


def test_a_compression_that_cannot_be_undone(read: Callable, documents: type) -> None:
    assert [d.skipped for d in read(documents.page(b"\x8b\x00\x80abc", Content_Encoding="br"))] == ["damaged"]
    broken = gzip.compress(PAGE.encode())[:20] + b"xxxxxxxxxxxxxx"
    assert read(documents.page(broken, Content_Encoding="gzip"))[0].skipped in ("damaged", "no_text_found")
    assert (
        len(parse_response(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(1 << 24)), 100).body) == 101
    )


def test_wet_and_arc(read: Callable, documents: type) -> None:
    wet = documents.record("warcinfo", b"x") + documents.record(
        "conversion", f"题\n{ZH}".encode(), "http://a.cn/", Content_Type="text/plain"
    )
    assert [(d.place, d.text) for d in read(gzip.compress(wet), "a.wet.gz")] == [(2, f"题\n{ZH}")]
    body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGE.encode()
    about = b"1 0 Alexa\nURL IP-address Archive-date Content-type Archive-length\n"
    arc = b"filedesc://a.arc 0.0.0.0 20060101000000 text/plain %d\n%s\n" % (len(about), about)
    arc += b"http://a.cn/x 1.2.3.4 20060203040506 text/html %d\n%s\n" % (len(body), body)
    found = read(gzip.compress(arc), "a.arc.gz")
    assert [(d.place, d.text) for d in found] == [(2, ZH)]
    assert found[0].metadata == {"title": "静夜思", "url": "http://a.cn/x", "date": "2006-02-03"}


def test_a_truncated_archive_keeps_what_was_read(read: Callable, documents: type) -> None:
    """Every record before the cut is there, and the one that is cut is reported: at the end of a record nothing is missing."""
    pages = [documents.record("conversion", f"{ZH}{n}".encode()) for n in range(4)]
    whole, starts = b"".join(pages), [sum(map(len, pages[:n])) for n in range(5)]
    for cut in range(1, len(whole), 7):
        complete = sum(cut >= end - 4 for end in starts[1:])
        if cut < 8:
            with pytest.raises(TelosError, match="must be a WARC, WET or ARC file"):
                read(whole[:cut])
            continue
        found = read(whole[:cut])
        assert [d.text for d in found[:complete]] == [f"{ZH}{n}" for n in range(complete)]
        rest = cut - starts[complete] if complete < 4 else 0
        assert [d.skipped for d in found[complete:]] == (["truncated"] if rest > 9 else []) or rest <= 12, cut


@pytest.mark.parametrize("pack", ["members", "whole"])
def test_a_truncated_and_a_broken_gzip(read: Callable, documents: type, pack: str) -> None:
    pages = [documents.record("conversion", f"{ZH}{n}".encode() * 50) for n in range(4)]
    packed = [gzip.compress(page) for page in pages] if pack == "members" else [gzip.compress(b"".join(pages))]
    data = b"".join(packed)
    found = read(data[:-20], "a.wet.gz")
    assert found[-1].skipped == "truncated"
    assert [d.text for d in found[:3]] == [f"{ZH}{n}" * 50 for n in range(3)] if pack == "members" else len(found) >= 1
    broken = bytearray(data)
    broken[len(data) - 30] ^= 0xFF
    found = read(bytes(broken), "a.wet.gz")
    assert found[-1].skipped == "truncated"
    assert len(found) <= 4
    with pytest.raises(TelosError, match="must be a whole gzip file"):
        read(b"\x1f\x8b\x08\0 no more than that", "a.warc.gz")


def test_a_wrong_length_loses_one_record(read: Callable, documents: type) -> None:
    pages = [documents.record("conversion", f"{ZH}{n}".encode()) for n in range(4)]
    for wrong in (b"Content-Length: 30", b"Content-Length: 41", b"Content-Length: x", b"Content-Length: -1"):
        damaged = pages[1].replace(b"Content-Length: 37", wrong)
        assert damaged != pages[1]
        texts = [d.text for d in read(pages[0] + damaged + pages[2] + pages[3])]
        assert texts[0] == f"{ZH}0"
        if wrong.endswith((b"30", b"41")):
            assert texts[-1] == f"{ZH}3"


@pytest.mark.data
def test_real_archives(shared_data: Path) -> None:
    """All 82 pages of four archives are accounted for; ClueWeb's headers claim a compression that its bodies do not have."""
    counts = {}
    for file in sorted((shared_data / "warc").glob("*.warc.gz")):
        source = Files(file)
        found = list(source.read(source.inputs()[0]))
        counts[file.name] = Counter(d.skipped or "text" for d in found)
        assert all(d.metadata["url"].startswith("http") for d in found)
    assert {name: sum(c.values()) for name, c in counts.items()} == {
        "dolma-sample-0000.warc.gz": 22, "dolma-sample-0001.warc.gz": 15, "resiliparse-clueweb-quirk.warc.gz": 29,
        "resiliparse-warcfile.warc.gz": 16}  # fmt: skip
    assert all(c["text"] == sum(c.values()) for c in counts.values())
