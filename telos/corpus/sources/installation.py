"""The text of this Python installation: the standard library's sources with their documentation strings.

It needs no download, and holds English prose and code (pydoc_data has the language reference): some 730 files, 12 MB with
Python 3.11.  Tests and site-packages are excluded.  Test: tests/corpus/test_installation.py.
"""

import os
import platform
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from telos.corpus.compression import Stream
from telos.corpus.formats import text
from telos.corpus.sources import Fields, Input, RawDocument, Source
from telos.foundation.errors import TelosError
from telos.foundation.spec import stable_hash

_EXCLUDED = frozenset({"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"})


class Installation(Source):
    """The default corpus; it has no settings."""

    def inputs(self) -> list[Input]:
        """The library's .py files, sorted by path."""
        root = Path(sysconfig.get_path("stdlib"))
        items = []
        for folder, inner, names in os.walk(root):
            inner[:] = [name for name in inner if name not in _EXCLUDED]
            for name in names:
                if name.endswith(".py"):
                    file = Path(folder, name)
                    facts = file.stat()
                    items.append(Input(file.relative_to(root).as_posix(), str(file), facts.st_size, facts.st_mtime_ns))
        if not items:
            raise TelosError("the corpus 'installation' needs the sources of Python's standard library",
                             f"none at {root}", "give a folder of text instead: corpus.path=FOLDER")  # fmt: skip
        return sorted(items, key=lambda item: item.path)

    def read(self, item: Input) -> Iterator[RawDocument]:
        with Stream(item.location) as stream:
            yield from text.read(stream, item.location, Fields())

    def fingerprint(self) -> str:
        """That of the Python version as well: its files' times say when it was installed, not what they hold."""
        return stable_hash([platform.python_version(), [[i.path, i.size_bytes] for i in self.inputs()]])
