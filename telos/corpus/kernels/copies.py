"""Which documents share band keys, and which of those are copies of which: union-find and the greedy choice."""

import numpy as np

from telos.foundation.compiled import compiled


@compiled
def find(parent: np.ndarray, i: int) -> int:
    """The smallest member of i's set, with the path to it halved."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@compiled
def union(parent: np.ndarray, i: int, j: int) -> None:
    i, j = find(parent, i), find(parent, j)
    parent[max(i, j)] = min(i, j)


@compiled
def union_equal(keys: np.ndarray, order: np.ndarray, parent: np.ndarray) -> None:
    """Unite documents with equal keys; ``order`` sorts the keys; key 0 unites nothing."""
    for k in range(1, len(order)):
        if keys[order[k]] == keys[order[k - 1]] and keys[order[k]] != 0:
            union(parent, order[k], order[k - 1])


@compiled
def roots(parent: np.ndarray) -> None:
    """Every document points at the smallest member of its set."""
    for i in range(len(parent)):
        parent[i] = find(parent, i)


@compiled
def similarity(a: np.ndarray, b: np.ndarray, threshold: float) -> float:
    """Jaccard similarity of two sorted sets, or 0 as soon as it is sure that it does not reach the threshold.

    |A ∩ B| ÷ |A ∪ B| ≥ t needs |A ∩ B| ≥ t (|A| + |B|) ÷ (1 + t), so that only so many of each may lie outside the other."""
    needed = threshold * (len(a) + len(b)) / (1 + threshold) - 1e-6
    spare_a, spare_b = len(a) - needed, len(b) - needed
    i, j, both = np.int64(0), np.int64(0), np.int64(0)
    while i < len(a) and j < len(b):
        x, y = a[i], b[j]
        both += np.int64(x == y)
        i += np.int64(x <= y)
        j += np.int64(y <= x)
        if i - both > spare_a or j - both > spare_b:
            return 0.0
    value = both / (len(a) + len(b) - both)
    return value if value >= threshold else 0.0


@compiled
def gather(
    slots: np.ndarray, groups: np.ndarray, filled: np.ndarray, i: int, parent: np.ndarray, own: int,
    shared: np.ndarray, found: np.ndarray, ordered: np.ndarray,
) -> int:  # fmt: skip
    """Documents in the lists of i's groups, with the most shared bands first: how many, in ``ordered``.  Those of the set
    ``own`` are left out (none where it is −1); ``shared`` is all zero before and after."""
    bands = groups.shape[0]
    count = 0
    for band in range(bands):
        group = groups[band, i]
        if group < 0:
            continue
        for k in range(filled[band, group]):
            other = slots[band, group + k]
            if shared[other] == 0:
                if own >= 0 and find(parent, other) == own:
                    continue
                found[count] = other
                count += 1
            shared[other] += np.uint16(1)
    places = np.zeros(bands + 2, np.int64)
    for k in range(count):
        places[bands - shared[found[k]] + 1] += 1
    for k in range(bands + 1):
        places[k + 1] += places[k]
    for k in range(count):
        at = bands - shared[found[k]]
        ordered[places[at]] = found[k]
        places[at] += 1
    for k in range(count):
        shared[found[k]] = 0
    return count


@compiled
def choose(
    groups: np.ndarray, fixed: np.ndarray, sets: np.ndarray, starts: np.ndarray, sizes: np.ndarray, threshold: float,
    most: int, longest_list: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Greedy choice in the documents' order, in which nothing that comes later is preferred to what comes before.

    ``groups``: (bands, documents) int32, equal for documents that share a band's key and at most the place of the first of
    them in any order by group, so that a group's members have room from there on; −1 for one alone.  A document is compared
    with documents before it that share a key: with those that are kept until one matches (then it is dropped), and with any
    in other sets, for sets of similar documents to be united.  Identical ones need not stand in the lists.

    Returns the keeper of each (int32, −1 where it is kept), the similarity to it (float64), and the first of its set."""
    bands, documents = groups.shape
    keepers = np.full(documents, -1, np.int32)
    alike = np.zeros(documents)
    parent = np.arange(documents).astype(np.int32)
    kept = np.empty((bands, documents), np.int32)
    variants = np.empty((bands, documents), np.int32)
    kept_filled = np.zeros((bands, documents), np.uint16)
    variants_filled = np.zeros((bands, documents), np.uint16)
    mixed = np.zeros((bands, documents), np.bool_)
    shared = np.zeros(documents, np.uint16)
    found = np.empty(min(documents, bands * longest_list) + 1, np.int32)
    ordered = np.empty(len(found), np.int32)
    closed = np.empty((bands, 1), np.int32)
    for i in range(documents):
        mine = sets[starts[i] : starts[i] + sizes[i]]
        count = gather(kept, groups, kept_filled, i, parent, -1, shared, found, ordered)
        tried, copy = 0, False
        for k in range(count):
            other = ordered[k]
            if tried == most:
                break
            if keepers[i] >= 0 and find(parent, other) == find(parent, i):
                continue
            tried += 1
            value = similarity(mine, sets[starts[other] : starts[other] + sizes[other]], threshold)
            if value > 0:
                union(parent, i, other)
                copy |= value == 1.0
                if keepers[i] < 0 and not fixed[i]:
                    keepers[i], alike[i] = other, value
        own = find(parent, i)
        for band in range(bands):
            # A list whose documents are all of this one's set has nothing to say.
            group = groups[band, i]
            closed[band, 0] = group
            one = group >= 0 and variants_filled[band, group] > 0 and not mixed[band, group]
            if one and find(parent, variants[band, group]) == own:
                closed[band, 0] = -1
        count = gather(variants, closed, variants_filled, 0, parent, own, shared, found, ordered)
        tried = 0
        for k in range(count):
            other = ordered[k]
            if tried == most:
                break
            if find(parent, other) == find(parent, i):
                continue
            tried += 1
            if similarity(mine, sets[starts[other] : starts[other] + sizes[other]], threshold) > 0:
                union(parent, i, other)
        if copy:
            continue
        for band in range(bands):
            group = groups[band, i]
            if group < 0:
                continue
            if keepers[i] < 0:
                at = kept_filled[band, group]
                if at < longest_list:
                    kept[band, group + at] = i
                    kept_filled[band, group] = at + 1
            else:
                at = variants_filled[band, group]
                if at > 0 and find(parent, variants[band, group]) != find(parent, i):
                    mixed[band, group] = True
                if at < longest_list:
                    variants[band, group + at] = i
                    variants_filled[band, group] = at + 1
    roots(parent)
    return keepers, alike, parent
