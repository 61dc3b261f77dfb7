"""Records equal those of warcio, one by one, on real archives and on made ones."""

import gzip
from pathlib import Path

import pytest

from telos.corpus.compression import Stream
from telos.corpus.http_message import parse_response
from telos.corpus.warc_records import records


def theirs(path: Path) -> list[tuple[str, str | None, bytes]]:
    from warcio.archiveiterator import ArchiveIterator

    with open(path, "rb") as file:
        return [(r.rec_type, r.rec_headers.get_header("WARC-Target-URI"), r.raw_stream.read())
                for r in ArchiveIterator(file, no_record_parse=True)]  # fmt: skip


def ours(path: Path) -> list[tuple[str, str | None, bytes]]:
    with Stream(str(path)) as stream:
        found = list(records(stream, 1 << 30))
    assert [r.number for r in found] == list(range(1, len(found) + 1))
    assert all(r.whole and r.size_bytes == len(r.body) for r in found)
    return [(r.kind, r.headers.get("warc-target-uri"), r.body) for r in found]


@pytest.mark.data
def test_real_archives_record_by_record(shared_data: Path) -> None:
    files = sorted((shared_data / "warc").glob("*.warc.gz"))
    assert len(files) == 4
    for file in files:
        assert ours(file) == theirs(file)


@pytest.mark.data
def test_real_responses_unpacked(shared_data: Path) -> None:
    """Bodies after chunks and compression."""
    from warcio.archiveiterator import ArchiveIterator

    for file in sorted((shared_data / "warc").glob("[dr]*[0-9e].warc.gz")):
        with open(file, "rb") as raw:
            bodies = [r.content_stream().read() for r in ArchiveIterator(raw) if r.rec_type == "response"]
        with Stream(str(file)) as stream:
            assert [parse_response(r.body, 1 << 30).body for r in records(stream, 1 << 30) if r.kind == "response"] == bodies


def test_made_archives(tmp_path: Path, documents: type) -> None:
    pages = [documents.page(b"<p>%d" % n * (n + 1), f"http://a.cn/{n}") for n in range(20)]
    (tmp_path / "plain.warc").write_bytes(b"".join(pages))
    (tmp_path / "members.warc.gz").write_bytes(b"".join(map(gzip.compress, pages)))
    (tmp_path / "lf.warc").write_bytes(b"".join(p.partition(b"\r\n\r\n")[0].replace(b"\r", b"") + b"\n\n" +
                                                p.partition(b"\r\n\r\n")[2] for p in pages))  # fmt: skip
    expected = theirs(tmp_path / "plain.warc")
    assert len(expected) == 20
    for name in ("plain.warc", "members.warc.gz", "lf.warc"):
        assert ours(tmp_path / name) == expected


def test_only_what_is_asked_for_is_held(tmp_path: Path, documents: type) -> None:
    (tmp_path / "a.warc").write_bytes(documents.record("response", bytes(3_000_000)) + documents.record("response", b"x"))
    with Stream(str(tmp_path / "a.warc")) as stream:
        assert [(len(r.body), r.size_bytes, r.whole) for r in records(stream, 1000)] == [(1000, 3_000_000, True), (1, 1, True)]
