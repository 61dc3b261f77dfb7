"""Sources and targets of a row's documents, laid out for a model; see `telos.objectives._paired`."""

import numpy as np

from telos.foundation.compiled import compiled


@compiled
def with_ends(
    ids: np.ndarray, documents: np.ndarray, count: int, end_of_text: int, begin_of_text: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(ids, segments from 1, what stands before each id), int64, int32, int64: every document ends with the end of text, and what
    begins a text stands before its first id."""
    n = len(ids) + count
    joined, segments, before = np.empty(n, np.int64), np.empty(n, np.int32), np.empty(n, np.int64)
    at = t = 0
    for document in range(count):
        before[at] = begin_of_text
        while t < len(ids) and documents[t] == document:
            joined[at] = before[at + 1] = ids[t]
            segments[at] = document + 1
            at, t = at + 1, t + 1
        joined[at] = end_of_text
        segments[at] = document + 1
        at += 1
    return joined, segments, before


@compiled
def in_one_row(
    sources: np.ndarray, source_documents: np.ndarray, targets: np.ndarray, target_documents: np.ndarray, count: int,
    end_of_text: int, begin_of_text: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(ids, segments from 1, what stands before each id, weights, prefix), int64, int32, int64, float32, bool: each document's
    source and its target behind it, both with their ends of text.  The prefix: what stands behind a token of the source, and the
    first token of all."""
    n = len(sources) + len(targets) + 2 * count
    joined, segments, before = np.empty(n, np.int64), np.empty(n, np.int32), np.empty(n, np.int64)
    weights, prefix = np.zeros(n, np.float32), np.ones(n, np.bool_)
    at = read = written = 0
    for document in range(count):
        start = at
        while read < len(sources) and source_documents[read] == document:
            joined[at] = sources[read]
            at, read = at + 1, read + 1
        joined[at] = end_of_text
        at += 1
        middle = at
        while written < len(targets) and target_documents[written] == document:
            joined[at] = targets[written]
            at, written = at + 1, written + 1
        joined[at] = end_of_text
        at += 1
        segments[start:at] = document + 1
        weights[middle:at] = 1
        prefix[middle + 1 : at] = False
        before[start] = begin_of_text
        for t in range(start + 1, at):
            before[t] = joined[t - 1]
    return joined, segments, before, weights, prefix
