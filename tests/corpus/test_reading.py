import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telos.corpus import reading
from telos.corpus.clean import Clean, document_id, fingerprint
from telos.corpus.reading import ROW, rows_of
from telos.corpus.sources import Input
from telos.corpus.sources.files import Files


def parquet_bytes() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": ["月光", "two"]}), sink)
    return sink.getvalue().to_pybytes()


WHOLE = {
    "a.txt": "床前明月光\r\ncafé".encode(),
    "a.jsonl": '{"text": "月"}\n\n{"text": null}\n"b"\n'.encode(),
    "a.json": '[{"text": "月"}, "b"]'.encode(),
    "a.csv": 'n,text\n1,"月\n""b"""\n2,c\n'.encode(),
    "a.tsv": "n\ttext\n1\t月\n".encode(),
    "a.parquet": parquet_bytes(),
    "a.txt.gz": gzip.compress("月".encode()),
    "a.jsonl.zst": pa.compress(b'"x"\n', "zstd", asbytes=True),
}


def rows(path: Path, name: str, data: bytes, clean: Clean | None = None) -> list[dict]:
    file = path / name
    file.write_bytes(data)
    found = rows_of(Files(file), Input(name, str(file), len(data)), name, clean or Clean())
    assert {chunk.type for chunk in found} == {ROW}
    return [row for chunk in found for row in chunk.to_pylist()]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(WHOLE)), st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4), st.integers(0, 4)), max_size=4)
)
def test_damaged_files_are_read_or_named(tmp_path: Path, name: str, changes: list[tuple[int, bytes, int]]) -> None:
    """Whatever the bytes: each document is kept, refused or skipped with a reason, or the file is named in an error."""
    data = WHOLE[name]
    for at, put, cut in changes:
        at %= len(data) + 1  # noqa: PLW2901
        data = data[:at] + put + data[at + cut :]
    found = rows(tmp_path, name, data)
    assert found
    for row in found:
        assert sum(row[outcome] is not None for outcome in ("text", "refusal", "skipped", "problem")) == 1
        if row["text"] is not None:
            assert (row["bytes"], row["characters"]) == (len(row["text"].encode()), len(row["text"]))
            assert (row["id"], row["key"]) == (document_id(row["source"], row["text"]), fingerprint(row["text"]))
    for row in found[:-1]:
        assert row["problem"] is None
    if found[-1]["problem"] is not None:
        assert str(tmp_path / name) in found[-1]["problem"]


@pytest.mark.parametrize("limit", ["_CHUNK_BYTES", "_CHUNK_DOCUMENTS"])
def test_chunks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    data = "".join(f'{{"text": "{"donâ€™t 月" * (n % 3)}"}}\n' for n in range(50)).encode()
    whole = rows(tmp_path, "a.jsonl", data)
    monkeypatch.setattr(reading, limit, 3)
    assert rows(tmp_path, "a.jsonl", data) == whole
    assert [row["source"] for row in whole][:2] == ["a.jsonl:1", "a.jsonl:2"]
    assert whole[1]["text"] == "don’t 月"
    assert whole[1]["raw_bytes"] > whole[1]["bytes"]


def test_documents_before_a_broken_line_are_rows(tmp_path: Path) -> None:
    found = rows(tmp_path, "a.jsonl", b'"x"\n"y"\n{\n"z"\n')
    assert [row["text"] for row in found] == ["x", "y", None]
    assert found[-1]["problem"] is not None
