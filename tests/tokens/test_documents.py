"""Batches of whole documents: each once an epoch, cut, with label and target, a pure function of (seed, step)."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.foundation.document import Document
from telos.tokens.documents import DocumentBatches, document_row
from telos.tokens.store import TokenStore


@pytest.fixture(scope="module")
def store_of(tmp_path_factory, byte):
    """A store whose documents have these lengths in tokens, the end of text not counted; labels and targets by their number."""

    def build(lengths, *, targets=True):
        texts = ["".join(chr(33 + (7 * i + j) % 90) for j in range(n)) for i, n in enumerate(lengths)]
        documents = [Document(f"{i:032x}", text, f"{i}.txt", metadata={"label": f"{i % 3}", "target": f"to {i}"})
                     for i, text in enumerate(texts)]  # fmt: skip
        return TokenStore.write(
            tmp_path_factory.mktemp("documents") / "s", documents, byte, labels=["0", "1", "2"], targets=targets
        )

    return build


LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=30)
SEEDS, STEPS = st.integers(0, 3), st.integers(1, 4)


@settings(max_examples=40)
@given(lengths=LENGTHS, longest=st.integers(1, 50), batch_tokens=st.integers(1, 200), order=st.tuples(SEEDS, STEPS))
def test_each_document_once_an_epoch_with_what_belongs_to_it(store_of, lengths, longest, batch_tokens, order):
    store, (seed, steps_together) = store_of(lengths), order
    batches, n = DocumentBatches(store, longest, batch_tokens, seed, steps_together=steps_together), len(lengths)
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


def test_steps_that_share_out_their_documents_by_length_pad_little(store_of):
    lengths = [1 + 7 * i % 40 for i in range(70)]
    store = store_of(lengths, targets=False)

    def steps(steps_together, of=range(14)):
        batches = DocumentBatches(store, 50, 105, 1, steps_together=steps_together)
        assert batches.rows == 5
        return [[int(row.documents[0]) for row in batches.batch_at(step)] for step in of]

    def padding(drawn):
        return sum(max(lengths[i] for i in step) - lengths[i] for step in drawn for i in step)

    as_drawn, shared = steps(1), steps(7)
    for half in (slice(0, 7), slice(7, 14)):
        assert np.array_equal(np.sort(as_drawn[half], None), np.sort(shared[half], None)), (
            "the same documents in the same seven steps"
        )
    assert padding(shared) < 0.4 * padding(as_drawn)
    means = [np.mean([lengths[i] for i in step]) for step in shared[:7]]
    assert means != sorted(means), "in a random order"
    assert steps(7, range(3, 5)) == shared[3:5], "a step needs no history"


def test_pools_begin_behind_the_step_that_two_epochs_share(store_of):
    store = store_of([1 + 7 * i % 40 for i in range(72)], targets=False)
    batches = DocumentBatches(store, 50, 105, 1, steps_together=4)
    assert (batches.rows, 72 % 5) == (5, 2), "step 14 is of both epochs"
    assert [row.documents[0] for row in batches.batch_at(14)[2:]] == [
        row.documents[0] for row in DocumentBatches(store, 50, 105, 1).batch_at(14)[2:]
    ], "and is not sorted"
    for first in (15, 19, 23):
        steps = sorted(sorted(len(row.tokens) for row in batches.batch_at(step)) for step in range(first, first + 4))
        assert all(short[-1] <= long[0] for short, long in itertools.pairwise(steps)), "each step has its own lengths"


def test_targets_count_before_texts(store_of):
    store = store_of([40, 30, 20, 10, 9, 8, 7, 6, 5, 4, 3, 2])
    batches = DocumentBatches(store, 50, 24, 1, steps_together=6)
    steps = [{int(row.documents[0]) for row in batches.batch_at(step)} for step in range(6)]
    assert batches.rows == 2
    assert {10, 11} in steps, "the only targets of two digits"
