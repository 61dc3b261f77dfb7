"""Tables as text (CSV, TSV): a header line, then one document a row."""

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

    CSV follows RFC 4180, with the delimiter (comma, semicolon, tab or bar) whose header has the text field.  TSV has no
    quotation marks (IANA text/tab-separated-values): one in the text is a character, and never swallows lines.
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
    delimiter = "\t" if _is_tsv(name) else _delimiter(head[-1], fields.text)
    rows = _rows(chain(head, source), delimiter, name)
    header = [column.strip() for column in next(rows)[1]]
    if fields.text not in header:
        raise missing_field(name, fields.text, dict(zip(header, next(rows, (0, []))[1], strict=False)), header)
    column = header.index(fields.text)
    kept = [(name, header.index(name)) for name in fields.keep if name in header]
    for number, row in rows:
        if len(row) <= column:
            raise TelosError(f"{name}:{number} must have the column '{fields.text}'",
                             f"{len(row)} of the {len(header)} columns", "mend or remove that row")  # fmt: skip
        others = {name: row[place] for name, place in kept if place < len(row)}
        yield RawDocument(row[column], number, repaired, metadata=others)


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


def _delimiter(header: str, text_field: str) -> str:
    """The one at which the header falls into columns with this name among them; a comma, if there is none."""
    return next((d for d in _DELIMITERS if text_field in [c.strip(' "\r\n') for c in header.split(d)]), ",")
