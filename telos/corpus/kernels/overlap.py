"""N-grams of tokens that texts share with a set: their hashes, a table of them, the passages that they cover."""

import numpy as np

from telos.corpus.kernels.tokens import BASE, mixed, tokens
from telos.foundation.compiled import compiled

_WHOLE = np.uint64(0xD6E8FEB86659FD93)
"""Stands before the hash of a text that counts only where it is the whole of another."""


@compiled
def _power(n: int) -> np.uint64:
    high = np.uint64(1)
    for _ in range(n):
        high *= BASE
    return high


@compiled
def _key(rolling: np.uint64, length: int, whole: bool) -> np.uint64:
    """Of a sequence of tokens, told by its length too; never 0, which marks a free slot."""
    key = mixed(rolling + np.uint64(length) * BASE)
    return mixed(key ^ _WHOLE if whole else key) | np.uint64(1)


@compiled
def keys(
    data: np.ndarray, offsets: np.ndarray, kinds: np.ndarray, lower: np.ndarray, n: np.ndarray, fewest: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(keys, the text each is of, its length in tokens, whether it must be a whole text) of texts to be found again.

    Of a text of ``n`` tokens or more every n-gram; of one with fewer the text itself, which from ``fewest`` on may stand
    anywhere and below must be all that there is."""
    most = np.int64(1)
    for i in range(len(offsets) - 1):
        most = max(most, offsets[i + 1] - offsets[i])
    hashes, places = np.zeros(most, np.uint64), np.zeros(most, np.int64)
    room = max(1, offsets[-1] - offsets[0])
    found, texts = np.zeros(room, np.uint64), np.zeros(room, np.int32)
    lengths, wholes = np.zeros(room, np.int32), np.zeros(room, np.bool_)
    at = 0
    for i in range(len(offsets) - 1):
        count = tokens(data, offsets[i], offsets[i + 1], kinds, lower, hashes, places, places)
        length = min(n[i], count)
        rolling, high = np.uint64(0), _power(length)
        for end in range(1, count + 1):
            rolling = rolling * BASE + hashes[end - 1]
            if end > length:
                rolling -= hashes[end - 1 - length] * high
            if end >= length:
                whole = count < fewest[i]
                found[at], texts[at], lengths[at], wholes[at] = _key(rolling, length, whole), i, length, whole
                at += 1
    return found[:at].copy(), texts[:at].copy(), lengths[:at].copy(), wholes[:at].copy()


@compiled
def _bit(key: np.uint64, mask: np.uint64) -> tuple[np.int64, np.uint8]:
    return np.int64((key >> np.uint64(24)) & mask), np.uint8(1 << ((key >> np.uint64(60)) & np.uint64(7)))


@compiled
def table(found: np.ndarray, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(slots of keys or 0, the text of each, bits): open addressing, filled to a half at most; the first text of a key stays.

    ``bits`` (16 or more a key) say of most other keys that they are not there, and fit the processor's cache."""
    size = 64
    while size < 2 * len(found):
        size *= 2
    slots, owners, bits = np.zeros(size, np.uint64), np.zeros(size, np.int32), np.zeros(size, np.uint8)
    mask = np.uint64(size - 1)
    for k in range(len(found)):
        place, bit = _bit(found[k], mask)
        bits[place] |= bit
        slot = np.int64((found[k] >> np.uint64(1)) & mask)
        while slots[slot] != 0 and slots[slot] != found[k]:
            slot = np.int64(np.uint64(slot + 1) & mask)
        if slots[slot] == 0:
            slots[slot], owners[slot] = found[k], texts[k]
    return slots, owners, bits


@compiled
def _owner(slots: np.ndarray, owners: np.ndarray, bits: np.ndarray, key: np.uint64) -> int:
    """The text of a key, or -1."""
    mask = np.uint64(len(slots) - 1)
    place, bit = _bit(key, mask)
    if bits[place] & bit == 0:
        return -1
    slot = np.int64((key >> np.uint64(1)) & mask)
    while slots[slot] != 0:
        if slots[slot] == key:
            return owners[slot]
        slot = np.int64(np.uint64(slot + 1) & mask)
    return -1


@compiled
def overlaps(
    data: np.ndarray, offsets: np.ndarray, kinds: np.ndarray, lower: np.ndarray, slots: np.ndarray, owners: np.ndarray,
    bits: np.ndarray, lengths: np.ndarray, most_whole: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(first text that is met or -1, tokens, tokens covered, passages as rows (document, first byte, end)) of documents.

    ``lengths``: of n-grams that are looked for.  ``most_whole``: tokens of the longest text that counts only as a whole."""
    documents = len(offsets) - 1
    most = np.int64(1)
    for i in range(documents):
        most = max(most, offsets[i + 1] - offsets[i])
    hashes, begins, stops = np.zeros(most, np.uint64), np.zeros(most, np.int64), np.zeros(most, np.int64)
    covered = np.zeros(most, np.bool_)
    first, totals, shared = np.full(documents, -1, np.int64), np.zeros(documents, np.int64), np.zeros(documents, np.int64)
    passages = np.zeros((64, 3), np.int64)
    many = 0
    for i in range(documents):
        count = tokens(data, offsets[i], offsets[i + 1], kinds, lower, hashes, begins, stops)
        totals[i] = count
        earliest = count
        for length in lengths:
            rolling, high = np.uint64(0), _power(length)
            for end in range(1, count + 1):
                rolling = rolling * BASE + hashes[end - 1]
                if end > length:
                    rolling -= hashes[end - 1 - length] * high
                if end >= length:
                    owner = _owner(slots, owners, bits, _key(rolling, length, False))
                    if owner >= 0:
                        covered[end - length : end] = True
                        if end - length < earliest:
                            first[i], earliest = owner, end - length
        if 0 < count <= most_whole and first[i] < 0:
            rolling = np.uint64(0)
            for k in range(count):
                rolling = rolling * BASE + hashes[k]
            first[i] = _owner(slots, owners, bits, _key(rolling, count, True))
            covered[:count] = first[i] >= 0
        k = 0
        while first[i] >= 0 and k < count:
            if not covered[k]:
                k += 1
                continue
            begin = k
            while k < count and covered[k]:
                covered[k] = False
                k += 1
            shared[i] += k - begin
            if many == len(passages):
                passages = np.append(passages, np.zeros_like(passages), 0)
            passages[many, 0], passages[many, 1], passages[many, 2] = i, begins[begin], stops[k - 1]
            many += 1
    return first, totals, shared, passages[:many].copy()
