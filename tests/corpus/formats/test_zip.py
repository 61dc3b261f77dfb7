"""ZIP archives: members as if they lay in a folder, Chinese names, what is skipped and why."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from telos.corpus.sources import RawDocument
from telos.corpus.sources.files import Files
from telos.foundation.errors import TelosError

ZH = "床前明月光，疑是地上霜。"


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[RawDocument]]:
    def of(data: bytes, **settings: object) -> list[RawDocument]:
        (tmp_path / "a.zip").write_bytes(data)
        source = Files(tmp_path / "a.zip", **settings)
        return list(source.read(source.inputs()[0]))

    return of


def test_members_are_read_by_their_own_format(read: Callable, documents: type) -> None:
    import gzip

    import pyarrow as pa
    import pyarrow.parquet as pq

    table = io.BytesIO()
    pq.write_table(pa.table({"text": ["月", "光"]}), table)
    members = {
        "诗/a.txt": ZH, "b.jsonl": '{"text": "月", "label": 1}\n\n{"text": "光"}\n', "c.csv": "text\n月\n",
        "d.parquet": table.getvalue(),
        "e.html": f"<html><body><p>{ZH}</p></body></html>", "f.docx": documents.docx(f"<w:p><w:r><w:t>{ZH}</w:t></w:r></w:p>"),
        "g.txt.gz": gzip.compress(ZH.encode()), "h.pdf": documents.pdf([ZH]), "i.epub": documents.epub([f"<p>{ZH}</p>"]),
        "j.warc": documents.page(f"<html><p>{ZH}</p></html>".encode()), "k/": "", "empty.jsonl": "",
        "__MACOSX/a.txt": "x", ".hidden": "x", "node_modules/m.js": "x",
    }  # fmt: skip
    found = read(documents.zip(members), keep="label")
    assert [(d.place, d.text) for d in found if not d.skipped] == [
        ("诗/a.txt", ZH), ("b.jsonl:1", "月"), ("b.jsonl:3", "光"), ("c.csv:2", "月"), ("d.parquet:1", "月"),
        ("d.parquet:2", "光"),
        ("e.html", ZH), ("f.docx", ZH), ("g.txt.gz", ZH), ("h.pdf", ZH), ("i.epub", ZH), ("j.warc:1", ZH),
    ]  # fmt: skip
    assert [(d.place, d.skipped) for d in found if d.skipped] == [("empty.jsonl", "empty")]
    assert found[1].metadata == {"label": 1}


def test_names_in_gbk_without_a_flag(read: Callable) -> None:
    """As Chinese Windows writes them."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("xxxxxx/xxxxxx.txt", ZH)
    data = held.getvalue().replace(b"xxxxxx", "静夜思".encode("gbk"))
    assert [d.place for d in read(data)] == ["静夜思/静夜思.txt"]


def test_what_is_skipped(read: Callable, documents: type) -> None:
    whole = documents.zip({"a.txt": ZH * 50, "b.txt": ZH, "c.rtf": "x", "d.zip": documents.zip({}), "e.bin": b"\0"})
    assert {d.place: d.skipped for d in read(whole)} == {
        "a.txt": None, "b.txt": None, "c.rtf": "unsupported_format", "d.zip": "nested_archive", "e.bin": "binary"}  # fmt: skip
    encrypted = bytearray(whole)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[whole.index(mark) + offset] |= 1
    assert [d.skipped for d in read(bytes(encrypted))][:2] == ["encrypted", None]
    damaged = bytearray(whole)
    damaged[whole.index(b"a.txt") + 12] ^= 0x55
    assert [d.skipped for d in read(bytes(damaged))][:2] == ["damaged", None]


def test_two_members_of_one_name(read: Callable) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("a.txt", "月")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.txt", "光")
    assert [(d.place, d.text) for d in read(held.getvalue())] == [("a.txt", "月"), ("a.txt#2", "光")]


def test_a_member_without_a_name(read: Callable, documents: type) -> None:
    whole = documents.zip({"a": ZH})
    directory, end = whole.index(b"PK\x01\x02"), whole.index(b"PK\x05\x06")
    local = whole[:26] + bytes(2) + whole[28:30] + whole[31:directory]  # the name's length, and the name itself
    central = whole[directory : directory + 28] + bytes(2) + whole[directory + 30 : directory + 46] + whole[directory + 47 : end]
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)
    found = read(local + central + tail)
    assert [(d.place, d.skipped or d.text) for d in found] == [("\ufffd", ZH)]


def test_what_is_no_archive(read: Callable, documents: type) -> None:
    whole = documents.zip({"a.txt": ZH})
    for data in (b"", b"PK", whole[:-9], bytes(5000)):
        with pytest.raises(TelosError) as error:
            read(data)
        assert error.value.must.endswith("a.zip must be a whole ZIP file")
    assert read(documents.zip({})) == []
    with pytest.raises(TelosError, match=r"a\.zip/b\.jsonl:1 must be valid JSON"):
        read(documents.zip({"b.jsonl": "{"}))
