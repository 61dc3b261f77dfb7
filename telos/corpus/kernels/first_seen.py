"""Which items of a sequence of hashes were there before: open addressing in a table that is used again and again."""

import numpy as np

from telos.foundation.compiled import compiled


@compiled
def slots_for(items: int) -> int:
    """A power of two, at least twice as many."""
    slots = 16
    while slots < 2 * items:
        slots *= 2
    return slots


@compiled
def first_seen(hashes: np.ndarray, which: np.ndarray, items: int, slots: np.ndarray, firsts: np.ndarray) -> None:
    """``firsts[p]`` becomes the first position with the hash of p, for the positions p = ``which[0] … which[items - 1]``
    in their order.  ``slots``: int32, at least `slots_for` (items); its content is lost."""
    size = slots_for(items)
    last = size - 1
    slots[:size] = -1
    for k in range(items):
        p = which[k]
        h = hashes[p]
        slot = np.int64(h & np.uint64(last))
        while True:
            q = slots[slot]
            if q < 0:
                slots[slot] = firsts[p] = p
                break
            if hashes[q] == h:
                firsts[p] = q
                break
            slot = (slot + 1) & last
