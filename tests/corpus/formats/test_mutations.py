"""Damaged files of every format: each gives documents, a skipped document or a `TelosError`, never nothing and nothing else.

A sound file is changed by flipped bytes, cuts, and pieces put where they do not belong.  `make test` tries some; the thousand of
each format is marked `long`.
"""

import bz2
import gzip
import io
import lzma
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telos.corpus.sources.files import Files
from telos.foundation.errors import TelosError

ZH, EN = "床前明月光，疑是地上霜。", "It was the best of times, it was the worst of times. "
MOST_SECONDS = 60.0
"""On the clock, for one file, on a machine that others use as well; the deadline of extraction is far below."""


def parquet() -> bytes:
    held = io.BytesIO()
    pq.write_table(pa.table({"text": [ZH, EN, None] * 20, "n": range(60)}), held)
    return held.getvalue()


def sound(documents: type) -> dict[str, bytes]:
    """A file of each format."""
    page = f"<html><head><meta charset='utf-8'><title>t</title></head><body><p>{ZH * 3}</p><p>{EN}</p></body></html>"
    lines = f'{{"text": "{ZH}"}}\n{{"text": "{EN}", "n": 1}}\n' * 4
    warc = documents.page(page.encode()) + documents.record("conversion", ZH.encode()) + documents.record("metadata", b"x")
    docx = documents.docx(f"<w:p><w:r><w:t>{ZH}</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>")
    epub = documents.epub([f"<html><body><h1>{ZH}</h1><p>{EN}</p></body></html>"] * 2)
    archive = documents.zip({"a.txt": ZH * 9, "b.jsonl": lines, "c.html": page, "d/e.csv": "text\n月\n"})
    return {
        "a.html": page.encode(), "b.html": page.replace("utf-8", "gbk").encode("gbk"), "a.pdf": documents.pdf([ZH, ZH]),
        "v.pdf": documents.pdf([ZH, ZH], "UniGB-UTF16-V"), "a.docx": docx, "a.epub": epub, "a.zip": archive, "a.warc": warc,
        "a.warc.gz": gzip.compress(warc) + gzip.compress(warc), "a.txt": (ZH * 20).encode(),
        "a.txt.gz": gzip.compress(EN.encode() * 9),
        "a.txt.bz2": bz2.compress(EN.encode()), "a.txt.xz": lzma.compress(EN.encode()),
        "a.txt.zst": pa.compress(EN.encode() * 9, "zstd", asbytes=True), "a.jsonl": lines.encode(),
        "a.json": f'["{ZH}", {{"text": "b"}}]'.encode(),
        "a.csv": f'n,text\n1,"{ZH}"\n2,{EN}\n'.encode(), "a.tsv": f"n\ttext\n1\t{ZH}\n".encode(), "a.parquet": parquet(),
    }  # fmt: skip


NAMES = """a.html b.html a.pdf v.pdf a.docx a.epub a.zip a.warc a.warc.gz a.txt a.txt.gz a.txt.bz2 a.txt.xz a.txt.zst a.jsonl
    a.json a.csv a.tsv a.parquet"""


@st.composite
def changed(draw: st.DrawFn, whole: bytes) -> bytes:
    """The file after one to four changes."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        how = draw(st.sampled_from(["flip", "flip", "set", "cut", "drop", "repeat", "insert", "splice"]))
        length = draw(st.integers(1, 64))
        if how == "flip" and data:
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif how == "set" and data:
            data[place : place + length] = bytes([draw(st.sampled_from([0, 0x20, 0x7F, 0x80, 0xFF]))]) * length
        elif how == "cut":
            del data[place:]
        elif how == "drop":
            del data[place : place + length]
        elif how == "repeat":
            data[place:place] = data[place : place + length] * draw(st.integers(1, 20))
        elif how == "insert":
            data[place:place] = draw(st.binary(max_size=32))
        else:
            other = draw(st.integers(0, max(0, len(data) - 1)))
            data[place : place + length] = data[other : other + length]
    return bytes(data)


def fate(path: Path, data: bytes) -> str:
    """What became of a file: "kept", "skipped" or "refused"; anything else fails."""
    path.write_bytes(data)
    source = Files(path)
    began = time.monotonic()
    kept = 0
    refused: TelosError | None = None
    try:
        for document in source.read(source.inputs()[0]):
            assert (document.skipped is None) or not document.text
            document.text.encode()
            kept += document.skipped is None
    except TelosError as error:
        refused = error
    assert time.monotonic() - began < MOST_SECONDS
    if refused is not None:
        assert not any("\n" in part or not part for part in (refused.must, refused.found, refused.fix))
        return "refused"
    # The pipeline counts a file without documents as skipped because it is empty (`telos.corpus.reading.rows_of`).
    return "kept" if kept else "skipped"


def try_many(name: str, examples: int, documents: type, folder: Path) -> set[str]:
    whole, fates = sound(documents)[name], set()
    assert fate(folder / name, whole) == "kept"

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(changed(whole))
    def try_one(data: bytes) -> None:
        fates.add(fate(folder / name, data))

    try_one()
    return fates


@pytest.mark.parametrize("name", NAMES.split())
def test_a_hundred_damaged_files(documents: type, tmp_path: Path, name: str) -> None:
    assert try_many(name, 100, documents, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES.split())
def test_a_thousand_damaged_files(documents: type, tmp_path: Path, name: str) -> None:
    assert len(try_many(name, 1000, documents, tmp_path)) > 1


def test_a_corpus_of_damaged_files_accounts_for_each(fill: Callable[..., Path], build: Callable, documents: type) -> None:
    """in = kept + dropped, and each file that is not kept is named."""
    files = {name: data for name, data in sound(documents).items() if name.endswith((".html", ".pdf", ".docx", ".epub", ".warc"))}
    files |= {f"cut-{name}": data[: len(data) // 2] for name, data in files.items()}
    corpus = build(fill("t", files | {"good.txt": EN * 50}))
    assert corpus.funnel[0]["documents_in"] >= len(files)
    named = {entry["source"].partition(":")[0] for entry in corpus.facts["skipped"]}
    assert named >= {"cut-a.docx", "cut-a.epub"}
