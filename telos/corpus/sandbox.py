"""Extraction in a process apart, so that a document that hangs, crashes or swells cannot reach the job.

A reader that has a document to extract takes an idle process, or starts one, and gives it back; so there is one process for
each thread that extracts, and it serves one document after the other.  A process that has died, was killed or has grown is
replaced.  No document's fate hangs on what came before it: each may add half of the memory limit to what the process holds,
which is replaced when it holds the other half; and what crashes a process that had served before is tried once more in a
new one.  Processes end with the reader's process, however that ends.
Test: tests/corpus/test_sandbox.py.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from telos.corpus.compression import Stream
from telos.corpus.extract import Extract
from telos.corpus.extractors.frames import LENGTHS, pack
from telos.corpus.extractors.worker import OUT_OF_MEMORY
from telos.corpus.sources import RawDocument
from telos.foundation.errors import MissingExtra, TelosError

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from telos.corpus.extractors.worker import main; main()"
_MOST_HEAD_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 16
_READ_BYTES = 1 << 20
_START_SECONDS = 60.0
_LEAST_SECONDS = 1.0
_PATIENCE = 4.0
"""The deadline counts processor time; so many times as long on the clock (and the time to start) ends a process that waits
for nothing."""

FEATURES = {"html": "reading HTML", "pdf": "reading PDF", "docx": "reading DOCX", "epub": "reading EPUB"}


def document_of(stream: Stream, kind: str, extract: Extract) -> RawDocument:
    """The one document of a whole file, in the process for ``kind`` (a module of `telos.corpus.extractors`)."""
    if stream.path is not None and stream.stored_bytes > extract.input_bytes:
        return RawDocument("", skipped="too_large", size_bytes=stream.stored_bytes)
    pieces, size = [], 0
    while size <= extract.input_bytes and (block := stream.read(_READ_BYTES)):
        pieces.append(block)
        size += len(block)
    return extracted(b"".join(pieces), kind, extract)


def extracted(data: bytes, kind: str, extract: Extract, charset: str | None = None) -> RawDocument:
    """The document that is in ``data``, or one that is skipped with the reason (see `telos.corpus.extract`).

    ``charset``: what the server said of its encoding.  `MissingExtra` where the library is not installed."""
    if not data:
        return RawDocument("", skipped="empty")
    if len(data) > extract.input_bytes:
        return RawDocument("", skipped="too_large", size_bytes=len(data))
    request = extract.request() | {"kind": kind, "charset": charset}
    process, began = _taken(), time.monotonic()
    used = process.served > 0
    head, body = process.ask(request, data)
    if used and head.get("died"):
        _give_back(process, worn=True)
        process = _started()
        left = extract.deadline_seconds - (time.monotonic() - began)
        head, body = process.ask(request | {"deadline_seconds": max(_LEAST_SECONDS, left)}, data)
    _give_back(process, worn=head.get("worn", True))
    if head["status"] == "missing":
        raise _missing(FEATURES[kind], head["module"], head["why"])
    if head["status"] != "ok":
        return RawDocument("", skipped=head["status"], size_bytes=len(data))
    return RawDocument(body.decode(), metadata=head["metadata"])


def _missing(feature: str, module: str, why: str | None) -> TelosError:
    """The library is not there, or there and broken (``why``): nothing that belongs to one document."""
    return MissingExtra(feature, module, "corpus", why)


# -- processes ----------------------------------------------------------------------------------------------------------


class _Process:
    """One extraction process and the pipes to it."""

    def __init__(self) -> None:
        path = [os.path.abspath(entry) for entry in sys.path]
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self.served = 0
        self.popen = subprocess.Popen(
            [sys.executable, "-c", _START, json.dumps(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=os.environ | one_thread, bufsize=0, start_new_session=True,
        )  # fmt: skip
        assert self.popen.stdin is not None
        assert self.popen.stdout is not None
        self.requests, self.answers = self.popen.stdin.fileno(), self.popen.stdout.fileno()
        os.set_blocking(self.requests, False)
        os.set_blocking(self.answers, False)

    def ask(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        """The answer's head and body; where the process dies or is late, a head with that ``status``."""
        until = time.monotonic() + _PATIENCE * request["deadline_seconds"] + (0 if self.served else _START_SECONDS)
        self.served += 1
        try:
            self._write(pack(request, len(data)), until)
            self._write(data, until)
            start = self._read(LENGTHS.size, until)
            head_bytes, body_bytes = LENGTHS.unpack(start)
            if head_bytes > _MOST_HEAD_BYTES or body_bytes > request["output_bytes"]:
                return {"status": "extraction_output"}, b""
            return json.loads(self._read(head_bytes, until)), bytes(self._read(body_bytes, until))
        except TimeoutError:
            return {"status": "extraction_deadline"}, b""
        except (OSError, EOFError, ValueError):
            return self._end_of_it(), b""

    def _write(self, data: bytes, until: float) -> None:
        rest = memoryview(data)
        while rest:
            self._wait(self.requests, select.POLLOUT, until)
            with contextlib.suppress(BlockingIOError):
                rest = rest[os.write(self.requests, rest[:_BLOCK_BYTES]) :]

    def _read(self, size: int, until: float) -> bytearray:
        found = bytearray()
        while len(found) < size:
            self._wait(self.answers, select.POLLIN, until)
            with contextlib.suppress(BlockingIOError):
                block = os.read(self.answers, min(_BLOCK_BYTES, size - len(found)))
                if not block:
                    raise EOFError
                found += block
        return found

    @staticmethod
    def _wait(handle: int, event: int, until: float) -> None:
        waiting = select.poll()
        waiting.register(handle, event)
        if not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
            raise TimeoutError

    def _end_of_it(self) -> dict[str, Any]:
        """A head with the reason why the process ended; ``died``: not of the document alone, perhaps."""
        try:
            status = self.popen.wait(5)
        except subprocess.TimeoutExpired:
            return {"status": "extraction_crash", "died": True}
        if status == -signal.SIGPROF:
            return {"status": "extraction_deadline"}
        # A process killed from outside is one that the operating system chose when its own memory ended.
        starved = status in (OUT_OF_MEMORY, -signal.SIGKILL)
        return {"status": "extraction_memory" if starved else "extraction_crash", "died": True}

    def end(self) -> None:
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(ProcessLookupError):
            self.popen.kill()
        self.popen.wait()

    def forget(self) -> None:
        """In a copy of the reader's process: it is not ours, only the pipes are."""
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self.popen.returncode = 0


_lock = threading.Lock()
_all: list[_Process] = []
_idle: list[_Process] = []


def _taken() -> _Process:
    with _lock:
        while _idle:
            process = _idle.pop()
            if process.popen.poll() is None:
                return process
            _discard(process)
    return _started()


def _started() -> _Process:
    process = _Process()
    with _lock:
        _all.append(process)
    return process


def _give_back(process: _Process, *, worn: bool) -> None:
    with _lock:
        if worn:
            _discard(process)
        else:
            _idle.append(process)


def _discard(process: _Process) -> None:
    process.end()
    if process in _all:
        _all.remove(process)


def close() -> None:
    """End all extraction processes of this process; the next document starts one."""
    with _lock:
        _idle.clear()
        while _all:
            _all.pop().end()


def _forget() -> None:
    global _lock  # noqa: PLW0603 (another thread may have held it when the process was copied)
    _lock = threading.Lock()
    for process in _all:
        process.forget()
    _all.clear()
    _idle.clear()


atexit.register(close)
os.register_at_fork(after_in_child=_forget)
