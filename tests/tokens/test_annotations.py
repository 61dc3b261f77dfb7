"""Numbers, tags, questions and answers in a token store: each at its tokens, whatever the tokenizer."""

import numpy as np
import pytest

from telos.foundation.document import Document
from telos.tokens.annotations import character_edges, encode_words, tokens_of
from telos.tokens.documents import document_row
from telos.tokens.store import TokenStore

TEXT = "  张三 在 New York工作 — 好。"
WORDS = ["张三", "在", "New", "York", "工作", "好"]
TAGS = ["B-PER", "O", "B-LOC", "I-LOC", "O", "B-NEW"]
STARTS = [TEXT.index(word) for word in WORDS]


def documents():
    spans = [{"start": at, "end": at + len(w), "tag": t} for at, w, t in zip(STARTS, WORDS, TAGS, strict=True)]
    at = TEXT.index("New York")
    answers = [{"text": "New York", "start": at, "end": at + 8}, {"text": "nowhere"}]
    both = {"value": 2.5, "question": "哪里?", "tags": spans, "answers": answers}
    yield Document("0" * 32, TEXT, "a", metadata=both)
    yield Document("1" * 32, "no word has a tag", "b")
    yield Document("2" * 32, "", "c", metadata={"value": 7.0})
    yield Document("3" * 32, "x", "d", metadata={"value": -1.5, "tags": [{"start": 0, "end": 1, "tag": "O"}]})


NAMES = ("value", "tags", "question", "answers")


def test_each_stands_at_its_document(tmp_path, tokenizer):
    store = TokenStore.write(tmp_path / "s", documents(), tokenizer, annotations=NAMES, tags=["B-LOC", "B-PER", "I-LOC", "O"],
                             shard_tokens=9)  # fmt: skip
    store = TokenStore.open(store.folder, verify=True)
    one, two, three = (store.annotations.of(i) for i in range(3))
    assert (one["value"], "value" in two, three["value"]) == (2.5, False, -1.5)
    assert store.annotations.value_scale() == (0.5, 2.0)
    assert tokenizer.decode(one["question"]) == "哪里?"
    assert len(two["question"]) == 0
    assert store.annotations.tags == ("B-LOC", "B-PER", "I-LOC", "O", "B-NEW")
    assert [store.annotations.tags[tag] for tag in one["tags"][:, 1]] == TAGS
    assert two["tags"].shape == two["answers"].shape == (0, 2)
    ids = store.document(0)[:-1]
    for (place, _), following, word in zip(one["tags"], [*one["tags"][1:, 0], len(ids)], WORDS, strict=True):
        assert tokenizer.decode(ids[place:following]).lstrip().startswith(word)
    (first, last), nowhere = one["answers"]
    assert nowhere.tolist() == [-1, -1]
    assert "New York" in tokenizer.decode(ids[first : last + 1])
    assert "New York" not in tokenizer.decode(ids[first + 1 : last + 1])
    assert "New York" not in tokenizer.decode(ids[first:last])
    assert tokenizer.decode(ids) == TEXT
    row = document_row(store, 2, 10)
    assert (row.beside["value"], row.beside["tags"].tolist()) == (-1.5, [[0, 3]])


def test_without_them_nothing_is_written(tmp_path, byte):
    store = TokenStore.write(tmp_path / "s", documents(), byte)
    assert store.annotations.of(0) == {}
    assert (store.annotations.tags, store.annotations.value_scale()) == (None, None)
    assert sorted(p.name for p in store.folder.iterdir()) == [
        "bytes.bin", "ids.bin", "manifest.json", "starts.bin", "store.json", "tokens-00000.bin"
    ]  # fmt: skip


def test_words_begin_in_tokens_of_their_own(tokenizer):
    (ids, none), (firsts, nothing) = encode_words(tokenizer, [TEXT, "plain"], [STARTS, []])
    assert len(firsts) == len(set(firsts)) == len(WORDS)
    assert (tokenizer.decode(ids), tokenizer.decode(none), nothing) == (TEXT, "plain", [])


@pytest.mark.parametrize("span", ["张", "三", "New York", "York工", "。", "在 New York工作 — 好。"])
def test_tokens_hold_the_characters(tokenizer, span):
    ids = tokenizer.encode(TEXT)
    edges = character_edges(tokenizer, ids, TEXT)
    assert (edges[0], edges[-1], len(edges)) == (0, len(TEXT), len(ids) + 1)
    start = TEXT.index(span)
    first, last = tokens_of(edges, start, start + len(span))
    assert edges[first] <= start
    assert edges[last + 1] >= start + len(span)
    assert span in tokenizer.decode(ids[first : last + 1])
    assert span not in tokenizer.decode(ids[first + 1 : last + 1])
    assert span not in tokenizer.decode(ids[first:last])


def test_bytes_of_one_character_are_tokens_of_it(byte):
    edges = character_edges(byte, byte.encode("a好b"), "a好b")
    assert edges.tolist() == [0, 1, 2, 2, 2, 3]
    assert (tokens_of(edges, 1, 2), tokens_of(edges, 0, 2), tokens_of(edges, 2, 3)) == ((1, 3), (0, 3), (4, 4))
    assert np.diff(edges).sum() == 3
