"""Tables as text (CSV, TSV): a header line, then one document a row."""

import csv
from collections.abc import Iterator
from pathlib import PurePath
from typing import Literal

from telos.corpus.compression import Stream, inner_name
from telos.corpus.formats.json_lines import missing_field
from telos.corpus.lines import utf8_lines
from telos.corpus.sources import RawDocument
from telos.foundation.errors import TelosError

SUFFIXES = (".csv", ".tsv")
_LONGEST_FIELD = 2**31 - 1
_DELIMITERS = ",;\t|"


def read(stream: Stream, name: str, text_field: str) -> Iterator[RawDocument]:
    """A document for each row; ``place`` is the line where the row ends.

    CSV follows RFC 4180, with the delimiter (comma, semicolon, tab or bar) whose header has the text field.  TSV has no
    quotation marks (IANA text/tab-separated-values): one in the text is a character, and never swallows lines.
    """
    csv.field_size_limit(_LONGEST_FIELD)  # Python's own limit of 131,072 characters is process-wide, too
    repaired: str | None = None

    def lines() -> Iterator[str]:
        nonlocal repaired
        for _, line, how in utf8_lines(stream):
            repaired = repaired or how
            yield line.decode().replace("\0", "") + "\n"

    source = lines()
    header_line = next(source, "")
    if not header_line.strip():
        return
    tabs = PurePath(inner_name(name)).suffix.lower() == ".tsv"
    delimiter = "\t" if tabs else _delimiter(header_line, text_field)
    header = _row(header_line, delimiter, tabs)
    quoting: Literal[0, 3] = csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL
    rows = csv.reader(source, delimiter=delimiter, quoting=quoting, strict=not tabs)
    if text_field not in header:
        first = next(rows, [])
        raise missing_field(name, text_field, dict(zip(header, first, strict=False)), header)
    column = header.index(text_field)
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise TelosError(f"{name}:{rows.line_num + 1} must be valid CSV", str(error), "mend that row") from None
        if row is None:
            return
        if not row:
            continue
        if len(row) <= column:
            raise TelosError(f"{name}:{rows.line_num + 1} must have the column '{text_field}'",
                             f"{len(row)} of the {len(header)} columns", "mend or remove that row")  # fmt: skip
        yield RawDocument(row[column], rows.line_num + 1, repaired)


def _row(line: str, delimiter: str, tabs: bool) -> list[str]:
    quoting: Literal[0, 3] = csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL
    return [name.strip() for name in next(csv.reader([line], delimiter=delimiter, quoting=quoting))]


def _delimiter(header_line: str, text_field: str) -> str:
    return next((d for d in _DELIMITERS if text_field in _row(header_line, d, False)), ",")
