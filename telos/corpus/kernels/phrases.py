"""A few phrases sought in bytes, ASCII capitals counted as small letters: most places are passed by after one look."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from telos.corpus.kernels.stop_words import folded
from telos.foundation.compiled import compiled

_FACTOR, _SLOTS = 0x9E3779B1, 4096


def pack(*groups: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(bytes, offsets, bit of its group, where to look: bool) of phrases; `groups_in` takes them."""
    encoded = [(_fold(phrase.encode()), 1 << group) for group, phrases in enumerate(groups) for phrase in phrases]
    look = np.zeros(_SLOTS + 1, np.bool_)
    for phrase, _ in encoded:
        if len(phrase) < 4:
            look[:] = True  # such a phrase is looked for everywhere
        else:
            key = sum((b | 0x20) << 8 * place for place, b in enumerate(phrase[:4]))
            look[(key * _FACTOR >> 20) % _SLOTS] = True
    return (
        np.frombuffer(b"".join(phrase for phrase, _ in encoded), np.uint8),
        np.cumsum([0, *(len(phrase) for phrase, _ in encoded)], dtype=np.int64),
        np.array([bit for _, bit in encoded], np.int64),
        look,
    )


def _fold(phrase: bytes) -> bytes:
    return bytes(b + 32 if 65 <= b <= 90 else b for b in phrase)


@compiled
def groups_at(text: np.ndarray, at: int, end: int, data: np.ndarray, offsets: np.ndarray, bits: np.ndarray) -> int:
    """Bits of the groups of which a phrase stands at text[at:], and before ``end``."""
    groups = 0
    for k in range(len(bits)):
        size = offsets[k + 1] - offsets[k]
        if at + size <= end:
            p = 0
            while p < size and folded(np.int64(text[at + p])) == data[offsets[k] + p]:
                p += 1
            if p == size:
                groups |= bits[k]
    return groups


@compiled
def groups_in(text: np.ndarray, start: int, end: int, data: np.ndarray, offsets: np.ndarray, bits: np.ndarray,
              look: np.ndarray) -> int:  # fmt: skip
    """Bits of the groups of which a phrase stands in text[start:end].  ``look``: hashes of four bytes that one begins with."""
    groups = 0
    key: Any = 0
    for at in range(start, end):
        key = key >> 8 | np.int64(text[at] | 0x20) << 24
        if look[(key * _FACTOR >> 20) % _SLOTS] and at >= start + 3:
            groups |= groups_at(text, at - 3, end, data, offsets, bits)
    if look[_SLOTS]:
        for at in range(max(start, end - 3), end):
            groups |= groups_at(text, at, end, data, offsets, bits)
    return groups
