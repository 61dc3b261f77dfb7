"""All lines of a batch side by side, so that a rule looks at them in one pass, and texts without those that it refuses.

Test: tests/corpus/test_text_lines.py.
"""

import numpy as np
import pyarrow as pa

from telos.corpus.texts import Texts


class TextLines:
    """Line i is ``data[starts[i]:ends[i]]`` without its line feed; those of document d are ``first[d]`` to ``first[d + 1]``, at
    least one (the empty text has one empty line)."""

    def __init__(self, texts: Texts):
        self.texts = texts
        offsets, data = texts.offsets, texts.data
        feeds = np.flatnonzero(data[offsets[0] : offsets[-1]] == 10) + offsets[0] if len(texts) else np.zeros(0, np.int64)
        before = np.searchsorted(feeds, offsets)
        self.first = before - before[0] + np.arange(len(offsets))
        documents = np.repeat(np.arange(len(texts)), np.diff(before))
        self.starts = np.empty(self.first[-1], np.int64)
        self.starts[self.first[:-1]] = offsets[:-1]
        self.starts[np.arange(len(feeds)) + documents + 1] = feeds + 1
        self.ends = np.empty_like(self.starts)
        self.ends[:-1] = self.starts[1:] - 1
        self.ends[self.first[1:] - 1] = offsets[1:]

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def column(self) -> pa.LargeStringArray:
        """The lines as an Arrow column over the same bytes, each with the line feed that ends it."""
        offsets = np.append(self.starts, self.texts.offsets[-1])
        return pa.LargeStringArray.from_buffers(len(self), pa.py_buffer(offsets), self.texts.text.buffers()[2])

    @property
    def documents(self) -> np.ndarray:
        """int64: which document each line is of."""
        return np.repeat(np.arange(len(self.texts)), np.diff(self.first))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """int64, one a document: the sum of a number that each line has."""
        total = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
        return total[self.first[1:]] - total[self.first[:-1]]

    def without(self, refused: np.ndarray, blank: np.ndarray) -> tuple[pa.LargeStringArray, np.ndarray]:
        """(the texts without the refused lines, how many lines of each were refused).

        A document without refused lines stays as it is.  In others what is left is joined by line feeds, and of blank lines one
        stays between two lines that do."""
        from telos.corpus.kernels.text_lines import joined

        lost = self.sums(refused)
        if not lost.any():
            return self.texts.text, lost
        data, offsets = joined(self.texts.data, self.starts, self.ends, self.first, refused, blank, lost)
        return pa.LargeStringArray.from_buffers(len(self.texts), pa.py_buffer(offsets), pa.py_buffer(data)), lost
