"""Baselines beside a model, document by document."""

import numpy as np
import pytest

from telos.evaluate.document_baselines import against, between, shown, table

OURS, THEIRS, WEIGHTS = np.array([3.0, 4, 5, 4, 3, 5, 4, 4]), np.array([1.0, 2, 2, 3, 1, 2, 2, 1]), np.full(8, 5.0)


@pytest.mark.parametrize(("higher", "verdict"), [(True, "better"), (False, "worse")])
def test_which_is_better_hangs_on_the_figure(higher, verdict):
    found = against("it", "the other", "accuracy", OURS, THEIRS, WEIGHTS, higher_is_better=higher)
    assert (found["value"], found["difference"]) == (pytest.approx(14 / 40), pytest.approx(18 / 40))
    low, high = found["difference_ci95"]
    assert 0 < low < 18 / 40 < high
    assert found["verdict"] == verdict


def test_no_difference_is_not_shown_to_be_one():
    found = against("it", "the other", "accuracy", OURS, OURS, WEIGHTS, higher_is_better=True)
    assert found["verdict"] == "no difference shown"
    one = against("it", "the other", "accuracy", OURS[:1], THEIRS[:1], WEIGHTS[:1], higher_is_better=True)
    assert (one["difference_ci95"], one["verdict"]) == (None, "not judged")


def test_the_table():
    found = table(0.8, (0.7, 0.9), [against("it", "the other", "span_f1", OURS, OURS, WEIGHTS, higher_is_better=True)])
    assert (found["title"], found["rows"][0]) == ("F1 of spans", ["this model", "0.800", "0.700 to 0.900", ""])
    assert found["rows"][1][:2] == ["the other", "0.800"]
    assert (shown(None), between(None)) == ("", "")
