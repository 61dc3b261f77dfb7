"""Marks in a token store: beside every token of every row, in shards; nothing where they were not asked for."""

import numpy as np
import pytest

from telos.foundation.errors import TelosError
from telos.tokens.batches import Batches
from telos.tokens.documents import document_row
from telos.tokens.lanes import Lanes
from telos.tokens.marks import Marker
from telos.tokens.store import TokenStore


@pytest.fixture
def store(tmp_path, byte, documents, texts):
    return TokenStore.write(tmp_path / "s", documents(["", *texts]), byte, marks=True, shard_tokens=37)


@pytest.fixture
def whole(byte, texts):
    """Marks of the whole stream."""
    return np.concatenate([part for text in texts for part in (Marker(byte)(byte.encode(text), text), [0])])


def test_every_token_has_its_mark_and_ends_of_text_none(store, whole):
    assert store.marks.read(0, store.num_tokens).tolist() == whole.tolist()
    assert (store.folder / "marks-00000.bin").stat().st_size == 37
    assert TokenStore.open(store.folder, verify=True).marks.read(30, 50).tolist() == whole[30:50].tolist()


@pytest.mark.parametrize("kind", [Batches, Lanes])
def test_rows_have_the_marks_of_their_tokens(store, whole, kind):
    tokens, seen = store.read(0, store.num_tokens), 0
    batches = kind(store, 13, 2, seed=3)
    for number in range(-(-store.num_tokens // 26)):
        for row in batches.batch_at(number):
            assert row.marks.shape == row.tokens.shape
            for document in np.unique(row.documents):
                here = row.documents == document
                piece, marks = row.tokens[here], row.marks[here]
                start, stop = store.starts[document : document + 2]
                found = [at for at in range(start, stop - len(piece) + 1) if (tokens[at : at + len(piece)] == piece).all()]
                assert any((whole[at : at + len(piece)] == marks).all() for at in found)
                seen += len(piece)
    assert seen >= store.num_tokens


def test_a_document_as_a_row_has_them(store, whole):
    row = document_row(store, 1, 20)
    start = store.starts[1]
    assert row.marks.tolist() == whole[start : start + 20].tolist()


def test_without_them_there_are_none(tmp_path, byte, documents, texts):
    store = TokenStore.write(tmp_path / "s", documents(texts), byte)
    assert store.marks is None
    assert not list(store.folder.glob("marks*"))
    assert Batches(store, 13, 2, seed=3).row_at(0).marks is None
    assert document_row(store, 0, 5).marks is None


def test_a_missing_shard_is_refused_by_name(store):
    (store.folder / "marks-00001.bin").unlink()
    with pytest.raises(TelosError) as error:
        TokenStore.open(store.folder)
    assert error.value.must.endswith("marks-00001.bin must have 37 bytes")
