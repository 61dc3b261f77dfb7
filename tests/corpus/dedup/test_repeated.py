"""Repeated paragraphs and lines: what is removed, and which documents go, as a plain loop over the corpus finds it."""

import gzip
import json
import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.corpus.dedup.line import Line
from telos.corpus.dedup.paragraph import Paragraph
from telos.corpus.texts import HAN, Texts
from tests.corpus.dedup.conftest import Memory
from tests.corpus.test_passages import plain_passages

LONG = (
    "A sentence about the moon over the river that is long enough to be looked at twice, and then "
    + "a little longer. " * 3
    + "."
)
HAN_LONG = (
    "中华人民共和国公民在法律面前一律平等，国家尊重和保障人权，"
    "任何公民享有宪法和法律规定的权利，同时必须履行宪法和法律规定的义务。"
)


def cleaned(rule, buckets, **more):
    """([text or None where it was dropped] a bucket, verdicts); None for buckets of an earlier corpus."""
    seen = Memory(rule, buckets, **more)
    texts, verdicts = [None] * len(buckets), {}
    for decision in rule.decide(seen):
        batch = Texts(pa.table({"text": seen.columns[decision.bucket]}))
        verdict = rule.apply(batch, decision.table)
        column = verdict.columns.get("text", batch.text)
        texts[decision.bucket] = [t if r == 0 else None for t, r in zip(column.to_pylist(), verdict.reasons, strict=True)]
        verdicts[decision.bucket] = verdict
    return texts, verdicts


def plain(rule, buckets, fixed=(), dead=()):
    """The passages that stay of each document, normalised, by a loop over the corpus; None where it is dropped."""
    seen, left = set(), {}
    for n in sorted(range(len(buckets)), key=lambda n: n not in fixed):
        for row, text in enumerate(buckets[n]):
            passages = [words for _, _, words in plain_passages(text, rule.by_line)]
            if (n, row) in dead:
                left[n, row] = passages
                continue
            least = rule.min_han_characters if Texts.of([text]).scripts[0] == HAN else rule.min_characters
            own, kept = set(), []
            for words in passages:
                repeated = words in seen or words in own
                if len(words.replace(" ", "")) < least or not repeated or n in fixed:
                    kept.append(words)
                own |= {words} if len(words.replace(" ", "")) >= least else set()
            total, stays = (sum(len(w.replace(" ", "")) for w in words) for words in (passages, kept))
            if stays < total and (stays == 0 or stays < rule.min_left_fraction * total):
                left[n, row] = None
            else:
                left[n, row] = kept
                seen |= own
    return left


WORDS = st.sampled_from(["a", "bb", "ccc", "dddd", "中", "国人", "天地玄黄", "a  bb", "\n", "\n\n", "\n \n", " "])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(st.lists(WORDS, max_size=8).map("".join), max_size=4), min_size=1, max_size=4),
    st.sampled_from([Line, Paragraph]), st.sampled_from([0.0, 0.3, 0.7]), st.sets(st.integers(0, 3)),
    st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=3),
)  # fmt: skip
def test_as_a_plain_loop(buckets, kind, least_left, fixed, dead):
    rule = kind(min_characters=2, min_han_characters=2, min_left_fraction=least_left)
    expected = plain(rule, buckets, fixed, dead)
    texts, _ = cleaned(rule, buckets, fixed=fixed, dead=dead)
    for n, bucket in enumerate(buckets):
        assert (texts[n] is None) == (n in fixed)
        for row in range(len(bucket) if texts[n] is not None else 0):
            text = texts[n][row]
            found = None if text is None else [words for _, _, words in plain_passages(text, rule.by_line)]
            assert found == expected[n, row], (n, row)


def test_paragraphs_in_both_languages():
    texts, verdicts = cleaned(Paragraph(), [
        [f"Title\n\n{LONG}\n\nshort\n", f"标题\n\n{HAN_LONG}\n\n短段\n"],
        [f"Other\n\nshort\n\n{LONG.replace(' ', '  ')}\n\n{LONG[::-1]}\n", f"{HAN_LONG}\n\n短段\n\n{HAN_LONG[::-1]}\n\n另一段"],
    ])  # fmt: skip
    assert texts == [
        [f"Title\n\n{LONG}\n\nshort\n", f"标题\n\n{HAN_LONG}\n\n短段\n"],
        [f"Other\n\nshort\n\n{LONG[::-1]}\n", f"短段\n\n{HAN_LONG[::-1]}\n\n另一段"],
    ]
    assert verdicts[1].counts == {
        "paragraphs_removed": 2, "documents_changed": 2,
        "characters_removed": len(LONG.replace(" ", "")) + len(HAN_LONG)}  # fmt: skip


def test_lines_in_both_languages():
    page = f"Home\n{LONG}\nNews of today\n{HAN_LONG}\n"
    buckets = [[page], [f"{LONG}\nHome\n  {HAN_LONG}\n今天的新闻\n"], [f"{LONG}\n{HAN_LONG}\n"]]
    texts, verdicts = cleaned(Line(min_left_fraction=0), buckets)
    assert texts == [[page], ["Home\n今天的新闻\n"], [None]]
    assert verdicts[2].reasons.tolist() == [1]
    assert cleaned(Line(), buckets)[0] == [[page], [None], [None]]


def test_what_a_dropped_document_had_first_stays_in_the_next():
    a, b, c = (f"{LONG} {n}" for n in range(3))
    long_rule = Paragraph(min_left_fraction=0.6)
    texts, _ = cleaned(long_rule, [[f"{a}\n\n{b}", f"{a}\n\n{b}\n\n{c}", f"{c}\n\nand more of its own, which is not repeated"]])
    assert texts == [[f"{a}\n\n{b}", None, f"{c}\n\nand more of its own, which is not repeated"]]


def test_applied_twice_changes_nothing_more():
    first, _ = cleaned(
        Paragraph(), [[f"{LONG}\n\n{LONG}\n\nx", f"{LONG}\n\nmore text that is its own, long enough to stay here"]]
    )
    again, verdicts = cleaned(Paragraph(), first)
    assert again == first
    assert not verdicts[0].columns


@pytest.mark.data
@pytest.mark.parametrize("rule", [Paragraph(), Line(), Paragraph(min_han_characters=10, min_left_fraction=0.5)], ids=str)
def test_real_text(rule, shared_data):
    """300 laws, and 300 passages of technical English, some twice: as the plain loop says."""
    with gzip.open(shared_data / "zh-laws" / "national.jsonl.gz") as file:
        laws = [json.loads(line)["text"] for line in file][:300]
    with gzip.open(shared_data / "peps" / "peps.jsonl.gz") as file:
        peps = [json.loads(line)["text"] for line in file][:150]
    buckets = [laws[:200], peps[:100], laws[200:] + peps[100:], [re.sub(" ", "  ", text) for text in peps[:20]]]
    expected = plain(rule, buckets)
    texts, verdicts = cleaned(rule, buckets)
    for (n, row), kept in expected.items():
        text = texts[n][row]
        assert (None if text is None else [words for _, _, words in plain_passages(text, rule.by_line)]) == kept
    assert sum(sum(verdict.counts.values()) for verdict in verdicts.values()) > 0


def test_buckets_change_nothing():
    rng = np.random.default_rng(0)
    texts = ["\n\n".join(f"{LONG} {n}" for n in rng.integers(0, 30, 5)) for _ in range(40)]
    whole, _ = cleaned(Paragraph(), [texts])
    parts, _ = cleaned(Paragraph(), [texts[:7], [], texts[7:30], texts[30:]])
    assert [text for part in parts for text in part] == whole[0]
    assert None in whole[0]
