"""SQL sources: files and DuckDB, SQLite through Daft; order, metadata, bad queries."""

import sqlite3

import pytest

from telos.corpus.engines.native import Native
from telos.corpus.pipeline import build_corpus
from telos.corpus.sources.sql import Sql
from telos.foundation.errors import TelosError

duckdb = pytest.importorskip("duckdb")


def rows(source):
    return [(d.text, d.place, d.metadata) for item in source.inputs() for d in source.read(item)]


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('id,body,mood\n3,"月光, b",好\n1,床前,坏\n2,,好\n')
    return path


def test_files_through_duckdb(csv):
    query = f"select id, body as text, mood from '{csv}' where id > 0"
    assert rows(Sql(query=query, keep=["mood"], id_field="id")) == [
        ("床前", "1", {"mood": "坏"}), ("", "2", {"mood": "好"}), ("月光, b", "3", {"mood": "好"})]  # fmt: skip
    assert [text for text, *_ in rows(Sql(query=query + " order by id desc;"))] == ["月光, b", "", "床前"]
    assert {place for _, place, _ in rows(Sql(query=query))} == {1, 2, 3}


def test_a_duckdb_file_is_only_read(tmp_path):
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("create table t as select 'text ' || range as text from range(5000)")
    assert len(rows(Sql(query="select * from t", connection=str(path)))) == 5000
    with pytest.raises(TelosError, match="read-only"):
        rows(Sql(query="delete from t -- order by nothing", connection=str(path)))


@pytest.fixture
def sqlite(tmp_path):
    with sqlite3.connect(tmp_path / "notes.db") as database:
        database.execute("create table notes (id integer, text text, label integer)")
        zh = "春眠不觉晓，处处闻啼鸟。"
        database.executemany("insert into notes values (?, ?, ?)", [(n, f"{zh * 5}{n}", n % 2) for n in range(300)])
    database.close()
    return f"sqlite:///{tmp_path / 'notes.db'}"


@pytest.mark.parametrize("workers", [1])
def test_a_corpus_from_sqlite(sqlite, tmp_path, workers):
    source = Sql(query="select * from notes", connection=sqlite, id_field="id", keep=["label"])
    corpus = build_corpus(source, out=tmp_path / "corpus", engine=Native(workers=workers))
    found = [d for split in ("train", "validation", "test") for d in corpus.documents(split)]
    assert {d.source for d in found} == {f"query:{n}" for n in range(300)}
    assert all(d.metadata["label"] == int(d.source[6:]) % 2 for d in found)


@pytest.mark.parametrize(
    ("settings", "must", "found"),
    [
        ({"query": "selec 1"}, "the query must run", "syntax error"),
        ({"query": "select 1 as n order by n"}, "the query must have the field 'text'", "fields n"),
        ({"query": "select 1 as text order by 1"}, "must hold text", "int in 'text'"),
        ({"query": "select 1", "connection": "nowhere.duckdb"}, "a DuckDB file or a database URL", "there is no nowhere.duckdb"),
        ({"query": "select 1 as text", "connection": "postgresql://x"}, "the query must run", ""),
    ],
)
def test_bad_queries(settings, must, found):
    with pytest.raises(TelosError) as error:
        rows(Sql(**settings))
    assert must in error.value.must
    assert found in error.value.found
    assert "\n" not in error.value.found
