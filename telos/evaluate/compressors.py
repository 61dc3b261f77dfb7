"""General compressors as baselines: how many bytes they need for a text, alone or after the training text.

    cost of a test text after a training text  =  size(train + test) − size(train)          (bytes)

The training text is compressed once: at its end the process forks, and the compressor's two copies finish with and without
the test text, which is exact and takes half the time.  The fork is made in a fresh interpreter of one thread.
Tests: tests/evaluate/test_compressors.py (equal to compressing twice, and to the command-line tools).
"""

import gzip
import lzma
import os
import subprocess
import sys
from collections.abc import Iterable

from telos.foundation.progress import progress

PRIMING_BYTES = 16_000_000
"""At most this much of the training text, its end, primes xz; it lies in the compressor's window of 64 MiB."""
_CHUNK_BYTES = 1_000_000
_LARGEST_DICTIONARY_BYTES = 2**26


def joined(texts: Iterable[str]) -> bytes:
    """Documents as one text for a compressor: a zero byte ends each, since a model, too, must say where one ends."""
    return b"".join(text.encode(errors="replace") + b"\0" for text in texts)


def gzip_bytes(text: bytes) -> int:
    """Size after ``gzip -9``."""
    return len(gzip.compress(text, 9, mtime=0))


def xz_bytes(text: bytes) -> int:
    """Size after ``xz -9e``."""
    compressor = _xz(len(text))
    return _feed(compressor, text, "xz") + len(compressor.flush())


def xz_primed_bytes(train: bytes, test: bytes) -> int:
    """Bytes that ``xz -9e`` adds for ``test`` when it comes after (the end of) ``train``."""
    tail = train[-PRIMING_BYTES:]
    process = subprocess.run(
        [sys.executable, "-m", "telos.evaluate.compressors"],
        input=len(tail).to_bytes(8, "little") + tail + test,
        stdout=subprocess.PIPE,
        check=True,
    )
    without, both = map(int, process.stdout.split())
    return both - without


def fork_sizes(first: bytes, second: bytes) -> tuple[int, int]:
    """(size of ``first``, size of ``first + second``) after ``xz -9e``; call it in a process of one thread."""
    compressor = _xz(len(first) + len(second))
    begun = _feed(compressor, first, "xz primed")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, (begun + len(compressor.flush())).to_bytes(8, "little"))
        finally:
            os._exit(0)
    os.close(writer)
    both = begun + _feed(compressor, second, None) + len(compressor.flush())
    alone = os.read(reader, 8)
    os.close(reader)
    os.waitpid(child, 0)
    assert len(alone) == 8, "the forked compressor died"
    return int.from_bytes(alone, "little"), both


def _xz(text_bytes: int) -> lzma.LZMACompressor:
    """``xz -9e``; the window is no larger than the text, which changes no byte and spares some hundred megabytes."""
    window = min(_LARGEST_DICTIONARY_BYTES, max(4096, text_bytes))
    return lzma.LZMACompressor(filters=[{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": window}])


def _feed(compressor: lzma.LZMACompressor, text: bytes, what: str | None) -> int:
    """Give the text to the compressor; how many bytes came out so far."""
    if what is None:
        return len(compressor.compress(text))
    written = 0
    with progress(what, len(text), "B") as advance:
        for at in range(0, len(text), _CHUNK_BYTES):
            written += len(compressor.compress(text[at : at + _CHUNK_BYTES]))
            advance(len(text[at : at + _CHUNK_BYTES]))
    return written


def main() -> None:
    """Standard input: 8 bytes with the length of the first text, then both.  Standard output: the two sizes."""
    given = sys.stdin.buffer.read()
    split = 8 + int.from_bytes(given[:8], "little")
    print(*fork_sizes(given[8:split], given[split:]))


if __name__ == "__main__":
    main()
