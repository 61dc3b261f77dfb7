"""Labelled spans through every stage that changes text."""

from collections import Counter

import orjson
from hypothesis import given
from hypothesis import strategies as st

from telos.corpus import spans
from telos.corpus.spans import follow, moved
from telos.corpus.texts import Texts


@given(st.text(max_size=60), st.data())
def test_whatever_stays_is_what_it_was(old, data):
    start = data.draw(st.integers(0, len(old)))
    end = data.draw(st.integers(start, len(old)))
    cut = data.draw(st.integers(0, len(old)))
    new = old[:cut] + data.draw(st.text(max_size=5)) + old[min(len(old), cut + data.draw(st.integers(0, 5))) :]
    for found in moved([{"start": start, "end": end, "label": "x"}], old, new):
        assert new[found["start"] : found["end"]] == old[start:end]
        assert found["label"] == "x"
    if cut >= end > start:
        assert moved([{"start": start, "end": end}], old, new) == [{"start": start, "end": end}]


def test_lines_are_aligned_where_texts_are_long(monkeypatch):
    monkeypatch.setattr(spans, "_LONGEST", 10)
    old = "first line\nsecond line\n第三行\nlast\n"
    new = "second line\nINSERTED\n第三行\nLAST\n"
    at = old.index("第三行")
    assert moved([{"start": at, "end": at + 3}, {"start": 0, "end": 5}], old, new) == [
        {"start": new.index("第三行"), "end": new.index("第三行") + 3}
    ]


def test_what_is_no_span_goes():
    assert moved([{"start": "0", "end": 1}, 3, {"start": -2, "end": 1}, {"start": 0, "end": 99}], "abc", "abcd") == []


def test_counts_and_untouched_documents():
    one = orjson.dumps({"spans": [{"start": 0, "end": 1}, {"start": 2, "end": 3}]}).decode()
    before = Texts.of(["a b", "same", "no spans"], metadata=[one, one, None])
    after = before.replace(text=["xa c", "same", "changed"])
    counts = Counter()
    found = follow(before, after, counts).table["metadata"].to_pylist()
    assert orjson.loads(found[0])["spans"] == [{"start": 1, "end": 2}]
    assert found[1:] == [one, None]
    assert counts == {"spans_lost": 1, "spans_moved": 1}


def test_through_a_corpus(fill, build):
    text = "Zoë\r\nlives\u0000 in 北京, " + "and many people live there with her. " * 10
    at = text.index("北京")
    rows = [orjson.dumps({"text": f"{text}{n}", "spans": [{"start": at, "end": at + 2, "label": "place"}]}) for n in range(100)]
    corpus = build(fill("t", {"a.jsonl": b"\n".join(rows)}), keep=["spans"])
    found = [d for split in ("train", "validation", "test") for d in corpus.documents(split)]
    assert len(found) == 100
    for document in found:
        (span,) = document.metadata["spans"]
        assert document.text[span["start"] : span["end"]] == "北京"
        assert span["start"] == at - 2
    assert corpus.facts["counts"]["clean"] == {"spans_moved": 100}
