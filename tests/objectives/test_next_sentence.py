"""Next sentence: pairs against the text, from another document where there is one, lengths that tell nothing, short rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.objectives.next_sentence import NextSentence
from tests.objectives.test_sentence_order import VOCABULARY, make_row, numbered, parts

lengths = st.lists(st.lists(st.integers(1, 4), max_size=5), min_size=1, max_size=4)


@given(lengths, st.integers(0, 2**32 - 1))
def test_the_second_follows_the_first_or_is_from_elsewhere(shape, seed):
    documents = numbered(shape)
    example = NextSentence().examples(make_row(documents), np.random.default_rng(seed), VOCABULARY)
    filled = [sentences for sentences in documents if sentences]
    enough = any(len(s) > 2 for s in filled) or (len(filled) > 1 and any(len(s) > 1 for s in filled))
    assert example["weights"] == enough
    if not enough:
        return
    first, second = parts(example)
    home = next(sentences for sentences in documents if sentences and sentences[0][0] == first[0])
    assert first[-1] in {sentence[-1] for sentence in home}
    assert first == [*range(first[0], first[-1] + 1)]
    assert second == [*range(second[0], second[-1] + 1)]
    begins = {s[0]: n for n, sentences in enumerate(documents) for s in sentences}
    ends = {s[-1]: n for n, sentences in enumerate(documents) for s in sentences}
    assert begins[second[0]] == ends[second[-1]]
    own = begins[second[0]] == begins[first[0]]
    if example["answers"]:
        assert second[0] == first[-1] + 1
        assert own
    elif len(filled) > 1:
        assert not own
    else:
        assert own
        assert second[0] > first[-1] + 1


@pytest.mark.parametrize("shape", [[[1, 1, 1, 1, 1]], [[1, 1, 1, 1], [1, 1], [1]]])
def test_both_answers_are_as_likely_and_as_long(shape):
    row, sizes = make_row(numbered(shape)), {0: [], 1: []}
    for seed in range(1500):
        example = NextSentence().examples(row, np.random.default_rng(seed), VOCABULARY)
        sizes[int(example["answers"])].append(len(parts(example)[1]))
    assert len(sizes[1]) / 1500 == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(1500))
    shares = [np.bincount(sizes[answer], minlength=5)[1:5] / len(sizes[answer]) for answer in (0, 1)]
    assert shares[0] == pytest.approx(shares[1], abs=0.09)
