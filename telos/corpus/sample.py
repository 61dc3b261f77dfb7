"""Less training text than there is, chosen by content hash: more is always a superset of less.

Training documents are taken in the order of a hash of (seed, content) until the next would pass ``max_bytes``; it is then
cut to fit where the ones before it fill less than half.  Validation and test stay whole, so results at different sizes
compare.  Test: tests/corpus/test_sample.py.
"""

import numpy as np

from telos.corpus.split import Assignment, Documents, Split, uniform

_UNLIMITED = np.iinfo(np.int64).max


def byte_limits(documents: Documents, split: Split, assignment: Assignment, max_bytes: int | None, seed: int) -> np.ndarray:
    """How many bytes of each document may be trained on, int64; 0 for those not sampled.

    Of a document that is cut by position only the head is training text; its size is then an estimate, to a few percent.
    """
    limits = np.full(len(documents), _UNLIMITED, np.int64)
    if max_bytes is None:
        return limits
    if assignment.split is None:
        train = np.ones(len(documents), bool)
        sizes = (documents.size_bytes * (1 - split.validation_fraction - split.test_fraction)).astype(np.int64)
    else:
        train, sizes = assignment.split == 0, documents.size_bytes
    order = np.flatnonzero(train)
    order = order[np.lexsort((order, uniform(documents.keys[order], seed, "sample")))]
    total = np.cumsum(sizes[order])
    taken = int(np.searchsorted(total, max_bytes, side="right"))
    filled = int(total[taken - 1]) if taken else 0
    limits[order[taken:]] = 0
    if taken < len(order) and filled < max_bytes / 2:
        limits[order[taken]] = max_bytes - filled
    return limits


def cut_to(text: str, size_bytes: int) -> str:
    """The longest beginning of a text with at most ``size_bytes`` bytes in UTF-8."""
    if len(text) * 4 <= size_bytes:
        return text
    return text.encode()[:size_bytes].decode(errors="ignore")
