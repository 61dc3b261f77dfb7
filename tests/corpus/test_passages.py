"""Lines and paragraphs of texts: as plain Python finds them, and texts without some of them."""

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from telos.corpus.passages import numbers_in, passages, recurring, without
from telos.corpus.texts import Texts

TEXTS = st.lists(st.text(st.sampled_from("ab \t\n\n中，\u3000\xa0\r\x1c.é𠀀"), max_size=40), max_size=5)


def plain_passages(text: str, by_line: bool) -> list[tuple[int, int, str]]:
    """(first byte, byte after the last, words joined by single spaces)."""
    found, run, at = [], [], 0
    lines = re.findall(r"[^\n]*\n|[^\n]+$", text)
    for line in lines:
        size = len(line.encode())
        if line.strip():
            run.append((at, at + size, line))
        if run and (by_line or not line.strip()):
            found.append(run)
            run = []
        at += size
    found += [run] if run else []
    return [(run[0][0], run[-1][1], " ".join("".join(line for _, _, line in run).split())) for run in found]


@settings(deadline=None)
@given(TEXTS, st.booleans())
@example(["a b\n\n c\n"], False)
@example(["", "\n", "a\n \n\n中\n文\n\n"], False)
def test_as_plain_python(texts, by_line):
    batch = Texts.of(texts)
    found = passages(batch, by_line=by_line)
    expected = [(row, number, *one) for row, text in enumerate(texts) for number, one in enumerate(plain_passages(text, by_line))]
    starts = batch.offsets[found.rows]
    columns = (found.rows, found.numbers(), found.starts - starts, found.ends - starts)
    got = list(zip(*(column.tolist() for column in columns), strict=True))
    assert got == [one[:4] for one in expected]
    normal = [one[4] for one in expected]
    assert found.characters.tolist() == [len(one.replace(" ", "")) for one in normal]
    for i, a in enumerate(normal):
        for j, b in enumerate(normal):
            assert (a == b) == (found.hashes[i] == found.hashes[j])
    assert found.totals(len(texts)).tolist() == [len("".join(text.split())) for text in texts]


@settings(deadline=None)
@given(TEXTS, st.booleans(), st.integers(0, 2**16))
def test_what_stays_is_what_was_not_removed(texts, by_line, bits):
    """The other passages, in their order and unchanged; texts that lose nothing stay byte for byte."""
    batch = Texts.of(texts)
    found = passages(batch, by_line=by_line)
    removed = np.array([bits >> (n % 16) & 1 for n in range(len(found.rows))], bool)
    left = without(batch, found, removed).to_pylist()
    touched = set(found.rows[removed].tolist())
    again = passages(Texts.of(left), by_line=by_line)
    assert again.hashes.tolist() == found.hashes[~removed].tolist()
    assert again.rows.tolist() == found.rows[~removed].tolist()
    for row, (old, new) in enumerate(zip(texts, left, strict=True)):
        if row not in touched:
            assert new == old
        else:
            assert len(new) <= len(old)
            assert not new or new.endswith("\n") == old.endswith("\n")


@pytest.mark.parametrize(
    ("text", "by_line", "gone", "left"),
    [
        ("a\nb\n\nc\n\nd\n", False, [1], "a\nb\n\nd\n"),
        ("a\n\nb\n\nc\n", False, [2], "a\n\nb\n"),
        ("a\n\nb\n\nc", False, [0], "b\n\nc"),
        ("a\n\nb", False, [0, 1], ""),
        ("a\nb\nc\n", True, [1], "a\nc\n"),
        ("a\n\nb\n\nc\n", True, [1], "a\n\nc\n"),
        ("a\nb\n\nc", True, [1], "a\n\nc"),
        ("一\n二\n", True, [0], "二\n"),
        ("  a\n\n  b\n", False, [0], "  b\n"),
    ],
)
def test_examples(text, by_line, gone, left):
    batch = Texts.of([text])
    found = passages(batch, by_line=by_line)
    removed = np.isin(np.arange(len(found.rows)), gone)
    assert without(batch, found, removed).to_pylist() == [left]


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=8), max_size=4), st.integers(1, 3), st.integers(0, 3))
def test_what_recurs(parts, least, copies):
    import telos.corpus.passages as module

    arrays = [np.array(part, np.uint64) for part in parts for _ in range(copies)]
    numbers = [n for array in arrays for n in array.tolist()]
    expected = sorted({n for n in numbers if numbers.count(n) >= least})
    before = module._AT_ONCE_BYTES
    try:
        for module._AT_ONCE_BYTES in (before, 16, 100):
            assert recurring(lambda: iter(arrays), least).tolist() == expected
    finally:
        module._AT_ONCE_BYTES = before
    known = np.array(expected, np.uint64)
    assert numbers_in(known, np.array(numbers, np.uint64)).tolist() == [
        expected.index(n) if n in expected else -1 for n in numbers
    ]


def test_a_part_of_a_larger_column():
    whole = Texts.of(["first text", "中文\n\n乙", "third"])
    part = Texts(whole.table.slice(1, 2))
    found = passages(part, by_line=True)
    assert found.rows.tolist() == [0, 0, 1]
    assert without(part, found, np.array([True, False, False])).to_pylist() == ["乙", "third"]
