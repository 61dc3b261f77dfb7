"""Words and lines of a batch: what Python's own methods find, on any text."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from telos.corpus.kernels.classes import ALPHANUMERIC, ASSIGNED, LETTER, LOWER, SPACE, UPPER, classes
from telos.corpus.kernels.words import ENDS_IN_ELLIPSIS, PARAGRAPH_START
from telos.corpus.texts import SPACED, Texts
from telos.corpus.words import words_of

LINES = st.lists(
    st.sampled_from(["a b", " a\tb ", "", " ", "x...", "...", "….", "é…", "..", "#a", "end. .", "a\u2003b", "🙂 \r"])
)


def test_the_table_says_what_python_says():
    table = classes()
    for flag, test in ((SPACE, str.isspace), (LETTER, str.isalpha), (ALPHANUMERIC, str.isalnum), (LOWER, str.islower),
                       (UPPER, str.isupper)):  # fmt: skip
        assert all(bool(table[c] & flag) == test(chr(c)) for c in range(0, ASSIGNED, 7))
    assert not any(chr(c).isalnum() or chr(c).isspace() for c in range(ASSIGNED, sys.maxunicode + 1))


@given(st.lists(st.text() | LINES.map("\n".join), max_size=5))
def test_words_and_lines_of_any_text(documents):
    batch = Texts.of(documents)
    found = words_of(batch)
    ids, line_ids = {}, {}
    for i, text in enumerate(documents):
        words, lines = text.split(), [line.strip() for line in text.split("\n") if line.strip()]
        if batch.scripts[i] != SPACED:
            words, lines = [], []
        mine = slice(*found.word_spans[i])
        assert found.sizes[mine].tolist() == [len(word) for word in words]
        for word, key in zip(words, found.hashes[mine].tolist(), strict=True):
            assert ids.setdefault(word, key) == key
        mine = slice(*found.line_spans[i])
        assert found.line_sizes[mine].tolist() == [len(line) for line in lines]
        assert found.line_firsts[mine].tolist() == [ord(line[0]) for line in lines]
        assert found.line_lasts[mine].tolist() == [ord(line[-1]) for line in lines]
        flags = found.line_flags[mine]
        assert ((flags & ENDS_IN_ELLIPSIS) > 0).tolist() == [line.endswith(("...", "…")) for line in lines]
        for line, key in zip(lines, found.line_hashes[mine].tolist(), strict=True):
            assert line_ids.setdefault(tuple(line.split()), key) == key
        if batch.scripts[i] == SPACED:
            blank = [True, *(not line.strip() for line in text.split("\n"))]
            starts = [b for b, line in zip(blank, text.split("\n"), strict=False) if line.strip()]
            assert ((flags & PARAGRAPH_START) > 0).tolist() == starts
            letters = sum(any(c.isalpha() for c in word) for word in words)
            ellipses = text.count("...") + text.count("…")
            assert found.counts[i].tolist() == [len(words), sum(map(len, words)), len(text), letters, text.count("#"), ellipses,
                                                text.count("\n"), len(lines)]  # fmt: skip
        else:
            assert not found.counts[i].any()
    assert len(set(ids.values())) == len(ids)
    assert len(set(line_ids.values())) == len(line_ids)


def test_what_the_batch_is_sliced_from_does_not_matter():
    import pyarrow as pa

    whole = pa.table({"text": pa.array(["one two", "three four\nfive", "six"], pa.large_string())})
    found, alone = words_of(Texts(whole.slice(1))), words_of(Texts.of(["three four\nfive", "six"]))
    assert (found.counts == alone.counts).all()
    assert found.hashes[:4].tolist() == alone.hashes[:4].tolist()


def test_words_follow_the_documents_that_are_left():
    import numpy as np

    batch = Texts.of(["one two", "three four\nfive", "six one"])
    words_of(batch)
    left = batch.take(np.array([False, True, True]))
    found, anew = words_of(left), words_of(Texts(left.table))
    assert found is not anew
    assert (found.counts == anew.counts).all()
    for a, b in zip(found.word_spans, anew.word_spans, strict=True):
        assert found.hashes[slice(*a)].tolist() == anew.hashes[slice(*b)].tolist()
