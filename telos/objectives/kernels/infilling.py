"""Spans of a row that become one mask each, and masks that are put in between; see `telos.objectives.denoising_autoencoder`."""

import numpy as np

from telos.foundation.compiled import compiled
from telos.objectives.kernels.spans import last_of_parts


@compiled
def cut_to(lengths: np.ndarray, total: int) -> tuple[np.ndarray, int, bool]:
    """(spans with a token, spans with none, whether there are enough): the first of ``lengths`` until they hold ``total`` tokens,
    the last one cut to it."""
    spans, found, left = np.empty(len(lengths), np.int64), 0, total
    for i, length in enumerate(lengths):
        if length:
            spans[found] = min(length, left)
            left -= spans[found]
            found += 1
        if not left:
            return spans[:found], i + 1 - found, True
    return spans[:found], len(lengths) - found, False


@compiled
def behind_masks(
    ids: np.ndarray, documents: np.ndarray, spans: np.ndarray, cuts: np.ndarray, mask: int
) -> tuple[np.ndarray, np.ndarray]:
    """(ids, documents) with one mask for each of ``spans``, and one more where a span goes on in another document.

    ``cuts``: where the gaps before the spans end, in a composition of the tokens that are shown and one place more for each gap:
    so a gap may have no token.
    """
    shown, places = np.empty(len(ids), np.int64), np.empty(len(ids), np.int64)
    at = t = span = 0
    for ends in last_of_parts(len(ids) - spans.sum() + len(spans) + 1, cuts):
        if not ends:
            shown[at], places[at] = ids[t], documents[t]
            at, t = at + 1, t + 1
        elif span < len(spans):
            for k in range(spans[span]):
                if k == 0 or documents[t] != documents[t - 1]:
                    shown[at], places[at] = mask, documents[t]
                    at += 1
                t += 1
            span += 1
    return shown[:at], places[:at]


@compiled
def put_in(ids: np.ndarray, documents: np.ndarray, before: np.ndarray, mask: int) -> tuple[np.ndarray, np.ndarray]:
    """(ids, documents) with a mask before each of these places (n: behind the last), in its document."""
    n = len(ids)
    masks = np.zeros(n + 1, np.int64)
    for place in before:
        masks[place] += 1
    wide, places = np.empty(n + len(before), np.int64), np.empty(n + len(before), np.int64)
    at = 0
    for t in range(n + 1):
        for _ in range(masks[t]):
            wide[at], places[at] = mask, documents[min(t, n - 1)]
            at += 1
        if t < n:
            wide[at], places[at] = ids[t], documents[t]
            at += 1
    return wide, places
