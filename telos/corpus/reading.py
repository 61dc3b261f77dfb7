"""From one input to cleaned rows: what runs inside the Daft plan, once an input.

Documents are read, tested and cleaned a few megabytes at a time, so that little more than the cleaned text is held.
"""

from collections.abc import Iterator

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from telos.corpus.clean import Clean, document_id, fingerprint
from telos.corpus.sources import Input, RawDocument, Source
from telos.foundation.errors import TelosError

ROW = pa.struct([
    ("source", pa.large_string()), ("raw_bytes", pa.int64()),
    ("repaired", pa.large_string()), ("skipped", pa.large_string()), ("problem", pa.large_string()),
    ("text", pa.large_string()), ("id", pa.large_string()), ("key", pa.large_string()),
    ("bytes", pa.int64()), ("characters", pa.int64()), ("refusal", pa.large_string()),
])  # fmt: skip
"""A document as it leaves reading.  Just one of these holds: ``text`` is there, or ``refusal`` says why `Clean` drops it,
or ``skipped`` why it is no text, or ``problem`` (must, found, fix as JSON) what is broken."""

_CHUNK_BYTES = 1 << 22
_CHUNK_DOCUMENTS = 4096
_Found = tuple[str, int, RawDocument]
"""(source with line, UTF-8 bytes of the raw text, the document)"""


def rows_of(source: Source, item: Input, path: str, clean: Clean) -> list[pa.Array]:
    """The rows of one input as struct arrays of `ROW`; the last row has the ``problem`` if the input is broken."""
    chunks: list[pa.Array] = []
    problem = None
    waiting: list[_Found] = []
    size = 0
    try:
        for found in _named(source, item, path):
            waiting.append(found)
            size += found[1]
            if size >= _CHUNK_BYTES or len(waiting) >= _CHUNK_DOCUMENTS:
                chunks.append(_cleaned(waiting, clean))
                waiting, size = [], 0
    except TelosError as error:
        problem = {"source": path, "raw_bytes": 0, "problem": orjson.dumps([error.must, error.found, error.fix]).decode()}
    chunks.append(_cleaned(waiting, clean))
    if problem is None and not any(map(len, chunks)):
        problem = {"source": path, "raw_bytes": item.size_bytes, "skipped": "empty"}
    return [*chunks, pa.array([problem] if problem else [], ROW)]


def _named(source: Source, item: Input, path: str) -> Iterator[_Found]:
    for raw in source.read(item):
        name = path if raw.place is None else f"{path}:{raw.place}"
        yield name, raw.size_bytes if raw.skipped else len(raw.text.encode()), raw


def _cleaned(found: list[_Found], clean: Clean) -> pa.Array:
    """Rows of documents.  One vectorised search (RE2) tells which texts `Clean` has to look into."""
    raw = pa.array([None if document.skipped else document.text for _, _, document in found], pa.large_string())
    suspects = pc.match_substring_regex(raw, clean.suspicion()).to_pylist()
    rows = [_row(name, size, document, bool(suspect), clean)
            for (name, size, document), suspect in zip(found, suspects, strict=True)]  # fmt: skip
    columns = list(zip(*rows, strict=True)) if rows else [()] * ROW.num_fields
    return pa.StructArray.from_arrays([pa.array(c, f.type) for c, f in zip(columns, ROW, strict=True)], fields=list(ROW))


def _row(name: str, size: int, document: RawDocument, suspect: bool, clean: Clean) -> tuple[object, ...]:
    if document.skipped is not None:
        return name, size, None, document.skipped, None, None, None, None, 0, 0, None
    text = clean.text(document.text, suspect)
    refusal = clean.refusal(text)
    if refusal is not None:
        return name, size, document.repaired, None, None, None, None, None, 0, 0, refusal
    utf8_bytes = size if text is document.text else len(text.encode())
    return (name, size, document.repaired, None, None, text, document_id(name, text), fingerprint(text), utf8_bytes,
            len(text), None)  # fmt: skip
