"""Logistic regression: equal to scikit-learn at the optimum, over settings; the same bits each time."""

import numpy as np
import pytest

from telos.corpus.logistic import Sparse, fit


def problem(seed=1, rows=60, columns=12):
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(rows, columns)) * (rng.random((rows, columns)) < 0.4)
    labels = np.where(dense[:, 0] + 0.5 * dense[:, 1] + 0.3 * rng.normal(size=rows) > 0.2, 1.0, -1.0)
    ends = np.concatenate([[0], np.cumsum((dense != 0).sum(1))])
    return dense, labels, Sparse(ends, np.nonzero(dense)[1], dense[dense != 0], columns)


@pytest.mark.parametrize("regularization", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("balanced", [False, True])
def test_equal_to_scikit_learn(regularization, balanced):
    from sklearn.linear_model import LogisticRegression

    dense, labels, sparse = problem()
    counts = {label: (labels == label).sum() for label in (-1.0, 1.0)}
    weights = np.array([len(labels) / (2 * counts[label]) for label in labels]) if balanced else np.ones(len(labels))
    found = fit(sparse, labels, weights, regularization)
    peer = LogisticRegression(C=1 / regularization, tol=1e-10, max_iter=10_000).fit(dense, labels, sample_weight=weights)
    np.testing.assert_allclose(found[:-1], peer.coef_[0], atol=1e-5, rtol=1e-4)
    assert found[-1] == pytest.approx(peer.intercept_[0], abs=1e-5, rel=1e-4)
    assert np.array_equal(found, fit(sparse, labels, weights, regularization))


def test_the_gradient_is_nothing_at_the_optimum():
    dense, labels, sparse = problem(seed=2)
    found = fit(sparse, labels, np.ones(len(labels)), 0.5)
    doubt = 1 / (1 + np.exp(labels * (dense @ found[:-1] + found[-1])))
    np.testing.assert_allclose(0.5 * found[:-1], dense.T @ (labels * doubt), atol=1e-5)
    assert (labels * doubt).sum() == pytest.approx(0, abs=1e-5)
