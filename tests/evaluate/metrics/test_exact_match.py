"""Exact match: counts, and the interval against SciPy's."""

import pytest
from scipy.stats import binomtest

from telos.evaluate.metrics.exact_match import ExactMatch


def _seen(*parts, **settings):
    meter = ExactMatch(**settings).build()
    for part in parts:
        meter.update(part)
    return meter


def test_known_value_with_its_facts():
    value = _seen((["WALK", "RUN", "走"], ["WALK", "RUN ", "走"])).compute()
    assert value.value == pytest.approx(2 / 3)
    assert (value.unit, value.n, value.higher_is_better) == ("fraction", 3, True)
    assert _seen(([None], ["None"])).compute().value == 0


@pytest.mark.parametrize(("answer", "reference", "equal"), [
    ("a b", "a b", True), (" a  b\n", "a b", True), ("ab", "a b", False), ("", " ", True), ("A", "a", False)])  # fmt: skip
def test_spaces_can_be_ignored(answer, reference, equal):
    assert _seen(([answer], [reference]), ignore_spaces=True).compute().value == equal
    assert _seen(([answer], [reference])).compute().value == (answer == reference)


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 20), (3, 20), (4182, 4182), (4100, 4182)])
def test_the_interval_is_scipys(hits, n):
    wanted = binomtest(hits, n).proportion_ci(method="wilson")
    found = _seen((["a"] * hits + ["b"] * (n - hits), ["a"] * n)).compute()
    assert found.interval == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_parts_merge_to_the_whole_and_nothing_is_left_out():
    first, second = (["a", "b"], ["a", "c"]), (["d"], ["d"])
    whole, parts = _seen(first, second), _seen(first)
    parts.merge(_seen(second))
    assert parts.compute() == whole.compute()
    assert _seen().compute() is None
    with pytest.raises(ValueError, match="zip"):
        _seen((["a"], []))
