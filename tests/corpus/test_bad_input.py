"""What a user can get wrong: each error's three lines, and nothing half-written."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from telos.corpus.formats.json_lines import MEND_LINE
from telos.foundation.errors import TelosError

ADD = "put .txt, .md, .jsonl, .csv, .parquet or source files into it, or choose another corpus.path"
ZH = "床前明月光"


@pytest.fixture
def fails(build: Callable, tmp_path: Path) -> Callable[..., tuple[str, str, str]]:
    """The three lines of the error of a build; {} stands for the test's folder."""

    def run(path: Path, **settings: object) -> tuple[str, str, str]:
        with pytest.raises(TelosError) as error:
            build(path, **settings)
        assert not (tmp_path / "corpus").exists()
        assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
        parts = tuple(part.replace(str(tmp_path), "{}") for part in (error.value.must, error.value.found, error.value.fix))
        assert not any("\n" in part for part in parts)
        return parts  # type: ignore[return-value]

    return run


def test_an_empty_folder(fill: Callable, fails: Callable) -> None:
    assert fails(fill("t", {})) == ("the corpus must hold text: {}/t", "an empty folder", ADD)


def test_a_path_that_does_not_exist(fill: Callable, fails: Callable, tmp_path: Path) -> None:
    fill("my_texts", {"a.txt": ZH})
    must = "corpus.path must be a file or a folder that exists"
    assert fails(tmp_path / "my_textz") == (must, "there is no {}/my_textz", "write '{}/my_texts'")
    assert fails(tmp_path / "q" / "r") == (must, "there is no {}/q/r", "check its spelling")


def test_a_folder_with_only_binaries(fill: Callable, fails: Callable) -> None:
    root = fill("t", {"a.png": b"\x89PNG\0", "b.bin": b"\0", "c.rtf": b"{\\rtf"})
    found = "no document with any: 2 binary, 1 unsupported_format (a.png, b.bin, c.rtf)"
    assert fails(root) == ("the corpus must hold text", found, ADD)


def test_only_empty_files(fill: Callable, fails: Callable) -> None:
    assert fails(fill("t", {"a.txt": "", "b.md": " \n"}))[1] == "no document with any: 2 empty"


def test_nothing_included(fill: Callable, fails: Callable) -> None:
    found = "no file that corpus.include and corpus.exclude let through"
    assert fails(fill("t", {"a.txt": ZH}), include="*.md") == ("the corpus must hold text: {}/t", found, ADD)


def test_one_document_too_short_to_split(fill: Callable, fails: Callable) -> None:
    must = "a document must have about 320 characters or more to be split into train, validation, test"
    assert fails(fill("t", {"a.txt": ZH})) == (must, "one document of 5 characters", "add more text")
    assert fails(fill("t", {"b.txt": "moon"}))[1] == "2 documents, the longest of 5 characters"


def test_broken_json_names_its_line(fill: Callable, fails: Callable) -> None:
    root = fill("t", {"a.jsonl": '{"text": "月"}\n\n{"text": "光"\n{"text": "b"}\n'})
    assert fails(root) == ("{}/t/a.jsonl:3 must be valid JSON", "expecting ',' delimiter at column 13, near '{\"text\": \"光\"'",
                           MEND_LINE)  # fmt: skip


def test_broken_json_in_a_compressed_file_in_another_encoding(fill: Callable, fails: Callable) -> None:
    data = gzip.compress(f'{{"text": "{ZH * 9}"}}\n{{"text" "{ZH}"}}\n'.encode("gb18030"))
    assert fails(fill("t", {"a.jsonl.gz": data}))[0] == "{}/t/a.jsonl.gz:2 must be valid JSON"


def test_a_broken_json_document_names_its_line(fill: Callable, fails: Callable) -> None:
    root = fill("t", {"a.json": '[\n  {"text": "月"},\n  {"text": }\n]\n'})
    assert fails(root) == ("{}/t/a.json:3 must be valid JSON", "expecting value at column 12, near '  {\"text\": }'",
                           MEND_LINE)  # fmt: skip


