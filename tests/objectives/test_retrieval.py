"""What is said of held-out vectors, by loops; ties and equal texts; the spread of the uniformity against many samples."""

import numpy as np
import pytest

from telos.objectives import _retrieval
from telos.objectives._retrieval import alignment, ranks, uniformity, unit

N = 9
RNG = np.random.default_rng(4)
ANCHORS, POSITIVES = (RNG.normal(size=(N, 4)).astype(np.float32) for _ in range(2))
KEYS = np.array([1, 2, 3, 4, 5, 6, 7, 8, 1])
POSITIVE_KEYS = np.array([11, 12, 13, 12, 15, 16, 5, 18, 19])


@pytest.mark.parametrize("block", [2, 1024])
def test_ranks_by_loops(block, monkeypatch):
    monkeypatch.setattr(_retrieval, "BLOCK", block)
    expected = []
    for i in range(N):
        own = ANCHORS[i] @ POSITIVES[i]
        others = [j for j in range(N) if not {KEYS[i], POSITIVE_KEYS[i]} & {KEYS[j], POSITIVE_KEYS[j]}]
        expected.append(1 + sum(ANCHORS[i] @ POSITIVES[j] >= own for j in others))
    assert ranks(ANCHORS, POSITIVES, KEYS, POSITIVE_KEYS).tolist() == expected
    assert len(set(expected)) > 2


def test_vectors_that_are_all_alike_find_nothing():
    same = np.ones((N, 4), np.float32)
    assert ranks(same, same, np.arange(N), np.arange(N) + 100).tolist() == [N] * N


def test_equal_texts_are_not_each_others_wrong_answers():
    vectors = np.eye(3, dtype=np.float32)[[0, 0, 1]]
    assert ranks(vectors, vectors, np.array([1, 1, 2]), np.array([4, 5, 6])).tolist() == [1, 1, 1]
    assert ranks(vectors, vectors, np.array([1, 3, 2]), np.array([4, 5, 6])).tolist() == [2, 2, 1]


@pytest.mark.parametrize("block", [2, 1024])
def test_alignment_and_uniformity_by_loops(block, monkeypatch):
    monkeypatch.setattr(_retrieval, "BLOCK", block)
    a, p = unit(ANCHORS).astype(np.float64), unit(POSITIVES).astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(a, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(alignment(3 * ANCHORS, POSITIVES), [np.sum((x - y) ** 2) for x, y in zip(a, p, strict=True)],
                               atol=1e-6)  # fmt: skip
    pairs = [np.exp(-2 * np.sum((a[i] - a[j]) ** 2)) for i in range(N) for j in range(N) if KEYS[i] != KEYS[j]]
    assert uniformity(ANCHORS, KEYS).mean() == pytest.approx(np.log(np.mean(pairs)), abs=1e-6)
    assert uniformity(ANCHORS, np.zeros(N)) is None


def test_the_spread_of_the_uniformity_is_that_of_its_estimate():
    draw = np.random.default_rng(1)
    samples = [uniformity(draw.normal([1, 0, 0], 1, (60, 3)), np.arange(60)) for _ in range(400)]
    spread = np.std([sample.mean() for sample in samples])
    told = np.mean([sample.std(ddof=1) / np.sqrt(len(sample)) for sample in samples])
    assert told == pytest.approx(spread, rel=0.15)
