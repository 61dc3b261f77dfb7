"""Batches of whole documents: each once an epoch, cut, with label and target, a pure function of (seed, step)."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.foundation.document import Document
from telos.tokens.documents import POOL, DocumentBatches, document_row
from telos.tokens.store import TokenStore


@pytest.fixture(scope="module")
def store_of(tmp_path_factory, byte):
    """A store whose documents have these lengths in tokens, the end of text not counted; labels and targets by their number."""

    def build(lengths):
        texts = ["".join(chr(33 + (7 * i + j) % 90) for j in range(n)) for i, n in enumerate(lengths)]
        documents = [Document(f"{i:032x}", text, f"{i}.txt", metadata={"label": f"{i % 3}", "target": f"to {i}"})
                     for i, text in enumerate(texts)]  # fmt: skip
        return TokenStore.write(tmp_path_factory.mktemp("documents") / "s", documents, byte, labels=["0", "1", "2"], targets=True)

    return build


LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=30)
DRAWN = st.fixed_dictionaries({"seed": st.integers(0, 3), "group_by_length": st.booleans()})


@settings(max_examples=40)
@given(lengths=LENGTHS, longest=st.integers(1, 50), batch_tokens=st.integers(1, 200), drawn=DRAWN)
def test_each_document_once_an_epoch_with_what_belongs_to_it(store_of, lengths, longest, batch_tokens, drawn):
    store = store_of(lengths)
    batches, n = DocumentBatches(store, longest, batch_tokens, **drawn), len(lengths)
    for epoch in (0, 2):
        rows = [batches.row_at(number) for number in range(epoch * n, (epoch + 1) * n)]
        assert sorted(int(row.documents[0]) for row in rows) == list(range(n))
        for row in rows:
            i = int(row.documents[0])
            assert row.tokens.tolist() == store.document(i)[:-1][:longest].tolist()
            assert (row.label, row.previous) == (i % 3, store.end_of_text)
            assert bytes(row.target[:-1].astype(np.uint8)).decode() == f"to {i}"
            assert np.all(row.documents == i)
    for step in (0, 1, 5):
        drawn = [batches.row_at(number) for number in range(step * batches.rows)]
        assert batches.tokens_at(step) == sum(len(row.tokens) for row in drawn)
        assert batches.epoch_at(step) == pytest.approx(len(drawn) / n)
        assert [row.number for row in batches.batch_at(step)] == list(range(step * batches.rows, (step + 1) * batches.rows))


def test_a_step_holds_about_the_tokens_that_were_asked_for(store_of):
    batches = DocumentBatches(store_of([10, 20, 30]), 25, 200, 1)
    assert (batches.raw_length, batches.rows) == (19, 10), "the longest is cut to 25"
    assert DocumentBatches(store_of([10, 20, 30]), 25, 5, 1).rows == 1
    assert DocumentBatches(store_of([10, 20, 30]), 25, 200, 1, together=4).rows == 8


def test_the_order_is_a_function_of_seed_and_epoch(store_of):
    store = store_of(range(1, 31))

    def order(seed, epoch):
        batches = DocumentBatches(store, 50, 64, seed)
        return [int(batches.row_at(number).documents[0]) for number in range(epoch * 30, (epoch + 1) * 30)]

    assert order(1, 0) == order(1, 0)
    assert all(a != b for a, b in itertools.combinations([order(1, 0), order(1, 1), order(2, 0)], 2))


def test_any_document_is_a_row(store_of):
    row = document_row(store_of([4, 2]), 1, 50, number=9)
    assert (len(row.tokens), row.label, row.number) == (2, 1, 9)


def test_a_batch_of_one_length_has_little_padding(store_of):
    """Of 600 documents, 40 to a batch that never starts with an epoch, the padding is a small part of what it is ungrouped."""
    store = store_of([1 + i % 40 for i in range(600)] + [3] * 7)

    def padding(grouped):
        batches = DocumentBatches(store, 50, 800, 1, group_by_length=grouped)
        assert 607 % batches.rows
        lengths = [[len(row.tokens) for row in batches.batch_at(step)] for step in range(45)]
        return sum(max(batch) * len(batch) - sum(batch) for batch in lengths)

    assert padding(True) < 0.25 * padding(False)


def test_grouping_draws_again_which_batch_comes_first_and_who_meets_whom(store_of):
    batches = DocumentBatches(store_of([1 + i % 40 for i in range(600)]), 50, 420, 1, group_by_length=True)
    assert 600 % batches.rows == 0, "each epoch is whole batches"
    steps = 600 // batches.rows
    epochs = [[[int(row.documents[0]) for row in batches.batch_at(e * steps + s)] for s in range(steps)] for e in (0, 1)]
    longest = [[max(i % 40 for i in batch) for batch in epoch] for epoch in epochs]
    assert longest[0][:POOL] != sorted(longest[0][:POOL])
    assert longest[0] != longest[1]
    assert {frozenset(batch) for batch in epochs[0]}.isdisjoint(frozenset(batch) for batch in epochs[1])
