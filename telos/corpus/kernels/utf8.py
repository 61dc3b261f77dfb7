"""Code points of UTF-8 bytes, for other kernels."""

import numpy as np

from telos.foundation.compiled import compiled


@compiled
def code_point(data: np.ndarray, at: int, end: int) -> tuple[np.int64, int]:
    """(code point, bytes that it takes) of whole UTF-8, as Arrow's strings are, at a character's first byte."""
    b = np.int64(data[at])
    if b < 0x80:
        return b, 1
    if b < 0xE0:
        return ((b & 0x1F) << 6) | (np.int64(data[at + 1]) & 0x3F), 2
    if b < 0xF0:
        return ((b & 0x0F) << 12) | ((np.int64(data[at + 1]) & 0x3F) << 6) | (np.int64(data[at + 2]) & 0x3F), 3
    high = ((b & 0x07) << 18) | ((np.int64(data[at + 1]) & 0x3F) << 12)
    return high | ((np.int64(data[at + 2]) & 0x3F) << 6) | (np.int64(data[at + 3]) & 0x3F), 4
