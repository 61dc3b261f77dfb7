"""Minimal pairs: hits, ties and intervals against known likelihoods; files that are none."""

import gzip
import json
import math

import numpy as np
import pytest

from telos.evaluate.minimal_pairs import Accuracy, Pair, accuracies, mean, read_pairs
from telos.foundation.errors import TelosError

END = 256


def encode(texts):
    return [np.frombuffer(text.encode(), np.uint8).astype(np.uint32) for text in texts]


def nll(tokens):
    """A token costs its id; the end of a sentence costs so much that it would decide, if it counted."""
    return np.where(tokens == END, 1e6 * np.arange(len(tokens)), tokens).astype(np.float32)


def test_hits_and_ties_by_group():
    pairs = [
        Pair("ab", "ac", "一"),
        Pair("ac", "ab", "一"),
        Pair("ab", "ba", "一"),
        Pair("a", "aa", "二"),
        Pair("猫", "猫猫", "二"),
    ]
    found = accuracies(pairs, encode, nll, END, None)
    assert found == {"一": Accuracy(hits=1, ties=1, n=3), "二": Accuracy(hits=2, ties=0, n=2)}
    value, (low, high) = mean(found)
    assert value == pytest.approx((1 / 3 + 1) / 2)
    assert (high - low) / 2 == pytest.approx(1.959964 * math.sqrt(1 / 3 * 2 / 3 / 3) / 2, abs=1e-6)


def test_wilsons_interval():
    """Of 8 in 10: 0.490 to 0.943 (Newcombe 1998, method 3, by hand from the formula); it never leaves 0 to 1."""
    low, high = Accuracy(8, 0, 10).interval
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert Accuracy(10, 0, 10).interval[1] == pytest.approx(1)
    assert Accuracy(0, 0, 10).interval[0] == pytest.approx(0)
    assert 0 <= Accuracy(0, 0, 3).interval[0] <= Accuracy(3, 0, 3).interval[1] <= 1


def test_a_sentence_too_long_for_the_model_is_named():
    with pytest.raises(TelosError, match="at most 3 tokens") as error:
        accuracies([Pair("a", "abcd")], encode, nll, END, 3)
    assert error.value.found == "4: 'abcd…'"
    assert accuracies([Pair("abc", "abd")], encode, nll, END, 3)[""].hits == 1


def test_no_pairs_at_all():
    with pytest.raises(TelosError, match="must hold at least one"):
        accuracies([], encode, nll, END, None)


def test_pairs_from_a_file(tmp_path):
    path = tmp_path / "pairs.jsonl.gz"
    rows = [
        {"sentence_good": "他来了。", "sentence_bad": "来他了。", "UID": "order"},
        {"sentence_good": "a", "sentence_bad": "b"},
    ]
    path.write_bytes(gzip.compress("\n\n".join(json.dumps(row) for row in rows).encode()))
    assert list(read_pairs(path)) == [Pair("他来了。", "来他了。", "order"), Pair("a", "b", "")]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('{"sentence_good": "a"}', "fields sentence_good"),
        ('{"sentence_good": "a", "sentence_bad": 3}', "fields sentence_good, sentence_bad"),
        ('{"sentence_good": "", "sentence_bad": "b"}', "fields sentence_good, sentence_bad"),
        ("[1]", "list"),
    ],
)
def test_a_line_that_is_no_pair(tmp_path, line, found):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"sentence_good": "a", "sentence_bad": "b"}\n' + line)
    with pytest.raises(TelosError) as error:
        list(read_pairs(path))
    assert error.value.must.startswith(f"{path}:2 must be a pair")
    assert error.value.found == found
