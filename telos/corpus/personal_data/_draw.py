"""Draws for made-up values: a pure function of (seed, type, value), so that one value becomes the same everywhere."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


class Draw:
    """Numbers from SHAKE-256 (FIPS 202) over the key, as many as are asked for."""

    def __init__(self, seed: int, kind: str, value: str):
        self._hash = hashlib.shake_256(f"{seed}\x1f{kind}\x1f{value}".encode())
        self._used = 0

    def below(self, most: int) -> int:
        """A number of 0 … most - 1 (most far below 2^64)."""
        self._used += 8
        return int.from_bytes(self._hash.digest(self._used)[-8:], "little") % most

    def one_of(self, items: Sequence[Item]) -> Item:
        return items[self.below(len(items))]

    def letters(self, count: int, alphabet: str = "abcdefghijklmnopqrstuvwxyz") -> str:
        return "".join(self.one_of(alphabet) for _ in range(count))

    def digits(self, count: int) -> str:
        return self.letters(count, "0123456789")

    def hexadecimal(self, count: int) -> str:
        return self.letters(count, "0123456789abcdef")


def written_like(digits: str, pattern: str) -> str:
    """``digits`` with the signs of ``pattern``, which holds as many digits or letters, between them."""
    left = iter(digits)
    return "".join(next(left) if c.isalnum() else c for c in pattern)
