import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telos.corpus import reading
from telos.corpus.account import Account
from telos.corpus.clean import Clean, document_id
from telos.corpus.inputs import Job
from telos.corpus.reading import Reader
from telos.corpus.sources import Input
from telos.corpus.sources.files import Files
from telos.foundation.errors import TelosError


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


def read(path: Path, name: str, data: bytes, clean: Clean | None = None) -> tuple[list[dict], Account, str | None]:
    """(documents that stay, account, the error that stopped it) of a file with these bytes."""
    file = path / name
    file.write_bytes(data)
    account, rows, problem = Account(), [], None
    reader = Reader([Files(file)], clean or Clean(), account, path / "marker", {})
    try:
        for texts, _ in reader.batches([Job(0, Input(name, str(file), len(data)), name)]):
            rows += texts.table.to_pylist()
    except TelosError as error:
        problem = str(error)
    return rows, account, problem


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(WHOLE)), st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4), st.integers(0, 4)), max_size=4)
)
def test_damaged_files_are_read_or_named(tmp_path: Path, name: str, changes: list[tuple[int, bytes, int]]) -> None:
    """Whatever the bytes: each document is kept, dropped or skipped with a reason, or the file is named in an error; and with
    ``broken=quarantine`` nothing stops, and what was read of a broken file stays."""
    data = WHOLE[name]
    for at, put, cut in changes:
        at %= len(data) + 1  # noqa: PLW2901
        data = data[:at] + put + data[at + cut :]
    rows, account, problem = read(tmp_path, name, data)
    for row in rows:
        assert row["id"] == document_id(row["source"], row["text"])
    if problem is None:
        first, second = account.stages["read"].as_dict(), account.stages["clean"].as_dict()
        assert first["documents_out"] == second["documents_in"]
        assert second["documents_out"] == len(rows)
        assert first["documents_in"] > 0
        return
    assert str(tmp_path / name) in problem
    kept, account, problem = read(tmp_path, name, data, Clean(broken="quarantine"))
    assert problem is None
    assert [q["source"] for q in account.quarantined] == [name]
    assert account.stages["read"].as_dict()["dropped"]["quarantined"] == 1
    assert kept[: len(rows)] == rows


@pytest.mark.parametrize("limit", ["BATCH_BYTES", "BATCH_DOCUMENTS"])
def test_batches_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    data = "".join(f'{{"text": "{"donâ€™t 月" * (n % 3)}"}}\n' for n in range(50)).encode()
    whole, account, _ = read(tmp_path, "a.jsonl", data)
    monkeypatch.setattr(reading, limit, 3)
    again, other, _ = read(tmp_path, "a.jsonl", data)
    assert again == whole
    assert other.as_dict() | {"seconds": 0} == account.as_dict() | {"seconds": 0}
    assert [row["source"] for row in whole][:2] == ["a.jsonl:2", "a.jsonl:3"]
    assert whole[0]["text"] == "don’t 月"
    assert whole[0]["raw_bytes"] > len(whole[0]["text"].encode())
    assert account.stages["clean"].dropped == {"empty": 17}
    assert account.changed["clean"][0]["after"].startswith("don’t")


def test_what_comes_before_a_broken_line_is_read(tmp_path: Path) -> None:
    data = b'"x"\n"y"\n{\n"z"\n'
    rows, account, problem = read(tmp_path, "a.jsonl", data, Clean(broken="quarantine"))
    assert [row["text"] for row in rows] == ["x", "y"]
    assert problem is None
    assert "a.jsonl:3 must be valid JSON" in account.quarantined[0]["reason"]
    assert "clean.broken=quarantine" in str(read(tmp_path, "a.jsonl", data)[2])


def test_a_librarys_own_complaint_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def burst(self: Files, item: Input) -> None:
        raise ValueError("bad\nmagic")

    monkeypatch.setattr(Files, "read", burst)
    assert "found: ValueError: bad magic" in str(read(tmp_path, "a.txt", b"x")[2])
    assert read(tmp_path, "a.txt", b"x", Clean(broken="quarantine"))[1].quarantined[0]["reason"] == "ValueError: bad magic"


def test_metadata_is_carried_along(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "月", "label": 1, "tags": ["诗"]}\n{"text": "b"}\n')
    reader = Reader([Files(file, keep=["label", "tags"])], Clean(), Account(), tmp_path / "marker", {})
    ((texts, dropped),) = reader.batches([Job(0, Input("a.jsonl", str(file), 1), "a.jsonl")])
    assert texts.table["metadata"].to_pylist() == ['{"label":1,"tags":["诗"]}', None]
    assert dropped is None
