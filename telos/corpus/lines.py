"""Lines of a stream in bounded memory, as UTF-8, whatever encoding the file is in."""

import io
from collections.abc import Iterator
from typing import BinaryIO, cast

from telos.corpus.compression import Stream
from telos.corpus.encoding import decode, mark

BLOCK_BYTES = 1 << 23
LONGEST_LINE_BYTES = 1 << 28
"""A longer line is no line of text; it would be held in memory as a whole before anything can be said of it."""


def utf8_lines(stream: Stream) -> Iterator[tuple[int, bytes, str | None]]:
    """(line number from 1, the line in UTF-8 without its ``\\n``, how it was read if it was not UTF-8).

    The file is decoded in blocks of whole lines; a block that is not UTF-8 is decoded as `decode` finds best, and the
    others are not touched by that."""
    head = stream.read(BLOCK_BYTES)
    found = mark(head)
    if found is not None and found[1] != "utf-8":
        yield from _wide_lines(head, stream, found)
        return
    number = 0
    for block in _blocks(head[len(found[0]) :] if found else head, stream):
        text, repaired = decode(block)
        lines = (text.encode() if repaired else block).split(b"\n")
        if not lines[-1]:
            del lines[-1]
        for line in lines:
            number += 1
            yield number, line, repaired


def _blocks(head: bytes, stream: Stream) -> Iterator[bytes]:
    """The stream in pieces that end at a line's end; `TooLarge` for a line that is longer than a document may be."""
    pieces, size, more = [head], len(head), head
    while more:
        cut = more.rfind(b"\n") + 1
        if cut:
            yield b"".join([*pieces[:-1], more[:cut]])
            pieces, size = [more[cut:]], len(more) - cut
        elif size > min(stream.document_bytes, LONGEST_LINE_BYTES):
            raise stream.too_large()
        more = stream.read(BLOCK_BYTES)
        pieces.append(more)
        size += len(more)
    if size:
        yield b"".join(pieces)


def _wide_lines(head: bytes, stream: Stream, found: tuple[bytes, str]) -> Iterator[tuple[int, bytes, str]]:
    bom, name = found
    joined = io.BufferedReader(cast(io.RawIOBase, _Joined(head[len(bom) :], stream)))
    text = io.TextIOWrapper(cast(BinaryIO, joined), encoding=name, errors="replace", newline="\n")
    for number, line in enumerate(text, 1):
        yield number, line.removesuffix("\n").encode(errors="replace"), name


class _Joined(io.RawIOBase):
    """A head that was read already, and then the rest of its stream."""

    def __init__(self, head: bytes, stream: Stream):
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        chunk = chunk or self._stream.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)
