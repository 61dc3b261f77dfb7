"""Files that may be compressed, as streams of plain bytes; a damaged one is an error that names it."""

import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from telos.foundation.errors import TelosError

SUFFIXES = {".gz": "gzip", ".zst": "Zstandard"}


def inner_name(name: str) -> str:
    """``poems.jsonl.gz`` → ``poems.jsonl``."""
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in SUFFIXES else name


class Stream(io.RawIOBase):
    """Plain bytes of a file, decompressed as they are read."""

    def __init__(self, location: str):
        self.location = location
        self.compression = SUFFIXES.get(Path(location).suffix.lower())
        self._file = self._open()

    def _open(self) -> BinaryIO:
        try:
            if self.compression == "gzip":
                return cast(BinaryIO, gzip.open(self.location))
            file = open(self.location, "rb")  # noqa: SIM115 (closed by close)
        except OSError as error:
            raise unreadable(self.location, error) from None
        if self.compression is None:
            return file
        import pyarrow

        return cast(BinaryIO, pyarrow.CompressedInputStream(pyarrow.PythonFile(file, "r"), "zstd"))

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Up to ``size`` bytes, all that are left without one."""
        try:
            return self._file.read() if size is None or size < 0 else self._file.read(size)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise self._damaged(error) from None
        except OSError as error:
            raise (unreadable(self.location, error) if self.compression is None else self._damaged(error)) from None

    def close(self) -> None:
        self._file.close()
        super().close()

    def _damaged(self, error: Exception) -> TelosError:
        return TelosError(f"{self.location} must be a whole {self.compression} file", one_line(error),
                          "copy or download it again, or leave it out with corpus.exclude")  # fmt: skip


def unreadable(location: str, error: OSError) -> TelosError:
    return TelosError(f"{location} must be readable", error.strerror or one_line(error),
                      "change its permissions, or leave it out with corpus.exclude")  # fmt: skip


def one_line(error: Exception) -> str:
    """What an exception says, on one line of at most 160 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:159] + "…"
