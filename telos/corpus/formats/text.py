"""Plain text and source code: one file is one document."""

from collections.abc import Iterator
from pathlib import PurePath

from telos.corpus.compression import Stream, inner_name
from telos.corpus.encoding import decode, mark
from telos.corpus.sources import Fields, RawDocument

_PROSE = ".txt .text .md .markdown .rst .adoc .org .tex .log .srt .vtt .po"
_CODE = """.py .pyi .pyx .js .mjs .ts .jsx .tsx .java .kt .scala .c .h .cc .cpp .cxx .hpp .hh .cs .go .rs .swift .m .mm .rb
    .pl .pm .php .lua .r .jl .hs .ml .mli .clj .ex .exs .erl .lisp .el .scm .f90 .f .sql .sh .bash .zsh .ps1 .bat .vim .cmake
    .css .scss .xml .svg .yaml .yml .toml .ini .cfg .conf .proto .v .sv .vhd .asm .s .cu"""
SUFFIXES = (*_PROSE.split(), *_CODE.split())
_HEAD_BYTES = 65_536


def read(stream: Stream, name: str, fields: Fields) -> Iterator[RawDocument]:
    """One document; skipped as "binary" with a NUL byte (outside UTF-16 and UTF-32, which a byte order mark tells).

    Where the suffix is not a known one, anything but UTF-8 without control characters counts as binary, too."""
    data = stream.read()
    known = PurePath(inner_name(name)).suffix.lower() in SUFFIXES
    if mark(data) is None and (b"\0" in data or not (known or _looks_like_text(data[:_HEAD_BYTES]))):
        yield RawDocument("", skipped="binary", size_bytes=len(data))
        return
    text, repaired = decode(data)
    yield RawDocument(text, repaired=repaired)


def _looks_like_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # else a character cut in two by the end of the head
            return False
        text = head[: error.start].decode()
    return not any(c < " " and c not in "\t\n\r\f\x1b" for c in text)
