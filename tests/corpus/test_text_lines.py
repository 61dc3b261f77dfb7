"""Lines of a batch: equal to `str.split`, over slices too; texts without some of them."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.corpus.text_lines import TextLines
from telos.corpus.texts import Texts

TEXTS = st.lists(st.text(st.sampled_from("a月\n \r"), max_size=12), max_size=6)


@settings(deadline=None)  # the first call may compile
@given(TEXTS, st.integers(0, 2))
def test_lines_are_those_of_split(texts, skipped):
    lines = TextLines(Texts(pa.table({"text": pa.array(texts, pa.large_string())}).slice(skipped)))
    texts = texts[skipped:]
    data = lines.texts.data
    found = [bytes(data[a:b]).decode() for a, b in zip(lines.starts, lines.ends, strict=True)]
    expected = [line for text in texts for line in text.split("\n")]
    assert found == expected
    assert [line.removesuffix("\n") for line in lines.column.to_pylist()] == expected
    assert lines.documents.tolist() == [d for d, text in enumerate(texts) for _ in text.split("\n")]
    assert lines.sums(np.ones(len(lines), bool)).tolist() == [len(text.split("\n")) for text in texts]


@settings(deadline=None)  # the first call may compile
@given(TEXTS, st.randoms(use_true_random=False))
def test_texts_without_some_lines(texts, random):
    lines = TextLines(Texts.of(texts))
    split = [text.split("\n") for text in texts]
    refused = [[random.random() < 0.3 for _ in part] for part in split]
    blank = [not line.strip() for part in split for line in part]
    left, lost = lines.without(np.array([r for part in refused for r in part], bool), np.array(blank, bool))
    assert lost.tolist() == [sum(r) for r in refused]
    for text, part, gone, found in zip(texts, split, refused, left.to_pylist(), strict=True):
        kept = [line for line, r in zip(part, gone, strict=True) if not r]
        if any(gone):
            assert [line for line in found.split("\n") if line.strip()] == [line for line in kept if line.strip()]
            assert "\n\n\n" not in found
            assert found == found.strip("\n")
        else:
            assert found == text
