"""EPUB: one book is one document.  Test: tests/corpus/extractors/test_epub.py."""

from collections.abc import Iterator

from telos.corpus.compression import Stream
from telos.corpus.sandbox import document_of
from telos.corpus.sources import Fields, RawDocument

SUFFIXES = (".epub",)


def read(stream: Stream, name: str, fields: Fields) -> Iterator[RawDocument]:
    """One document, or one that is skipped with the reason (`telos.corpus.extract`)."""
    yield document_of(stream, "epub", fields.extract)
