"""The language of many pieces of text by py3langid's model: its automaton over bytes, and the sum of its weights."""

import numpy as np

from telos.corpus.kernels.utf8 import code_point
from telos.foundation.compiled import compiled

UPPER, LOWER, UNSETTLED = 1, 2, 4
"""Bits of ``cases``: has a lower-case form; is lower case; may look different after Unicode normalisation."""


@compiled
def unsettled(data: np.ndarray, starts: np.ndarray, ends: np.ndarray, cases: np.ndarray) -> np.ndarray:
    """bool: pieces that py3langid changes before it looks at them, since they are all upper case or may not be in NFC."""
    out = np.zeros(len(starts), np.bool_)
    for i in range(len(starts)):
        at, end = starts[i], ends[i]
        seen = 0
        while at < end:
            c, size = code_point(data, at, end)
            at += size
            if c < len(cases):
                seen |= cases[c]
        out[i] = seen & UNSETTLED != 0 or (seen & UPPER != 0 and seen & LOWER == 0)
    return out


@compiled
def scores(
    data: np.ndarray, starts: np.ndarray, ends: np.ndarray, rows: np.ndarray, next_state: np.ndarray, features: np.ndarray,
    weights: np.ndarray, prior: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """(pieces, classes) float32: Σ log(1 + count of feature) × weights of feature + prior; zeros where no feature is met.

    ``features``: of each state, or negative.  Features are summed in the order in which they are first met."""
    out = np.zeros((len(starts), len(prior)), np.float32)
    counts = np.zeros(len(weights), np.int32)
    met = np.zeros(len(weights), np.int32)
    for i in range(len(starts)):
        state, found = np.int64(0), 0
        for at in range(starts[i], ends[i]):
            state = np.int64(next_state[(np.int64(rows[state]) << 8) + data[at]])
            feature = features[state]
            if feature >= 0:
                if counts[feature] == 0:
                    met[found] = feature
                    found += 1
                counts[feature] += 1
        row = out[i]
        for k in range(found):
            feature = met[k]
            factor = np.log1p(np.float32(counts[feature]))
            counts[feature] = 0
            for j in range(len(row)):
                row[j] += factor * weights[feature, j]
        if found:
            for j in range(len(row)):
                row[j] += prior[j]
    return out
