"""Spans of noise in a row, and what a row becomes with them hidden behind sentinels."""

import numpy as np

from telos.foundation.compiled import compiled


@compiled
def last_of_parts(total: int, cuts: np.ndarray) -> np.ndarray:
    """bool (total,): whether a part of a composition of ``total`` ends with this one; a part ends behind each of ``cuts``, in any
    order, and at the end."""
    last = np.zeros(total, np.bool_)
    for cut in cuts:
        last[cut] = True
    last[-1] = True
    return last


@compiled
def alternating(length: int, noise: int, gap_cuts: np.ndarray, span_cuts: np.ndarray) -> np.ndarray:
    """bool (length,): where noise is.  A gap, a span of noise and so on: parts of compositions of what is shown and of noise."""
    gap_ends, span_ends = last_of_parts(length - noise, gap_cuts), last_of_parts(noise, span_cuts)
    mask = np.empty(length, np.bool_)
    shown, hidden, in_span = 0, 0, False
    for t in range(length):
        mask[t] = in_span
        if in_span:
            in_span = not span_ends[hidden]
            hidden += 1
        else:
            in_span = gap_ends[shown]
            shown += 1
    return mask


@compiled
def hidden_behind(
    ids: np.ndarray, documents: np.ndarray, count: int, noise: np.ndarray, sentinels: np.ndarray, leading: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(sources, their documents, targets, their documents); see `telos.objectives._spans.hidden_behind_sentinels`."""
    n = len(ids)
    sources, source_documents = np.empty(n + count * len(leading), np.int64), np.empty(n + count * len(leading), np.int64)
    targets, target_documents = np.empty(2 * n, np.int64), np.empty(2 * n, np.int64)
    read = written = t = 0
    for document in range(count):
        for one in leading:
            sources[read], source_documents[read] = one, document
            read += 1
        spans, in_span = 0, False
        while t < n and documents[t] == document:
            begins = noise[t] and not in_span
            in_span = noise[t]
            if begins:
                spans += 1
            if in_span and spans <= len(sentinels):
                if begins:
                    sentinel = sentinels[spans - 1]
                    sources[read], source_documents[read] = sentinel, document
                    targets[written], target_documents[written] = sentinel, document
                    read, written = read + 1, written + 1
                targets[written], target_documents[written] = ids[t], document
                written += 1
            else:
                sources[read], source_documents[read] = ids[t], document
                read += 1
            t += 1
    return sources[:read], source_documents[:read], targets[:written], target_documents[:written]
