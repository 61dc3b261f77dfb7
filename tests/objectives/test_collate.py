"""Examples as one batch."""

import numpy as np

from telos.objectives import collate


def test_columns_with_time_are_padded_and_those_with_one_value_a_row_are_not():
    batch = collate([
        {"tokens": np.array([4, 5, 6]), "label": np.array(2), "places": np.ones((2, 3), np.float32)},
        {"tokens": np.array([7]), "label": np.array(0), "places": np.full((1, 3), 2, np.float32)},
    ])  # fmt: skip
    assert batch["tokens"].tolist() == [[4, 5, 6], [7, 0, 0]]
    assert batch["label"].tolist() == [2, 0]
    assert batch["places"].tolist() == [[[1, 1, 1], [1, 1, 1]], [[2, 2, 2], [0, 0, 0]]]
    assert batch.rows == 2


def test_a_column_that_an_example_lacks_is_0_in_its_row():
    one = {"a.tokens": np.array([4, 5]), "parts": np.array([1.0, 0.0])}
    other = {"b.tokens": np.array([7]), "b.label": np.array(3), "parts": np.array([0.0, 1.0])}
    batch = collate([one, other, one])
    assert batch["a.tokens"].tolist() == [[4, 5], [0, 0], [4, 5]]
    assert batch["b.tokens"].tolist() == [[0], [7], [0]]
    assert batch["b.label"].tolist() == [0, 3, 0]
    assert batch.rows == 3
