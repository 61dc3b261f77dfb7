"""Batches: every token once an epoch, the same in every process, and cheap."""

import itertools
import json
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from telos.tokens.batches import Batches, Row
from telos.tokens.store import TokenStore
from telos.tokens.tokenizers.character import Character


@pytest.fixture(scope="module")
def store_of(tmp_path_factory, byte, documents):
    """A store whose documents have these lengths in tokens (end of text included)."""

    def build(lengths: list[int], shard_tokens: int = 2**20) -> TokenStore:
        texts = ["".join(chr(33 + (7 * i + j) % 90) for j in range(n - 1)) for i, n in enumerate(lengths)]
        return TokenStore.write(tmp_path_factory.mktemp("batches") / "s", documents(texts), byte, shard_tokens=shard_tokens)

    return build


def epoch_rows(batches: Batches, epoch: int) -> list[Row]:
    n = batches.rows_per_epoch
    return [batches.row_at(number) for number in range(epoch * n, (epoch + 1) * n)]


def place(store: TokenStore, document: int, token: int) -> int:
    """Where a token stands in the store; no token stands twice in a document of `store_of`."""
    (offset,) = np.flatnonzero(store.document(document) == token)
    return int(store.starts[document] + offset)


lengths = st.lists(st.integers(2, 40), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(lengths=lengths, shape=st.tuples(st.integers(1, 50), st.integers(1, 9)), shard=st.integers(2, 60), seed=st.integers(0, 3))
@example([2], (50, 3), 2, 0)
@example([10, 10], (10, 2), 10, 1)
def test_each_token_is_drawn_exactly_once_an_epoch(store_of, lengths, shape, shard, seed):
    store = store_of(lengths, shard)
    batches = Batches(store, *shape, seed)
    for epoch in (0, 2):
        rows = epoch_rows(batches, epoch)
        found = [[place(store, int(d), int(t)) for d, t in zip(row.documents, row.tokens, strict=True)] for row in rows]
        assert sorted(p for row in found for p in row) == list(range(store.num_tokens))
        assert [len(row) for row in found[:-1]] == [shape[0]] * (len(rows) - 1)
        for row, here in zip(rows, found, strict=True):
            follows = all(b == a + 1 for a, b in itertools.pairwise(here) if store.read(a, a + 1) != store.end_of_text)
            assert follows, "within a document the tokens keep their order"
            starts = here[0] in store.starts
            assert row.previous == (store.end_of_text if starts else store.read(here[0] - 1, here[0])[0])


@settings(max_examples=40, deadline=None)
@given(lengths=lengths, raw_length=st.integers(1, 50), rows=st.integers(1, 9))
def test_batches_are_the_rows_in_order_over_epochs(store_of, lengths, raw_length, rows):
    batches = Batches(store_of(lengths), raw_length, rows, 1)
    drawn = 0
    for step in range(12):
        batch = batches.batch_at(step)
        assert [row.number for row in batch] == list(range(step * rows, (step + 1) * rows))
        assert batches.tokens_at(step) == drawn
        assert batches.epoch_at(step) == step * rows / batches.rows_per_epoch
        drawn += sum(len(row.tokens) for row in batch)


def test_only_the_last_row_of_an_epoch_is_short(store_of):
    batches = Batches(store_of([7] * 10), 16, 5, 1)
    assert batches.rows_per_epoch == 5
    for epoch in range(4):
        assert [len(row.tokens) for row in batches.batch_at(epoch)] == [16, 16, 16, 16, 6]


def test_a_store_shorter_than_a_row_is_repeated(store_of):
    store = store_of([3, 4])
    batches = Batches(store, 100, 4, 1)
    assert batches.rows_per_epoch == 1
    rows = batches.batch_at(5)
    assert [len(row.tokens) for row in rows] == [7] * 4
    for row in rows:
        assert sorted(row.tokens) == sorted(store.read(0, 7))
        assert row.previous == store.end_of_text
    assert len({tuple(row.documents) for number in range(8) for row in batches.batch_at(number)}) == 2


def test_documents_and_rows_are_shuffled_by_seed_and_epoch(store_of):
    one_document = Batches(store_of([89]), 8, 4, 1)
    firsts = [[int(row.tokens[0]) for row in epoch_rows(one_document, epoch)] for epoch in (0, 1)]
    assert sorted(firsts[0]) == sorted(firsts[1])
    assert len({tuple(order) for order in (*firsts, sorted(firsts[0]))}) == 3

    store = store_of([20] * 50)
    whole = [
        tuple(int(row.documents[0]) for row in epoch_rows(Batches(store, 20, 4, seed), e)) for seed, e in ((1, 0), (1, 1), (2, 0))
    ]
    assert all(sorted(order) == list(range(50)) for order in whole)
    assert len({*whole, tuple(range(50))}) == 4

    neighbours = [
        {(a, b) for row in epoch_rows(Batches(store, 40, 4, 1), e) for a, b in [row.documents[[0, -1]]]} for e in (0, 1)
    ]
    assert len(neighbours[0] & neighbours[1]) < 5, "documents are joined anew in each epoch"


def test_history_does_not_matter(store_of):
    store = store_of(list(range(2, 40)))
    walked, fresh = Batches(store, 16, 7, 3), Batches(store, 16, 7, 3)
    all_of_it = [walked.batch_at(step) for step in range(40)]
    for step in (39, 0, 25, 7):
        for a, b in zip(all_of_it[step], fresh.batch_at(step), strict=True):
            np.testing.assert_array_equal(a.tokens, b.tokens)
            np.testing.assert_array_equal(a.documents, b.documents)
            assert (a.previous, a.number) == (b.previous, b.number)


IN_A_NEW_PROCESS = """
import json, sys
from telos.tokens.batches import Batches
from telos.tokens.store import TokenStore
batches = Batches(TokenStore.open(sys.argv[1]), 16, 6, 5)
rows = [row for step in (0, 9, 31) for row in batches.batch_at(step)]
print(json.dumps([[row.tokens.tolist(), row.previous, row.documents.tolist(), row.number] for row in rows]))
"""


def test_batches_are_the_same_in_a_new_process(store_of):
    store = store_of(list(range(2, 45)), 100)
    here = Batches(store, 16, 6, 5)
    done = subprocess.run([sys.executable, "-c", IN_A_NEW_PROCESS, str(store.folder)], capture_output=True, text=True, check=True)
    expected = [[r.tokens.tolist(), r.previous, r.documents.tolist(), r.number] for s in (0, 9, 31) for r in here.batch_at(s)]
    assert json.loads(done.stdout) == expected


def test_the_order_is_pinned(store_of):
    """Were this to change, every resumed run would go on with other data than it began with."""
    batches = Batches(store_of([5, 3, 9, 4, 6]), 8, 2, 1)
    assert [row.documents.tolist() for row in batches.batch_at(1)] == [[3, 3, 3, 3, 2, 2, 2, 2], [4, 4, 4]]


def test_two_million_tokens_a_second_on_short_documents(tmp_path, make, documents):
    """Quatrains of 5 characters a line are 24 tokens with the end of text; best of three, for a busy machine."""
    texts = ["春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"[: 12 + i % 13] for i in range(20_000)]
    store = TokenStore.write(tmp_path / "s", documents(texts), make(Character(), texts[:13]))
    batches = Batches(store, 256, 32, 1)
    batches.batch_at(0)
    best = 0.0
    for attempt in range(3):
        began = time.process_time()
        drawn = sum(len(row.tokens) for step in range(20) for row in batches.batch_at(step + attempt))
        best = max(best, drawn / (time.process_time() - began))
    assert best > 2e6
