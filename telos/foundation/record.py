"""metrics.jsonl: one JSON object a line, appended, never rewritten; the truth for every page and plot."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from telos.foundation.files import write_file


class Record:
    """An append-only JSON Lines file.

    ``keep(step)`` is called once on resume: it drops a half-written last line and every line of a step later than the
    checkpoint, because those steps are about to be done again.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - open as long as the record

    def append(self, **values: Any) -> None:
        """One line in one write, so that a crash leaves whole lines; a disk that takes only a part of it is asked again, and
        says then that it is full."""
        line = memoryview(orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")
        while line:
            line = line[self._file.write(line) :]

    def keep(self, step: int) -> None:
        lines = [line for line in read(self.path) if line.get("step", 0) <= step]
        whole = b"".join(orjson.dumps(line) + b"\n" for line in lines)
        self._file.close()
        write_file(self.path, whole)
        self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - open as long as the record

    def close(self) -> None:
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a record; a last line without its newline (a crash) is passed over."""
    if not Path(path).exists():
        return
    with open(path, "rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield orjson.loads(line)
