"""Exact duplicates: which go, which stays, over buckets and earlier corpora."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.corpus.dedup.exact import Exact
from telos.corpus.texts import Texts


def test_the_first_by_source_stays(decide):
    texts = [["月光", "b", "月光 "], ["c", "b\n", "月光"], []]
    assert decide(Exact(), texts) == {"0/2.txt": ("0/0.txt", 1.0), "1/1.txt": ("0/1.txt", 1.0), "1/2.txt": ("0/0.txt", 1.0)}


def test_one_of_an_earlier_corpus_stays_before_all_others(decide):
    assert decide(Exact(), [["a"], ["a", "b"]], fixed=(1,)) == {"0/0.txt": ("1/0.txt", 1.0)}


def test_what_an_earlier_rule_drops_keeps_nothing_out(decide):
    assert decide(Exact(), [["a", "a", "a"]], dead=((0, 0),)) == {"0/2.txt": ("0/1.txt", 1.0)}


def test_a_decision_is_carried_out():
    rule, texts = Exact(), Texts.of(["a", "a"])
    from tests.corpus.dedup.conftest import Memory

    (decision,) = rule.decide(Memory(rule, [["a", "a"]]))
    verdict = rule.apply(texts, decision.table)
    assert verdict.reasons.tolist() == [0, 1]
    assert verdict.details == {1: "copy of 0/0.txt (similarity 1.00)"}


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a", "b", "a ", "中", "中\n", ""]), max_size=6), min_size=1, max_size=4))
def test_equal_to_a_dictionary(buckets):
    from tests.corpus.dedup.conftest import Memory

    first, expected = {}, []
    for n, bucket in enumerate(buckets):
        for row, text in enumerate(bucket):
            key = " ".join(text.split())
            if key in first:
                expected.append((n, row, first[key]))
            first.setdefault(key, f"{n}/{row}.txt")
    rule = Exact()
    found = [(d.bucket, r["row"], r["keeper"]) for d in rule.decide(Memory(rule, buckets)) for r in d.table.to_pylist()]
    assert found == expected
    assert np.all([d.clusters is None for d in rule.decide(Memory(rule, buckets))])
