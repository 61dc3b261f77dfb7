"""What is said of held-out vectors: whether each anchor finds its own positive among all of them, and how the vectors lie.

    accuracy at 1         the share of anchors to which no other positive is as near as their own
    mean reciprocal rank  mean 1 ÷ (1 + number of other positives at least as near)          (Voorhees 1999, TREC-8 QA)
    alignment             mean ‖a − p‖²;   uniformity   log mean_{i ≠ j} e^{−2 ‖a_i − a_j‖²}          (vectors of length 1)

Wang and Isola 2020, "Understanding Contrastive Representation Learning through Alignment and Uniformity", section 4.  A tie is no
find, so a network that makes all vectors alike finds nothing; texts that are equal are not each other's wrong answers.
Tests: tests/objectives/test_retrieval.py (by loops, against scipy).
"""

import numpy as np

BLOCK = 1024
"""Anchors whose similarities to all positives are held at once."""


def unit(vectors_ND: np.ndarray) -> np.ndarray:
    """Of length 1, float32; a vector of zeros stays one."""
    lengths_N1 = np.linalg.norm(vectors_ND.astype(np.float32), axis=1, keepdims=True)
    return vectors_ND.astype(np.float32) / np.maximum(lengths_N1, 1e-12)


def ranks(anchors_ND: np.ndarray, positives_ND: np.ndarray, anchor_keys_N: np.ndarray, positive_keys_N: np.ndarray) -> np.ndarray:
    """(N,) int64, from 1: the place of each anchor's positive among all positives, by dot product."""
    found = np.empty(len(anchors_ND), np.int64)
    for at in range(0, len(anchors_ND), BLOCK):
        part = slice(at, at + BLOCK)
        near_BN = anchors_ND[part] @ positives_ND.T
        own_B = near_BN[np.arange(len(near_BN)), np.arange(at, at + len(near_BN))]
        others_BN = ~_related(part, anchor_keys_N, positive_keys_N)
        found[part] = 1 + ((near_BN >= own_B[:, None]) & others_BN).sum(1)
    return found


def alignment(anchors_ND: np.ndarray, positives_ND: np.ndarray) -> np.ndarray:
    """‖a − p‖² of each pair (N,), of vectors of length 1."""
    return np.square(unit(anchors_ND) - unit(positives_ND)).sum(1, dtype=np.float64)


def uniformity(vectors_ND: np.ndarray, keys_N: np.ndarray) -> np.ndarray | None:
    """(N,) float64 whose mean is the uniformity, and whose spread is that of its estimate; None where no two texts differ.

    The mean over pairs is a U-statistic; u_i = U + 2 (p_i − p̄) ÷ p̄ is what row i adds to it in first order (Hoeffding 1948), so
    that a bootstrap over the u_i gives its interval.
    """
    units = unit(vectors_ND)
    potential_N, count_N = np.zeros(len(units)), np.zeros(len(units))
    for at in range(0, len(units), BLOCK):
        part = slice(at, at + BLOCK)
        others_BN = keys_N[part, None] != keys_N
        # ‖a − b‖² = 2 − 2 a·b, where both are of length 1.
        potential_BN = np.exp(-2 * np.maximum(2 - 2 * (units[part] @ units.T).astype(np.float64), 0))
        potential_N[part], count_N[part] = (potential_BN * others_BN).sum(1), others_BN.sum(1)
    if not count_N.any():
        return None
    mean = potential_N.sum() / count_N.sum()
    own_N = np.divide(potential_N, count_N, out=np.full(len(units), mean), where=count_N > 0)
    return np.log(mean) + 2 * (own_N - own_N.mean()) / mean


def _related(rows: slice, anchor_keys_N: np.ndarray, positive_keys_N: np.ndarray) -> np.ndarray:
    """(B, N) bool: whether row i of the block and row j share a text; a row is related to itself."""
    anchors, positives = anchor_keys_N[rows, None], positive_keys_N[rows, None]
    return (
        (anchors == anchor_keys_N) | (positives == positive_keys_N) | (anchors == positive_keys_N) | (positives == anchor_keys_N)
    )
