"""CoNLL files: a word a line with its tag behind it, an empty line between sentences; a document a sentence.

Columns are parted by white space (Tjong Kim Sang and De Meulder 2003, "Introduction to the CoNLL-2003 Shared Task", section 3):
the first is "text", the last "tags", or they are called as the recipe names them.  Lines that begin with -DOCSTART- stand between
articles and are none.  Words are joined to a text as `telos.corpus.annotations.joined` does it.
Tests: tests/corpus/test_annotations.py.
"""

from collections.abc import Iterator

from telos.corpus.annotations import joined
from telos.corpus.compression import Stream
from telos.corpus.lines import utf8_lines
from telos.corpus.sources import Fields, RawDocument
from telos.foundation.errors import TelosError

SUFFIXES = (".conll", ".iob", ".iob2", ".bio")
_BETWEEN_ARTICLES = "-DOCSTART-"


def read(stream: Stream, name: str, fields: Fields) -> Iterator[RawDocument]:
    """A document for each sentence; ``place`` is the line where it begins."""
    rows: list[list[str]] = []
    first, repaired = 0, None
    for number, line, how in utf8_lines(stream):
        repaired = repaired or how
        columns = line.decode().replace("\0", "").split()
        if columns and columns[0] != _BETWEEN_ARTICLES:
            first = first if rows else number
            rows.append(columns)
            if len(columns) != len(rows[0]) or (fields.columns and len(columns) != len(fields.columns)):
                wanted = len(fields.columns) or len(rows[0])
                raise TelosError(f"{name}:{number} must have {wanted} columns, as the lines before it", str(len(columns)),
                                 "mend or remove that line; an empty line ends a sentence")  # fmt: skip
        elif rows:
            yield _sentence(rows, name, first, fields, repaired)
            rows = []
    if rows:
        yield _sentence(rows, name, first, fields, repaired)


def _sentence(rows: list[list[str]], name: str, line: int, fields: Fields, repaired: str | None) -> RawDocument:
    columns = [list(column) for column in zip(*rows, strict=True)]
    if fields.columns:
        values = dict(zip(fields.columns, columns, strict=True))
    else:
        values = {"text": columns[0]} | ({"tags": columns[-1]} if len(columns) > 1 else {})
    if fields.text not in values:
        raise TelosError(f"{name}:{line} must have the column '{fields.text}'", f"columns {', '.join(values)}",
                         "name it: corpus.text_field=NAME, and all columns: corpus.columns=[NAME, …]")  # fmt: skip
    text, _ = joined(values[fields.text])
    return RawDocument(text, line, repaired, metadata=fields.metadata(values, f"{name}:{line}"))
