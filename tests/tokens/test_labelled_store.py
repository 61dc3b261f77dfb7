"""Labels, targets and negatives in a token store: class ids by name, streams of their own, and nothing where there are none."""

import numpy as np
import pytest

from telos.foundation.document import Document
from telos.foundation.errors import TelosError
from telos.foundation.files import read_json
from telos.tokens.documents import document_row
from telos.tokens.store import TokenStore

TEXTS = ["很好看", "an awful film", "so-so", "没有标签"]
LABELS = ["1", "0", "unheard", None]
TARGETS = ["very good", "电影很差", "一般", "unlabelled"]


def documents(texts=TEXTS, labels=LABELS, targets=TARGETS):
    for i, (text, label, target) in enumerate(zip(texts, labels, targets, strict=True)):
        beside = {} if label is None else {"label": label}
        yield Document(f"{i:032x}", text, f"{i}.txt", metadata=beside if target is None else beside | {"target": target})


@pytest.fixture
def store(tmp_path, byte):
    return TokenStore.write(tmp_path / "s", documents(), byte, labels=["0", "1"], targets=True, shard_tokens=7)


def test_labels_have_the_ids_that_were_given_and_unheard_ones_come_behind(store):
    assert store.labels == ("0", "1", "unheard")
    assert [store.label(i) for i in range(4)] == [1, 0, 2, None]
    assert store.label_counts().tolist() == [1, 1, 1]
    assert read_json(store.folder / "labels.json") == {"names": ["0", "1", "unheard"]}
    assert np.fromfile(store.folder / "labels.bin", "<i4").tolist() == [1, 0, 2, -1]


def test_targets_are_a_stream_of_their_own(store, byte):
    end = byte.vocabulary.end_of_text
    for i, (text, target) in enumerate(zip(TEXTS, TARGETS, strict=True)):
        assert store.document(i).tolist() == [*text.encode(), end]
        assert store.targets.document(i).tolist() == [*target.encode(), end]
    assert store.targets.num_tokens == sum(len(target.encode()) + 1 for target in TARGETS)
    assert (store.folder / "target_tokens-00001.bin").stat().st_size == 14
    assert TokenStore.open(store.folder, verify=True).targets.document(2).tolist() == [*TARGETS[2].encode(), end]


def test_negatives_are_streams_of_their_own(tmp_path, byte):
    negatives = [["far", ""], ["遥远"], [], ["a", "b"]]
    given = [Document(d.id, d.text, d.source, metadata={"negatives": more})
             for d, more in zip(documents(), negatives, strict=True)]  # fmt: skip
    store = TokenStore.write(tmp_path / "s", given, byte, negatives=2, shard_tokens=5)
    end = byte.vocabulary.end_of_text
    expected = [["far", ""], ["遥远", ""], ["", ""], ["a", "b"]]
    for i, texts in enumerate(expected):
        assert [ids.tolist() for ids in document_row(store, i, 100).negatives] == [[*text.encode(), end] for text in texts]
    assert [stream.num_tokens for stream in TokenStore.open(store.folder, verify=True).negatives] == [14, 5]


def test_without_them_nothing_is_written(tmp_path, byte):
    store = TokenStore.write(tmp_path / "s", documents(), byte)
    assert (store.labels, store.targets, store.label(0), store.negatives) == (None, None, None, ())
    assert sorted(p.name for p in store.folder.iterdir()) == [
        "bytes.bin", "ids.bin", "manifest.json", "starts.bin", "store.json", "tokens-00000.bin"
    ]  # fmt: skip


def test_a_document_without_text_takes_its_label_and_target_with_it(tmp_path, byte):
    store = TokenStore.write(tmp_path / "s", documents(texts=["", *TEXTS[1:]]), byte, labels=["0", "1"], targets=True)
    assert [store.label(i) for i in range(3)] == [0, 2, None]
    assert bytes(store.targets.document(0)[:-1].astype(np.uint8)).decode() == TARGETS[1]


def test_a_document_without_its_target_is_refused_by_name(tmp_path, byte):
    with pytest.raises(TelosError) as error:
        TokenStore.write(tmp_path / "s", documents(targets=["a", None, "b", "c"]), byte, targets=True)
    assert error.value.must == "every document must have the text that it is paired with"
    assert error.value.found == "none beside 1.txt"
    assert not (tmp_path / "s").exists()
