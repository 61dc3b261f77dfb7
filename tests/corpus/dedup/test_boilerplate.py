"""Boilerplate: lines of many documents go from all of them, in both languages."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.corpus.dedup.boilerplate import Boilerplate
from telos.foundation.errors import TelosError
from tests.corpus.dedup.test_repeated import WORDS, cleaned
from tests.corpus.test_passages import plain_passages


def pages(number):
    english = [f"Home | About | Contact\n\nStory {n} of the day.\nAll rights reserved.  2024\n" for n in range(number)]
    chinese = [f"首页　新闻　关于我们\n第{n}条新闻的正文。\n版权所有 违者必究\n" for n in range(number)]
    return english, chinese


def test_navigation_and_notices_go():
    english, chinese = pages(50)
    texts, verdicts = cleaned(Boilerplate(), [english, chinese])
    assert texts == [[f"Story {n} of the day.\n" for n in range(50)], [f"第{n}条新闻的正文。\n" for n in range(50)]]
    assert verdicts[0].counts == {"lines_removed": 100, "documents_changed": 50, "characters_removed": 50 * (18 + 22)}


def test_one_document_less_is_not_many():
    english, chinese = pages(49)
    texts, verdicts = cleaned(Boilerplate(), [english, chinese])
    assert texts == [english, chinese]
    assert not verdicts[0].columns


def test_a_line_counts_once_a_document():
    texts, _ = cleaned(Boilerplate(min_documents=2), [["same\nsame\nsame\n", "other\n"], ["else\n"]])
    assert texts == [["same\nsame\nsame\n", "other\n"], ["else\n"]]


def test_a_share_of_the_documents():
    buckets = [["same line\na", "same line\nb", "c", "d"]]
    assert cleaned(Boilerplate(min_documents=2, min_fraction=0.5), buckets)[0] == [["a", "b", "c", "d"]]
    assert cleaned(Boilerplate(min_documents=2, min_fraction=0.51), buckets)[0] == buckets


def test_an_earlier_corpus_counts_and_stays_and_what_was_dropped_does_not_count():
    buckets = [["menu\na"], ["menu\nb", "menu\nc"]]
    rule = Boilerplate(min_documents=3)
    assert cleaned(rule, buckets, fixed=(0,))[0] == [None, ["b", "c"]]
    assert cleaned(rule, buckets, dead=((0, 0),))[0] == buckets


def test_a_document_of_nothing_else_is_dropped():
    texts, verdicts = cleaned(Boilerplate(min_documents=2), [["menu\n", "menu\nx\n"]])
    assert texts == [[None, "x\n"]]
    assert verdicts[0].reasons.tolist() == [1, 0]


def test_lengths_must_fit():
    with pytest.raises(TelosError) as error:
        Boilerplate(min_characters=10, max_characters=9)
    assert str(error.value).startswith("recipe: min_characters must be at most max_characters\n  found: ")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.lists(WORDS, max_size=8).map("".join), max_size=4), min_size=1, max_size=4),
    st.integers(2, 4), st.sampled_from([0.0, 0.4]), st.tuples(st.integers(1, 3), st.integers(3, 4)), st.sets(st.integers(0, 3)),
)  # fmt: skip
def test_as_a_plain_loop(buckets, least, fraction, lengths, fixed):
    shortest, longest = lengths
    rule = Boilerplate(
        min_documents=least, min_fraction=fraction, min_characters=shortest, max_characters=longest, min_left_fraction=0.2
    )
    lines = {(n, row): [words for _, _, words in plain_passages(text, True)]
             for n, bucket in enumerate(buckets) for row, text in enumerate(bucket)}  # fmt: skip
    counts = Counter(line for own in lines.values() for line in set(own))
    least = max(least, math.ceil(fraction * len(lines)))

    def size(line):
        return len(line.replace(" ", ""))

    texts, _ = cleaned(rule, buckets, fixed=fixed)
    for (n, row), own in lines.items():
        if n in fixed:
            assert texts[n] is None
            continue
        kept = [line for line in own if counts[line] < least or not shortest <= size(line) <= longest]
        total, left = sum(map(size, own)), sum(map(size, kept))
        expected = None if left < total and (left == 0 or left < 0.2 * total) else kept
        text = texts[n][row]
        assert (None if text is None else [words for _, _, words in plain_passages(text, True)]) == expected
