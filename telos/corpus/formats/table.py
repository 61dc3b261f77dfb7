"""Tables as text (CSV, TSV): a header line, or columns that the recipe names, then one document a row.

Tests: tests/corpus/test_files.py, tests/corpus/test_labels.py.
"""

import csv
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import PurePath

from telos.corpus.compression import Stream, inner_name, one_line
from telos.corpus.formats.json_lines import missing_field
from telos.corpus.lines import utf8_lines
from telos.corpus.sources import Fields, RawDocument
from telos.foundation.errors import TelosError

SUFFIXES = (".csv", ".tsv")
_LONGEST_FIELD = 2**31 - 1
_DELIMITERS = ",;\t|"


def read(stream: Stream, name: str, fields: Fields) -> Iterator[RawDocument]:
    """A document for each row; ``place`` is the line where the row ends.

    CSV follows RFC 4180, with the delimiter (comma, semicolon, tab or bar) whose header has the text field, or, without a
    header, at which the first line has as many columns as are named.  TSV has no quotation marks (IANA
    text/tab-separated-values): one in the text is a character, and never swallows lines.
    """
    # Python's own limit of 131,072 characters is process-wide, too; it keeps 4 bytes for each character of a field.
    csv.field_size_limit(min(_LONGEST_FIELD, stream.document_bytes // 4))
    repaired: str | None = None

    def lines() -> Iterator[str]:
        nonlocal repaired
        for _, line, how in utf8_lines(stream):
            repaired = repaired or how
            yield line.decode().replace("\0", "") + "\n"

    source = lines()
    head = []
    for line in source:
        head.append(line if line.strip() else "\n")
        if line.strip():
            break
    else:
        return
    delimiter = "\t" if _is_tsv(name) else _delimiter(head[-1], fields)
    rows = _rows(chain(head, source), delimiter, name)
    header = list(fields.columns) or [column.strip() for column in next(rows)[1]]
    needed = [fields.text, *fields.settings]
    for wanted in needed:
        if wanted not in header:
            raise _missing_column(name, wanted, fields, header, next(rows, (0, []))[1])
    column = header.index(fields.text)
    for number, row in rows:
        short = [wanted for wanted in needed if header.index(wanted) >= len(row)]
        if short:
            raise TelosError(f"{name}:{number} must have the column '{short[0]}'",
                             f"{len(row)} of the {len(header)} columns", "mend or remove that row")  # fmt: skip
        others = fields.metadata(dict(zip(header, row, strict=False)), f"{name}:{number}")
        yield RawDocument(row[column], number, repaired, metadata=others)


def _missing_column(name: str, wanted: str, fields: Fields, header: list[str], row: list[str]) -> TelosError:
    """The error for a column that the header has not: often the first line is no header."""
    error = missing_field(name, wanted, dict(zip(header, row, strict=False)), header)
    fix = error.fix
    if wanted != fields.text:
        fix = f"name it: corpus.{fields.settings[wanted]}=NAME, or leave the file out: corpus.exclude=PATTERN"
    if not fields.columns:
        fix += "; of a table without a header line name the columns: corpus.columns=[NAME, …]"
    return TelosError(error.must, error.found, fix)


def _is_tsv(name: str) -> bool:
    return PurePath(inner_name(name)).suffix.lower() == ".tsv"


def _rows(lines: Iterable[str], delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """(line on which the row ends, its fields) of each row that is not blank."""
    tabs = _is_tsv(name)
    rows = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL, strict=not tabs)
    try:
        for row in rows:
            if row:
                yield rows.line_num, row
    except csv.Error as error:
        raise TelosError(f"{name}:{rows.line_num} must be valid CSV", one_line(error), "mend that row") from None


def _delimiter(head: str, fields: Fields) -> str:
    """The one at which the header falls into columns with the text's among them, or the first line into as many as are named;
    a comma, if there is none."""
    if fields.columns:
        split = {d: len(next(csv.reader([head], delimiter=d), [])) for d in _DELIMITERS}
        return next((d for d, columns in split.items() if columns == len(fields.columns)), ",")
    return next((d for d in _DELIMITERS if fields.text in [c.strip(' "\r\n') for c in head.split(d)]), ",")
