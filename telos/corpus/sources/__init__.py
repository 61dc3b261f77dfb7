"""The family of sources: where text comes from.

A source lists its inputs (a file, a page …) without reading them, and reads one input to documents.  The pipeline asks
for the list once, sorts it, and reads inputs in any order and on any machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from telos.foundation.spec import Spec, stable_hash

ADD_TEXT = "put .txt, .md, .jsonl, .csv, .parquet or source files into it, or choose another corpus.path"
"""What to do where there is no text."""


@dataclass(frozen=True, slots=True)
class Input:
    """``path``: relative, with ``/``, unique in its source; names documents and stays the same where a folder moves.
    ``location``: where to read it (a file's path).  ``size_bytes`` as it lies there.  ``modified_ns``: nanoseconds."""

    path: str
    location: str
    size_bytes: int
    modified_ns: int = 0


@dataclass(frozen=True, slots=True)
class RawDocument:
    """One document as it was found.

    ``place``: line or row in its input (from 1) where that holds several.  ``repaired``: how the bytes were read, if they
    were not whole UTF-8.  ``skipped``: the reason why this is not text (``text`` is then empty and ``size_bytes`` what was
    passed over)."""

    text: str
    place: int | None = None
    repaired: str | None = None
    skipped: str | None = None
    size_bytes: int = 0


class Source(Spec, family="telos.corpus.sources", default="files"):
    """Settings of a source, and its behaviour."""

    def inputs(self) -> list[Input]:
        """What there is to read, sorted by path; `TelosError` where the place does not exist or holds nothing."""
        raise NotImplementedError

    def read(self, item: Input) -> Iterator[RawDocument]:
        """The documents of one input, in their order; `TelosError` that names file and line where one is broken."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """16 hexadecimal digits that change when an input appears, goes, or changes in size or time; nothing is read."""
        return stable_hash([[i.path, i.size_bytes, i.modified_ns] for i in self.inputs()])
