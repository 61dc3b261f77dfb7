"""Logistic regression on sparse rows, to its optimum, the same bits each time.

    minimise  λ/2 ‖w‖² + Σ_i s_i log(1 + exp(−y_i (w·x_i + b))),   y ∈ {−1, 1},  b without penalty

A truncated Newton method (Nocedal and Wright 2006, algorithm 7.1): the step solves H d = −g by conjugate gradients, halved
until the function falls as much as Armijo asks.  The function is convex: its optimum is the answer whatever the way.
Test: tests/corpus/test_logistic.py (coefficients equal to scikit-learn's LogisticRegression(C=1/λ)).
"""

from typing import NamedTuple

import numpy as np

_ENOUGH = 1e-7
"""Of the gradient's norm at the start."""
_MOST_STEPS = 100


class Sparse(NamedTuple):
    """Row i has ``values`` in the columns ``buckets`` at ``ends[i]`` to ``ends[i + 1]``; ``size`` columns."""

    ends: np.ndarray
    buckets: np.ndarray
    values: np.ndarray
    size: int

    def times(self, vector: np.ndarray) -> np.ndarray:
        """X v + b, where the vector's last number is b."""
        from telos.corpus.kernels.relevance import times

        return times(self.ends, self.buckets, self.values, vector) + vector[-1]

    def transposed_times(self, vector: np.ndarray) -> np.ndarray:
        from telos.corpus.kernels.relevance import transposed_times

        return np.append(transposed_times(self.ends, self.buckets, self.values, vector, self.size), vector.sum())


def fit(rows: Sparse, labels: np.ndarray, row_weights: np.ndarray, regularization: float) -> np.ndarray:
    """float64: the weights and, last, b.  ``labels``: −1 or 1.  ``row_weights``: s.  ``regularization``: λ > 0."""
    penalty = np.append(np.full(rows.size, regularization), 0.0)
    solution = np.zeros(rows.size + 1)
    value, gradient, curvature = _state(rows, labels, row_weights, penalty, solution)
    enough = _ENOUGH * np.linalg.norm(gradient)
    for _ in range(_MOST_STEPS):
        norm = np.linalg.norm(gradient)
        if norm <= enough:
            break
        step = _conjugate_gradients(rows, penalty, curvature, gradient, min(0.1, float(np.sqrt(norm / (norm + 1)))))
        slope, length = float(gradient @ step), 1.0
        while True:
            new = _state(rows, labels, row_weights, penalty, solution + length * step)
            if new[0] <= value + 1e-4 * length * slope or length < 1e-6:
                break
            length /= 2
        solution = solution + length * step
        value, gradient, curvature = new
    return solution


def _state(
    rows: Sparse, labels: np.ndarray, row_weights: np.ndarray, penalty: np.ndarray, solution: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """(value, gradient, second derivatives by row)"""
    margins = labels * rows.times(solution)
    doubt = np.exp(-np.logaddexp(0.0, margins))  # 1 − p(label)
    value = 0.5 * float(penalty @ solution**2) + float(row_weights @ np.logaddexp(0.0, -margins))
    gradient = penalty * solution - rows.transposed_times(row_weights * labels * doubt)
    return value, gradient, row_weights * doubt * (1 - doubt)


def _conjugate_gradients(
    rows: Sparse, penalty: np.ndarray, curvature: np.ndarray, gradient: np.ndarray, tolerance: float
) -> np.ndarray:
    """About the solution of (diag(penalty) + Xᵀ diag(curvature) X) d = −gradient."""
    step = np.zeros_like(gradient)
    residual = -gradient
    direction = residual.copy()
    square = float(residual @ residual)
    enough = tolerance**2 * square
    for _ in range(500):
        if square <= enough:
            break
        image = penalty * direction + rows.transposed_times(curvature * rows.times(direction))
        length = square / float(direction @ image)
        step += length * direction
        residual -= length * image
        before, square = square, float(residual @ residual)
        direction = residual + square / before * direction
    return step
