"""Lanes: every token once an epoch, each row going on where the last one ended, and a step that needs no history."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from telos.tokens.lanes import ANEW, Lanes
from telos.tokens.store import TokenStore


@pytest.fixture(scope="module")
def store_of(tmp_path_factory, byte, documents):
    """A store whose documents have these lengths in tokens (end of text included)."""

    def build(lengths: list[int], shard_tokens: int = 2**20) -> TokenStore:
        texts = ["".join(chr(33 + (7 * i + j) % 90) for j in range(n - 1)) for i, n in enumerate(lengths)]
        return TokenStore.write(tmp_path_factory.mktemp("lanes") / "s", documents(texts), byte, shard_tokens=shard_tokens)

    return build


def places(store: TokenStore, row) -> list[int]:
    """Where a row's tokens stand in the store; no token stands twice in a document of `store_of`."""
    found = []
    for document, token in zip(row.documents, row.tokens, strict=True):
        (offset,) = np.flatnonzero(store.document(int(document)) == token)
        found.append(int(store.starts[document] + offset))
    return found


def epoch(lanes: Lanes, number: int) -> list[list]:
    """The batches of one epoch."""
    return [lanes.batch_at(step) for step in range(number * lanes.steps_per_epoch, (number + 1) * lanes.steps_per_epoch)]


lengths = st.lists(st.integers(2, 40), min_size=1, max_size=30)


@settings(max_examples=80, deadline=None)
@given(lengths=lengths, shape=st.tuples(st.integers(2, 50), st.integers(1, 9)), shard=st.integers(2, 60), seed=st.integers(0, 3))
@example([2], (50, 3), 2, 0)
@example([10, 10], (10, 2), 10, 1)
@example([13, 20], (4, 4), 60, 0)  # 8 tokens a lane and one more in the first: a step of it alone would be ragged
@example([2, 3], (2, 2), 60, 0)
def test_each_token_is_drawn_exactly_once_an_epoch_and_rows_go_on(store_of, lengths, shape, shard, seed):
    store = store_of(lengths, shard)
    lanes = Lanes(store, *shape, seed)
    assert lanes.rows == min(shape[1], store.num_tokens)
    for number in (0, 2):
        batches = epoch(lanes, number)
        found = [[places(store, row) for row in batch] for batch in batches]
        assert sorted(p for batch in found for row in batch for p in row) == list(range(store.num_tokens))
        for step, (batch, here) in enumerate(zip(batches, found, strict=True)):
            sizes = {len(row) for row in here}
            assert max(sizes) <= shape[0]
            assert min(sizes) > 0, "no row is empty"
            assert max(sizes) - min(sizes) <= (step + 1 == len(batches)), "only the last rows of an epoch differ, by one"
            assert [row.number for row in batch] == list(range(batch[0].number, batch[0].number + lanes.rows))
            for lane, row in enumerate(batch):
                starts = here[lane][0] in store.starts
                assert row.previous == (store.end_of_text if starts else store.read(here[lane][0] - 1, here[lane][0])[0])
                assert row.follows <= (step > 0)
                if step > 0 and not starts:
                    assert here[lane][0] == found[step - 1][lane][-1] + 1


@settings(max_examples=40, deadline=None)
@given(lengths=lengths, raw_length=st.integers(2, 50), rows=st.integers(1, 9))
def test_what_was_drawn_is_counted(store_of, lengths, raw_length, rows):
    lanes = Lanes(store_of(lengths), raw_length, rows, 1)
    drawn = 0
    for step in range(12):
        assert lanes.tokens_at(step) == drawn
        assert lanes.epoch_at(step) == step / lanes.steps_per_epoch
        drawn += sum(len(row.tokens) for row in lanes.batch_at(step))


def test_documents_are_joined_anew_in_each_epoch_and_for_each_seed(store_of):
    store = store_of([20] * 50)
    orders = [
        tuple(int(d) for batch in epoch(Lanes(store, 20, 1, seed), number) for d in batch[0].documents[:1])
        for seed, number in ((1, 0), (1, 1), (2, 0))
    ]
    assert len(set(orders)) == 3
    assert all(sorted(order) == list(range(50)) for order in orders)


def test_a_share_of_the_rows_starts_anew(store_of):
    lanes = Lanes(store_of([40] * 200), 4, 8, 1)
    follow = [row.follows for step in range(1, 240) for row in lanes.batch_at(step)]
    share = 1 - sum(follow) / len(follow)
    assert abs(share - ANEW) < 4 * (ANEW / len(follow)) ** 0.5
    assert not any(row.follows for row in lanes.batch_at(0))


def test_history_does_not_matter(store_of):
    store = store_of(list(range(2, 40)))
    walked, fresh = Lanes(store, 16, 7, 3), Lanes(store, 16, 7, 3)
    all_of_it = [walked.batch_at(step) for step in range(40)]
    for step in (39, 0, 25, 7):
        for a, b in zip(all_of_it[step], fresh.batch_at(step), strict=True):
            np.testing.assert_array_equal(a.tokens, b.tokens)
            np.testing.assert_array_equal(a.documents, b.documents)
            assert (a.previous, a.number, a.follows) == (b.previous, b.number, b.follows)


IN_A_NEW_PROCESS = """
import json, sys
from telos.tokens.lanes import Lanes
from telos.tokens.store import TokenStore
lanes = Lanes(TokenStore.open(sys.argv[1]), 16, 6, 5)
print(json.dumps([[row.tokens.tolist(), row.previous, row.follows] for step in (0, 9, 31) for row in lanes.batch_at(step)]))
"""


def test_lanes_are_the_same_in_a_new_process(store_of):
    store = store_of(list(range(2, 45)), 100)
    here = Lanes(store, 16, 6, 5)
    done = subprocess.run([sys.executable, "-c", IN_A_NEW_PROCESS, str(store.folder)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [
        [row.tokens.tolist(), row.previous, row.follows] for step in (0, 9, 31) for row in here.batch_at(step)
    ]


def test_the_order_is_pinned(store_of):
    """Were this to change, every resumed run would go on with other data than it began with."""
    lanes = Lanes(store_of([5, 3, 9, 4, 6]), 8, 2, 1)
    assert [row.documents.tolist() for row in lanes.batch_at(1)] == [[2, 2, 2, 2, 2, 0], [4, 4, 4, 4, 4]]
