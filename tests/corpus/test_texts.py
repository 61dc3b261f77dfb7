"""Batches of texts: views without copies, of slices too; scripts; taking and replacing."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from telos.corpus.texts import HAN, SPACED, Texts


@given(st.lists(st.text()), st.integers(0, 5))
def test_the_bytes_of_every_text(texts, skipped):
    made = Texts(pa.table({"text": pa.array(texts, pa.large_string())}).slice(skipped))
    whole = [bytes(made.data[a:b]).decode() for a, b in zip(made.offsets, made.offsets[1:], strict=False)]
    assert whole == texts[skipped:]
    assert made.sizes.tolist() == [len(t.encode()) for t in texts[skipped:]]


def test_scripts_are_told_by_their_letters():
    made = Texts.of(["plain English", "床前明月光", "据 GB/T 7714 标准引用文献", "One 字 among many words of English", "", "123"])
    assert made.scripts.tolist() == [SPACED, HAN, HAN, SPACED, SPACED, SPACED]
    assert made.rows_in("han").tolist() == [False, True, True, False, False, False]
    assert made.rows_in("all").all()


def test_take_and_replace():
    made = Texts.of(["a", "b", "c"], source=["1", "2", "3"])
    taken = made.take(np.array([True, False, True])).replace(text=["x", "y"], language=["en", None])
    assert taken.table.to_pylist() == [
        {"text": "x", "source": "1", "language": "en"},
        {"text": "y", "source": "3", "language": None},
    ]


def test_what_is_shared_follows_the_documents_that_are_left():
    made = Texts.of(["a", "床前", "b"])
    assert made.scripts.tolist() == [SPACED, HAN, SPACED]
    left = made.take(np.array([False, True, True]))
    assert left.shared("scripts", lambda texts: None).tolist() == [HAN, SPACED]
    assert left.replace(language=["zh", "en"]).shared("scripts", lambda texts: None) is left.scripts
    assert left.replace(text=["x", "y"]).scripts.tolist() == [SPACED, SPACED]


def test_what_is_shared_is_computed_once():
    made, calls = Texts.of(["a"]), []
    for _ in range(2):
        assert made.shared("n", lambda texts: calls.append(1) or len(texts)) == 1
    assert calls == [1]
