import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from telos.corpus.compression import Damaged, Stream, TooLarge, inner_name
from telos.corpus.sources.files import Files

TEXT = "床前明月光，疑是地上霜。It was the best of times. " * 2000
PACKED = {
    ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress,
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}  # fmt: skip


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize("block", [None, 1, 1000, 1 << 20])
def test_each_compression_gives_back_its_bytes(tmp_path: Path, suffix: str, block: int | None) -> None:
    path = tmp_path / f"诗.txt{suffix.upper()}"
    text = TEXT if block != 1 else TEXT[:50]
    path.write_bytes(PACKED[suffix](text.encode()))
    with Stream(str(path)) as stream:
        pieces = [stream.read()] if block is None else list(iter(lambda: stream.read(block), b""))
        assert stream.path is None
    assert b"".join(pieces).decode() == text
    assert inner_name(path.name) == "诗.txt"
    assert [d.text for d in Files(path).read(Files(path).inputs()[0])] == [text]


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize("cut", [slice(0, -9), slice(0, 9), slice(4, None)])
def test_a_damaged_file_says_so(tmp_path: Path, suffix: str, cut: slice) -> None:
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(PACKED[suffix](TEXT.encode())[cut])
    with pytest.raises(Damaged, match="must be a whole"), Stream(str(path)) as stream:
        stream.read()


def test_limits_of_a_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(TEXT.encode()))
    for name in ("a.txt", "a.txt.gz"):
        for limit, fits in ((len(TEXT.encode()), True), (len(TEXT.encode()) - 1, False)):
            with Stream(str(tmp_path / name), document_bytes=limit) as stream:
                if fits:
                    assert len(stream.read()) == limit
                else:
                    with pytest.raises(TooLarge):
                        stream.read()
    (tmp_path / "a.txt").write_bytes(b"x" * ((1 << 20) + 1))
    found = list(Files(tmp_path / "a.txt", max_document_mb=1).read(Files(tmp_path / "a.txt").inputs()[0]))
    assert [(d.skipped, d.size_bytes) for d in found] == [("too_large", (1 << 20) + 1)]


def test_a_long_line_keeps_what_came_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telos.corpus.lines.BLOCK_BYTES", 1000)
    monkeypatch.setattr("telos.corpus.lines.LONGEST_LINE_BYTES", 5000)
    (tmp_path / "a.jsonl").write_text('{"text": "月"}\n' * 300 + '{"text": "' + "x" * 9000 + '"}\n{"text": "b"}\n')
    source = Files(tmp_path / "a.jsonl")
    found = list(source.read(source.inputs()[0]))
    assert [d.text for d in found[:-1]] == ["月"] * 300
    assert found[-1].skipped == "too_large"


def test_a_member_of_an_archive_that_is_compressed_itself(tmp_path: Path) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("a.txt.gz", gzip.compress(TEXT.encode()))
    with zipfile.ZipFile(held) as archive, Stream.of_member(archive, archive.infolist()[0], "z.zip/a.txt.gz", 1 << 30) as stream:
        assert stream.read().decode() == TEXT


def test_formats_in_new_compressions(fill: Callable[..., Path]) -> None:
    root = fill("t", {"a.jsonl.xz": lzma.compress('{"text": "月"}\n'.encode()), "b.csv.bz2": bz2.compress("text\n光\n".encode())})
    source = Files(root)
    assert [d.text for item in source.inputs() for d in source.read(item)] == ["月", "光"]
