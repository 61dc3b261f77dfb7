"""Spans of words in a row; see `telos.objectives._words`."""

import numpy as np

from telos.foundation.compiled import compiled


@compiled
def spans_of_words(
    edges: np.ndarray, pieces: np.ndarray, anchors: np.ndarray, lots: np.ndarray, below: np.ndarray, most: int
) -> np.ndarray:
    """bool (W,): words of at most ``most`` tokens in all, in spans that begin at the words of ``anchors``, tokens in random
    order.  ``below``: how probable it is that a span is no longer than one word, two …; its lot says how long it is."""
    count = len(pieces)
    chosen, of = np.zeros(count, np.bool_), np.empty(len(anchors), np.int64)
    for word in range(count):
        of[edges[word] : edges[word + 1]] = word
    left = most
    for i, anchor in enumerate(anchors):
        first, length = of[anchor], 0
        while length == 0 or below[length - 1] <= lots[i]:
            word = first + length
            length += 1
            if word == count or pieces[word] != pieces[first]:
                break
            if chosen[word]:
                if word == first:
                    break  # the token is hidden already
                continue
            size = edges[word + 1] - edges[word]
            if size > left:
                break
            chosen[word] = True
            left -= size
        if left <= 0:
            break
    if left == most and len(anchors):
        chosen[of[anchors[0]]] = True
    return chosen