def test_a_missing_field_names_those_there_are(fill: Callable, fails: Callable) -> None:
    root = fill("t", {"a.jsonl": '{"id": 7, "title": "t", "content": "a longer text"}\n'})
    assert fails(root) == ("{}/t/a.jsonl:1 must have the field 'text'", "fields id, title, content",
                           "name it: corpus.text_field=content, or leave the file out: corpus.exclude=PATTERN")  # fmt: skip
    assert fails(fill("t", {"a.jsonl": "[1]\n"}))[:2] == (
        "{}/t/a.jsonl:1 must be a JSON object with a field 'text', or a string", "list")  # fmt: skip
    assert fails(fill("t", {"a.jsonl": '{"text": 5}\n'}))[:2] == ("{}/t/a.jsonl:1 must have text in its field 'text'", "int: 5")


def test_tables(fill: Callable, fails: Callable) -> None:
    assert fails(fill("t", {"a.csv": "id,body\n1,a longer text\n"})) == (
        "{}/t/a.csv must have the field 'text'", "fields id, body",
        "name it: corpus.text_field=body, or leave the file out: corpus.exclude=PATTERN; "
        "of a table without a header line name the columns: corpus.columns=[NAME, …]")  # fmt: skip
    assert fails(fill("t", {"a.csv": "id,text\n1,a\n2\n"})) == (
        "{}/t/a.csv:3 must have the column 'text'", "1 of the 2 columns", "mend or remove that row")  # fmt: skip
    assert fails(fill("t", {"a.csv": 'id,text\n1,"never closed\n'}))[:2] == (
        "{}/t/a.csv:2 must be valid CSV",
        "unexpected end of data",
    )


def test_a_broken_gzip(fill: Callable, fails: Callable) -> None:
    whole = gzip.compress(os.urandom(200).hex().encode() * 20)
    fix = "copy or download it again, or leave it out with corpus.exclude"
    must = "{}/t/a.txt.gz must be a whole gzip file"
    assert fails(fill("t", {"a.txt.gz": whole[:-20]})) == (
        must, "Compressed file ended before the end-of-stream marker was reached", fix)  # fmt: skip
    assert fails(fill("t", {"a.txt.gz": b"not gzip"})) == (must, "Not a gzipped file (b'no')", fix)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    assert fails(fill("t", {"a.txt.gz": bytes(flipped)}))[0] == must


@pytest.mark.parametrize("cut", [slice(0, -9), slice(0, 40), slice(4, None)])
def test_a_broken_zstandard_file(fill: Callable, fails: Callable, cut: slice) -> None:
    whole = pa.compress(os.urandom(2000).hex().encode(), "zstd", asbytes=True)
    assert fails(fill("t", {"a.jsonl.zst": whole[cut]}))[0] == "{}/t/a.jsonl.zst must be a whole Zstandard file"


def test_a_parquet_without_the_column(fill: Callable, fails: Callable) -> None:
    root = fill("t", {})
    pq.write_table(pa.table({"id": [1], "body": ["x"]}), root / "a.parquet")
    fix = "name it: corpus.text_field=body, or leave the file out: corpus.exclude=PATTERN"
    assert fails(root) == ("{}/t/a.parquet must have the column 'text'", "columns id, body", fix)
    assert fails(root, text_field="id") == ("{}/t/a.parquet must have text in its column 'id'", "type int64", fix)
    (root / "a.parquet").write_bytes((root / "a.parquet").read_bytes()[:-9])
    assert fails(root)[0] == "{}/t/a.parquet must be a whole Parquet file"


def test_the_first_broken_file_is_named(fill: Callable, fails: Callable) -> None:
    root = fill("t", {"a.txt": ZH * 99, "b.jsonl": "{", "c.jsonl": "{"})
    assert fails(root)[0] == "{}/t/b.jsonl:1 must be valid JSON"


def test_no_room_on_the_disk(fill: Callable, fails: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("telos.foundation.files.shutil.disk_usage", lambda path: usage)
    must, found, _ = fails(fill("t", {"a.txt": "x" * 5000}))
    assert must.startswith("building the corpus needs 10 kB (10000 bytes) of free disk")
    assert found == "1 kB (1000 bytes) free"
