"""Files that may be compressed, as streams of plain bytes; a damaged one is an error that names it.

A small file can unpack to any size.  Two limits hold whatever is read: a document (a whole file of one text, or a line of
many) has at most ``document_bytes``, and what comes out of a compressed file is at any moment at most `_MOST_RATIO` times what
went in, once it is more than a harmless amount.  Text compresses 3 to 20 times, gzip reaches 1,032 on zeros (zlib's
documentation, "Maximum Compression Factor"), Zstandard, bzip2 and xz far more.
Tests: tests/corpus/test_compression.py, tests/corpus/test_bombs.py.
"""

import bz2
import gzip
import io
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from telos.foundation.errors import TelosError
from telos.foundation.units import format_bytes

SUFFIXES = {".gz": "gzip", ".zst": "Zstandard", ".bz2": "bzip2", ".xz": "xz"}
DOCUMENT_BYTES = 1 << 30
_MOST_RATIO = 250
_HARMLESS_BYTES = 1 << 26
_BLOCK_BYTES = 1 << 20
_PIECE_BYTES = 1 << 16
_DAMAGE = (
    gzip.BadGzipFile,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    NotImplementedError,
)


class Damaged(TelosError):
    """What was read until now is whole, the rest is not to be had."""


class TooLarge(TelosError):
    """More bytes than a document, or what is unpacked, may have."""


def inner_name(name: str) -> str:
    """``poems.jsonl.gz`` → ``poems.jsonl``."""
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in SUFFIXES else name


class Stream(io.RawIOBase):
    """Plain bytes of a file, decompressed as they are read.

    ``location``: what errors call it.  ``path``: the file itself, where its bytes lie on the disk as they are read.
    ``stored_bytes``: its size there."""

    compression: str | None
    path: str | None

    def __init__(self, location: str, *, document_bytes: int = DOCUMENT_BYTES):
        self._begin(location, document_bytes, lambda: open(location, "rb"))  # noqa: SIM115 (closed by close)
        if self.compression is None:
            self.path = location

    @classmethod
    def of_member(cls, archive: zipfile.ZipFile, member: zipfile.ZipInfo, location: str, document_bytes: int) -> "Stream":
        """A member of a ZIP archive, which may be compressed itself, too."""
        stream = cls.__new__(cls)
        stream._begin(location, document_bytes, lambda: cast(BinaryIO, archive.open(member)), member.compress_size)
        stream.compression = stream.compression or "ZIP"
        stream._check_ratio(member.file_size, member.compress_size)  # what comes out is never more than it claims
        return stream

    def _begin(self, location: str, document_bytes: int, opened: Callable[[], BinaryIO], stored_bytes: int | None = None) -> None:
        self.location, self.document_bytes = location, document_bytes
        self.path = None
        self.compression = SUFFIXES.get(Path(location).suffix.lower())
        self._produced = 0
        try:
            file = opened()
            self.stored_bytes = os.fstat(file.fileno()).st_size if stored_bytes is None else stored_bytes
            self._inner = file
        except _DAMAGE as error:
            raise self._damaged(error) from None
        except RuntimeError as error:  # zipfile, where a member is encrypted
            raise self._damaged(error) from None
        except OSError as error:
            raise unreadable(location, error) from None
        self._file = _unpacked(file, self.compression)

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Up to ``size`` bytes, all that are left without one; `TooLarge` where they pass a limit."""
        if size is not None and size >= 0:
            return self._block(size)
        if self.path is not None and self.stored_bytes - self._produced > self.document_bytes:
            raise self.too_large()
        pieces, size = [], 0
        while block := self._block(_BLOCK_BYTES):
            pieces.append(block)
            size += len(block)
            if size > self.document_bytes:
                raise self.too_large()
        return b"".join(pieces)

    def _block(self, size: int) -> bytes:
        try:
            block = self._file.read(size)
        except _DAMAGE as error:
            raise self._damaged(error) from None
        except OSError as error:
            raise (unreadable(self.location, error) if self.compression is None else self._damaged(error)) from None
        self._produced += len(block)
        if self._file is not self._inner:
            self._check_ratio(self._produced, self._inner.tell())
        return block

    def _check_ratio(self, produced: int, consumed: int) -> None:
        if produced > max(_HARMLESS_BYTES, _MOST_RATIO * consumed):
            raise TooLarge(f"{self.location} must not unpack to more than {_MOST_RATIO} times its size",
                           f"{format_bytes(produced)} from {format_bytes(consumed)}",
                           "unpack it yourself if you trust it, or leave it out with corpus.exclude")  # fmt: skip

    def too_large(self) -> TooLarge:
        """The error for a document, or a line, that passes its limit."""
        return TooLarge("a document, or a line of many, must not be longer than the limit", f"a longer one in {self.location}",
                        "raise corpus.max_document_mb, or leave the file out with corpus.exclude")  # fmt: skip

    def close(self) -> None:
        if not self.closed and hasattr(self, "_file"):
            self._file.close()
        super().close()

    def _damaged(self, error: Exception) -> TelosError:
        return Damaged(f"{self.location} must be a whole {self.compression or 'ZIP'} file", one_line(error),
                       "copy or download it again, or leave it out with corpus.exclude")  # fmt: skip


class _Unpacked(io.RawIOBase):
    """A decompressor's bytes, all that come before a damaged place before the error; closes the file under it as well."""

    def __init__(self, outer: Any, inner: BinaryIO):
        self._outer, self._inner = outer, inner
        self._read_once = getattr(outer, "read1", outer.read)
        self._error: Exception | None = None

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        pieces: list[bytes] = []
        while self._error is None and size:
            try:
                block = self._read_once(min(size, _PIECE_BYTES))
            except (OSError, *_DAMAGE) as error:
                self._error = error
                break
            if not block:
                break
            pieces.append(block)
            size -= len(block)
        if self._error is not None and not pieces:
            raise self._error
        return b"".join(pieces)

    def close(self) -> None:
        self._outer.close()
        self._inner.close()
        super().close()


def _unpacked(file: BinaryIO, compression: str | None) -> BinaryIO:
    if compression is None:
        return file
    outer: Any
    if compression == "gzip":
        outer = gzip.GzipFile(fileobj=file, mode="rb")
    elif compression == "bzip2":
        outer = bz2.BZ2File(file)
    elif compression == "xz":
        outer = lzma.LZMAFile(file, format=lzma.FORMAT_XZ)  # noqa: SIM115 (closed by _Unpacked)
    else:
        import pyarrow

        outer = pyarrow.CompressedInputStream(pyarrow.PythonFile(file, "r"), "zstd")
    return cast(BinaryIO, _Unpacked(outer, file))


def unreadable(location: str, error: OSError) -> TelosError:
    return TelosError(f"{location} must be readable", error.strerror or one_line(error),
                      "change its permissions, or leave it out with corpus.exclude")  # fmt: skip


def one_line(error: Exception) -> str:
    """What an exception says, on one line of at most 160 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:159] + "…"
