"""Parquet: one document a row, its text in one column; read a batch at a time."""

import io
from collections.abc import Iterator
from typing import Any

from telos.corpus.compression import Stream, one_line
from telos.corpus.encoding import decode
from telos.corpus.sources import Fields, RawDocument
from telos.foundation.errors import TelosError

SUFFIXES = (".parquet", ".pq")
_BATCH_ROWS = 1024


def read(stream: Stream, name: str, fields: Fields) -> Iterator[RawDocument]:
    """A document for each row; null is an empty text."""
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(stream.path or io.BytesIO(stream.read()))
        _check(file.schema_arrow, name, fields.text)
        number = 0
        kept = [column for column in fields.beside if column in file.schema_arrow.names and column != fields.text]
        for batch in file.iter_batches(_BATCH_ROWS, columns=[fields.text, *kept]):
            texts = _texts(batch.column(fields.text))
            others = batch.select(kept).to_pylist() if kept else [{}] * len(texts)
            for (text, repaired), metadata in zip(texts, others, strict=True):
                number += 1
                yield RawDocument(
                    text, number, repaired, metadata=fields.metadata(metadata | {fields.text: text}, f"{name}, row {number}")
                )
    except TelosError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise TelosError(f"{name} must be a whole Parquet file", one_line(error),
                         "copy or download it again, or leave it out with corpus.exclude") from None  # fmt: skip


def _texts(column: Any) -> list[tuple[str, str | None]]:
    """Each value, with how it was read where it is not UTF-8, as Arrow believes it to be without looking."""
    import pyarrow

    strings = column.cast(pyarrow.large_string())
    try:
        return [(text or "", None) for text in strings.to_pylist()]
    except UnicodeDecodeError:
        return [decode(data or b"") for data in strings.cast(pyarrow.large_binary()).to_pylist()]


def _check(schema: object, name: str, text_field: str) -> None:
    import pyarrow

    assert isinstance(schema, pyarrow.Schema)
    types = {field.name: field.type for field in schema}
    texts = [column for column, kind in types.items() if _is_text(kind)]
    fix = f"name it: corpus.text_field={texts[0] if texts else 'NAME'}, or leave the file out: corpus.exclude=PATTERN"
    if text_field not in types:
        raise TelosError(f"{name} must have the column '{text_field}'", f"columns {', '.join(types) or '(none)'}", fix)
    if not _is_text(types[text_field]):
        raise TelosError(f"{name} must have text in its column '{text_field}'", f"type {types[text_field]}", fix)


def _is_text(kind: object) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type  # type: ignore[attr-defined]
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
