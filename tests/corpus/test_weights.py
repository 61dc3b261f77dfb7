"""Weights beside a text as data files write them: numbers and spans, what is refused, spans that move when a text is cleaned."""

from collections import Counter

import pytest

from telos.corpus.annotations import annotation
from telos.corpus.spans import moved
from telos.foundation.errors import TelosError


def test_numbers_and_spans():
    assert annotation("weight", 0.5, "text", "here") == {"weight": 0.5}
    assert annotation("weight", " 2 ", "text", "here") == {"weight": 2.0}
    assert annotation("weight", "", "text", "here") == {}
    assert annotation("weight", None, "text", "here") == {}
    both = [[0, 2, 0.5], {"start": 2, "end": 3, "weight": 4}]
    assert annotation("weight", both, "text", "here") == {
        "weight": [{"start": 0, "end": 2, "weight": 0.5}, {"start": 2, "end": 3, "weight": 4.0}]
    }


@pytest.mark.parametrize(
    "value", [-1, float("nan"), float("inf"), "much", True, [[0, 2]], [[2, 2, 1]], [[-1, 2, 1]], [[0.0, 2, 1]], [[0, 1, -2]], [3]]
)
def test_what_is_no_weight_is_refused(value):
    with pytest.raises(TelosError) as error:
        annotation("weight", value, "text", "a.jsonl:3")
    assert error.value.must == "a.jsonl:3 must have a weight of at least 0, or a list of [start, end, weight] in characters"
    assert error.value.fix == "mend or remove it, or name another field: corpus.weight_field=NAME"


def test_spans_move_with_the_text():
    given = annotation("weight", [[2, 5, 0.5], [6, 9, 3]], "  abc def", "here")["weight"]
    assert moved(given, "  abc def", "abc def") == [{"start": 0, "end": 3, "weight": 0.5}, {"start": 4, "end": 7, "weight": 3.0}]
    assert Counter(one["weight"] for one in moved(given, "  abc def", "abc xyz")) == {0.5: 1}
