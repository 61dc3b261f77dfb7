"""Hashed n-grams of tokens as features, and products of sparse rows of them with vectors."""

import numpy as np

from telos.corpus.kernels.tokens import BASE, mixed, tokens
from telos.foundation.compiled import compiled


@compiled
def _features(
    data: np.ndarray, at: int, end: int, longest: int, kinds: np.ndarray, lower: np.ndarray, hashes: np.ndarray,
    places: np.ndarray, counts: np.ndarray, buckets: np.ndarray, values: np.ndarray,
) -> int:  # fmt: skip
    """Fill in bucket and value of the features of one text, in the order in which they are met; how many there are.

    Values are log(1 + occurrences), scaled so that their squares sum to 1."""
    n = tokens(data, at, end, kinds, lower, hashes, places, places)
    found = 0
    for i in range(n):
        key = np.uint64(0)
        for length in range(1, min(longest, i + 1) + 1):
            key = key * BASE + hashes[i - length + 1]
            bucket = np.int64(mixed(key) % np.uint64(len(counts)))
            if counts[bucket] == 0:
                buckets[found] = bucket
                found += 1
            counts[bucket] += 1
    total = 0.0
    for k in range(found):
        values[k] = np.log1p(float(counts[buckets[k]]))
        counts[buckets[k]] = 0
        total += values[k] * values[k]
    for k in range(found):
        values[k] /= np.sqrt(total)
    return found


@compiled
def rows(
    data: np.ndarray, offsets: np.ndarray, longest: np.ndarray, kinds: np.ndarray, lower: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(ends, buckets, values): features of document i are at ``ends[i]`` to ``ends[i + 1]``; ``size`` buckets."""
    most = 1
    for i in range(len(offsets) - 1):
        most = max(most, offsets[i + 1] - offsets[i])
    hashes, places, counts = np.zeros(most, np.uint64), np.zeros(most, np.int64), np.zeros(size, np.int32)
    some, weights = np.zeros(3 * most, np.int64), np.zeros(3 * most)
    ends = np.zeros(len(offsets), np.int64)
    buckets, values = np.zeros(1 << 16, np.int64), np.zeros(1 << 16)
    for i in range(len(offsets) - 1):
        found = _features(data, offsets[i], offsets[i + 1], longest[i], kinds, lower, hashes, places, counts, some, weights)
        ends[i + 1] = ends[i] + found
        while ends[i + 1] > len(buckets):
            buckets, values = np.append(buckets, np.zeros_like(buckets)), np.append(values, np.zeros_like(values))
        buckets[ends[i] : ends[i + 1]], values[ends[i] : ends[i + 1]] = some[:found], weights[:found]
    return ends, buckets[: ends[-1]].copy(), values[: ends[-1]].copy()


@compiled
def margins(
    data: np.ndarray, offsets: np.ndarray, longest: np.ndarray, kinds: np.ndarray, lower: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """float64: Σ value × weight over each document's features."""
    most = 1
    for i in range(len(offsets) - 1):
        most = max(most, offsets[i + 1] - offsets[i])
    hashes, places, counts = np.zeros(most, np.uint64), np.zeros(most, np.int64), np.zeros(len(weights), np.int32)
    buckets, values = np.zeros(3 * most, np.int64), np.zeros(3 * most)
    out = np.zeros(len(offsets) - 1)
    for i in range(len(out)):
        found = _features(data, offsets[i], offsets[i + 1], longest[i], kinds, lower, hashes, places, counts, buckets, values)
        for k in range(found):
            out[i] += values[k] * weights[buckets[k]]
    return out


@compiled
def times(ends: np.ndarray, buckets: np.ndarray, values: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """X v."""
    out = np.zeros(len(ends) - 1)
    for i in range(len(out)):
        for k in range(ends[i], ends[i + 1]):
            out[i] += values[k] * vector[buckets[k]]
    return out


@compiled
def transposed_times(ends: np.ndarray, buckets: np.ndarray, values: np.ndarray, vector: np.ndarray, size: int) -> np.ndarray:
    """Xᵀ v."""
    out = np.zeros(size)
    for i in range(len(vector)):
        for k in range(ends[i], ends[i + 1]):
            out[buckets[k]] += values[k] * vector[i]
    return out
