"""Parts of documents that are ZIP files inside (DOCX, EPUB)."""

import io
import zipfile
import zlib

from telos.corpus.extractors import Refused


class Parts:
    """The members of a ZIP file by name; what is damaged or encrypted is `Refused`."""

    def __init__(self, data: bytes):
        try:
            self.archive = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError):
            raise Refused("extraction_failed") from None
        self.names = frozenset(self.archive.namelist())

    def read(self, name: str) -> bytes:
        """A whole member."""
        try:
            info = self.archive.getinfo(name)
            if info.flag_bits & 1:
                raise Refused("encrypted")
            return self.archive.read(info)
        except (KeyError, zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, OSError, EOFError):
            raise Refused("extraction_failed") from None
