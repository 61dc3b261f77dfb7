"""Batches whose content is a pure function of (seed, step).

An epoch is the documents in a permutation keyed by (seed, epoch), joined to one stream, cut into rows of equal length;
the rows are permuted again.  Every token is in exactly one row of the epoch, nothing is cropped, and only the epoch's last
row may be short.  Batch s holds rows s·B … s·B+B-1 of the endless sequence of epochs, so nothing but the step
need be remembered.  Tests: tests/tokens/test_batches.py.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Row:
    """``tokens`` (n,): the drawn ids, n = raw length (less in an epoch's last row).  ``previous``: the token before them
    in the stream (``end_of_text`` at the start).  ``documents`` (n,) int64: ordinal in the store of each token's document.
    ``number``: the row's place in the endless sequence, which keys its random draws."""

    tokens: np.ndarray
    previous: int
    documents: np.ndarray
    number: int
