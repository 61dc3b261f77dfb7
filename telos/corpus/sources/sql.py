"""The rows of an SQL query: files and DuckDB databases through DuckDB, any other database through Daft and SQLAlchemy.

Rows come in an order that the query's own ORDER BY gives, or else are sorted by ``id_field`` or the text, so that the same rows
give the same corpus.  DuckDB streams; of another database Daft holds the whole result.  Test: tests/corpus/test_sql.py.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from telos.corpus.compression import one_line
from telos.corpus.engine import daft
from telos.corpus.formats.json_lines import missing_field
from telos.corpus.sources import Fields, Input, RawDocument, Source, several
from telos.foundation.errors import TelosError, require
from telos.foundation.spec import stable_hash

_BATCH_ROWS = 2048


class Sql(Source):
    """``query``: a SELECT; with DuckDB it may name files, as in ``select body as text from 'articles/*.parquet'``.
    ``connection``: a DuckDB file, or a database URL as SQLAlchemy has them (``sqlite:///notes.db``, ``postgresql://…``); null:
    DuckDB in memory.  ``text_field``: the column with the text; ``keep``: columns carried along as metadata; ``label_field`` and
    the other fields of annotations: as of files; ``id_field``: a column that names rows, by default their number."""

    query: str = Field(min_length=1)
    connection: str | None = None
    text_field: str = "text"
    keep: str | list[str] = Field(default_factory=list)
    label_field: str | None = None
    target_field: str | None = None
    negative_field: str | list[str] = Field(default_factory=list)
    value_field: str | None = None
    weight_field: str | None = None
    tags_field: str | None = None
    question_field: str | None = None
    answers_field: str | None = None
    id_field: str | None = None

    def inputs(self) -> list[Input]:
        """One: the query.  Its size is not known beforehand."""
        database = Path(self.connection) if self.connection and "://" not in self.connection else None
        if database is not None and not database.is_file():
            raise TelosError("corpus.connection must be a DuckDB file or a database URL", f"there is no {database}",
                             "check its spelling, or write sqlite:///FILE, postgresql://… for other databases")  # fmt: skip
        size = database.stat().st_size if database else 0
        return [Input("query", self.query, size, database.stat().st_mtime_ns if database else 0)]

    def read(self, item: Input) -> Iterator[RawDocument]:
        """A document a row; `TelosError` where the database does not answer or the query fails."""
        for number, row in enumerate(self._rows(), 1):
            if self.text_field not in row:
                raise missing_field("the query", self.text_field, {k: v for k, v in row.items() if isinstance(v, str)}, list(row))
            text = row[self.text_field]
            if text is not None and not isinstance(text, str):
                found = f"{type(text).__name__} in '{self.text_field}'"
                raise TelosError("the query's column with the text must hold text", found,
                                 "name another column: corpus.text_field=NAME")  # fmt: skip
            place = number if self.id_field is None else str(row.get(self.id_field))
            yield RawDocument(text or "", place, metadata=self.fields.metadata(row, f"the query, row {number}"))

    @property
    def fields(self) -> Fields:
        return Fields(self.text_field, tuple(several(self.keep)), annotations=self.annotation_fields,
                      negatives=tuple(several(self.negative_field)))  # fmt: skip

    def fingerprint(self) -> str:
        """That of the settings and of the database's file: what a server holds is not asked."""
        return stable_hash([self.dump(), [[i.size_bytes, i.modified_ns] for i in self.inputs()]])

    def _rows(self) -> Iterator[dict[str, Any]]:
        query = self.query.strip().rstrip(";")
        if not re.search(r"\border\s+by\b", query, re.IGNORECASE):
            query = f'SELECT * FROM ({query}) AS rows_of_query ORDER BY "{self.id_field or self.text_field}"'
        try:
            yield from self._from_url(query) if self.connection and "://" in self.connection else self._from_duckdb(query)
        except TelosError:
            raise
        except Exception as error:
            raise TelosError("the query must run", one_line(error)[:300], "check corpus.query and corpus.connection") from None

    def _from_duckdb(self, query: str) -> Iterator[dict[str, Any]]:
        duckdb: Any = require("duckdb", extra="sql", feature="corpus.kind=sql")
        with duckdb.connect(self.connection or ":memory:", read_only=self.connection is not None) as database:
            found = database.execute(query)
            names = [column[0] for column in found.description]
            while rows := found.fetchmany(_BATCH_ROWS):
                yield from (dict(zip(names, row, strict=True)) for row in rows)

    def _from_url(self, query: str) -> Iterator[dict[str, Any]]:
        sqlalchemy: Any = require("sqlalchemy", extra="sql", feature="corpus.connection=URL")
        require("sqlglot", extra="sql", feature="corpus.connection=URL")  # by which Daft reads the query
        engine = sqlalchemy.create_engine(self.connection)
        try:
            yield from daft().read_sql(query, engine.connect).iter_rows()
        finally:
            engine.dispose()
