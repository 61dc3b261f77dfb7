"""Places of documents over buckets, those of an earlier corpus first."""

import numpy as np

from telos.corpus.dedup.exact import Exact
from telos.corpus.places import Places
from tests.corpus.dedup.conftest import Memory


def test_places():
    places = Places(Memory(Exact(), [["a", "b"], ["c"], [], ["d", "e"]], fixed=(1, 2)))
    assert [bucket.number for bucket in places.buckets] == [1, 2, 0, 3]
    assert (places.documents, places.fixed, places.starts.tolist()) == (5, 1, [0, 1, 1, 3, 5])
    found = [(bucket.number, rows.tolist(), where) for bucket, rows, where in places.by_bucket(np.array([0, 2, 3, 4]))]
    assert found == [(1, [0], slice(0, 1)), (0, [1], slice(1, 2)), (3, [0, 1], slice(2, 4))]
    assert places.facts(np.array([0, 2, 4]), ["source"])["source"].to_pylist() == ["1/0.txt", "0/1.txt", "3/1.txt"]


def test_columns_in_groups(monkeypatch):
    import telos.corpus.places as module

    places = Places(Memory(Exact(), [["a", "b"], ["c"]], fixed=(1,)))
    whole = {name: column.tolist() for name, column in places.columns(["high", "low"])}
    monkeypatch.setattr(module, "_TOGETHER_BYTES", 1)
    assert {name: column.tolist() for name, column in places.columns(["high", "low"])} == whole
    assert [len(column) for column in whole.values()] == [3, 3]
