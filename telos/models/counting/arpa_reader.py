"""The lines of an ARPA file, checked one by one; `telos.models.counting.arpa` says what they mean.

Fields are parted by ASCII white space only, as toolkits do: a word may hold any other character.
Tests: tests/models/counting/test_arpa.py (bad files).
"""

import gzip
import math
import re
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np

from telos.foundation.errors import TelosError

BEGIN, END = "<s>", "</s>"
ZERO = -99.0
"""log10 of probability 0, by convention of the format."""

Fields = list[bytes]


class ArpaReader:
    """Reads a file from top to bottom: `sizes`, `words`, a `section` for each length above 1, `end`."""

    def __init__(self, name: str, file: IO[bytes]):
        self.name = name
        self._lines = ((number, line) for number, line in enumerate(file, start=1) if not line.isspace())

    def wrong(self, number: int | None, must: str, found: str) -> TelosError:
        place = self.name if number is None else f"{self.name}, line {number}"
        return TelosError(f"{must} (ARPA format)", f"{found} in {place}", "give the file as its toolkit wrote it")

    def _next(self, what: str) -> tuple[int, bytes]:
        try:
            return next(self._lines)
        except StopIteration:
            raise self.wrong(None, f"{what} must follow", "the end of the file") from None
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise self.wrong(None, "a gzipped file must be whole", str(error)) from None

    def _expect(self, line: str, why: str) -> None:
        number, found = self._next(line)
        if found.strip() != line.encode():
            raise self.wrong(number, f"{line} must follow, {why}", _shown(found))

    def sizes(self) -> list[int]:
        """How many n-grams of 1, 2 … words there are; reads up to the first section."""
        while self._next("\\data\\")[1].strip() != b"\\data\\":
            pass
        found: list[int] = []
        number, line = self._next("ngram 1=…")
        while match := re.fullmatch(rb"ngram\s+(\d+)\s*=\s*(\d+)", line.strip()):
            if int(match[1]) != len(found) + 1:
                raise self.wrong(number, f"ngram {len(found) + 1}=… must follow", _shown(line))
            found.append(int(match[2]))
            number, line = self._next("\\1-grams:")
        if not found or line.strip() != b"\\1-grams:":
            raise self.wrong(
                number, "\\1-grams: must follow the sizes" if found else "ngram 1=… must follow \\data\\", _shown(line)
            )
        return found

    def words(self, size: int) -> dict[str, tuple[float, float]]:
        """Word → (probability, weight), of the section of single words."""
        found: dict[str, tuple[float, float]] = {}
        for number, fields in self._entries(1, size):
            try:
                word = fields[1].decode()
            except UnicodeDecodeError:
                raise self.wrong(number, "words must be UTF-8", repr(fields[1])) from None
            if word in found:
                raise self.wrong(number, "each word must be listed once", f"{word!r} twice")
            found[word] = self._numbers(number, fields, 1)
        return found

    def section(self, length: int, size: int, tokens: dict[bytes, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(n-grams (m, length) of tokens, probabilities (m,), weights (m,)) of the section of one length."""
        self._expect(f"\\{length}-grams:", "as the sizes say")
        grams, values = np.empty((size, length), np.int64), np.empty((size, 2))
        begin, end = BEGIN.encode(), END.encode()
        for i, (number, fields) in enumerate(self._entries(length, size)):
            words = fields[1 : length + 1]
            if begin in words[1:] or end in words[:-1]:
                raise self.wrong(number, f"{BEGIN} must be first and {END} last in an n-gram", _shown(b" ".join(words)))
            try:
                grams[i] = [tokens[word] for word in words]
            except KeyError as error:
                raise self.wrong(number, "each word must be listed among the 1-grams", _shown(error.args[0])) from None
            values[i] = self._numbers(number, fields, length)
        return grams, values[:, 0], values[:, 1]

    def end(self) -> None:
        self._expect("\\end\\", "as the sizes say")

    def _entries(self, length: int, size: int) -> Iterator[tuple[int, Fields]]:
        """The fields of each of ``size`` lines: p, words, and perhaps a weight."""
        for left in range(size, 0, -1):
            number, line = self._next(f"{left} more n-grams of {length} words")
            fields = line.split()
            if len(fields) not in (length + 1, length + 2):
                raise self.wrong(number, f"a line must have a number, {length} words and perhaps a number", _shown(line))
            yield number, fields

    def _numbers(self, number: int, fields: Fields, length: int) -> tuple[float, float]:
        """(probability, weight) of a line."""
        try:
            log_p, log_weight = float(fields[0]), float(fields[length + 1]) if len(fields) > length + 1 else 0.0
        except ValueError:
            raise self.wrong(number, "a line must begin, and may end, with a number", _shown(b" ".join(fields))) from None
        if not (log_p <= 0 and math.isfinite(log_weight)):
            raise self.wrong(number, "log10 p must be at most 0, and a weight finite", f"{log_p} and {log_weight}")
        return (10.0**log_p if log_p > ZERO else 0.0), (10.0**log_weight if log_weight > ZERO else 0.0)


def _shown(line: bytes) -> str:
    return repr(line.strip()[:60].decode(errors="replace"))
