"""The token store: what goes in comes out, across shards, with a hash of every file."""

import json
import pickle
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.foundation import files
from telos.foundation.document import Document
from telos.foundation.errors import TelosError
from telos.tokens import store as store_module
from telos.tokens.store import TokenStore
from telos.tokens.tokenizers.character import Character


@pytest.fixture
def written(tmp_path, tokenizer, texts, documents):
    return TokenStore.write(tmp_path / "store", documents(texts), tokenizer, shard_tokens=100)


def test_documents_come_back(written, tokenizer, texts):
    assert written.num_documents == len(texts)
    for i, text in enumerate(texts):
        ids = written.document(i)
        assert ids[-1] == tokenizer.vocabulary.end_of_text
        assert tokenizer.vocabulary.end_of_text not in ids[:-1]
        assert tokenizer.decode(ids) == text
    assert written.starts.dtype == np.int64
    assert written.starts[0] == 0
    assert written.starts[-1] == written.num_tokens == sum(len(tokenizer.encode(text)) + 1 for text in texts)
    assert [name.decode() for name in written.document_ids] == [f"{i:032x}" for i in range(len(texts))]


def test_bytes_add_up_to_the_corpus(written, tokenizer, texts):
    sizes = [len(text.encode()) for text in texts]
    assert written.document_bytes.tolist() == sizes
    assert written.num_bytes == sum(sizes)
    of_tokens = [sum(len(tokenizer.token_bytes[i]) for i in written.document(d)) for d in range(len(texts))]
    assert of_tokens == sizes


def test_reading_crosses_shards(written, tokenizer, texts):
    end = [tokenizer.vocabulary.end_of_text]
    stream = np.concatenate([part for text in texts for part in (tokenizer.encode(text), end)])
    assert len(list(written.folder.glob("tokens-*.bin"))) == -(-len(stream) // 100) >= 2
    draw = np.random.default_rng(1)
    for start, stop in [(0, len(stream)), (99, 101), (100, 200), (5, 5), (len(stream), len(stream)),
                        *np.sort(draw.integers(0, len(stream) + 1, (50, 2)))]:  # fmt: skip
        np.testing.assert_array_equal(written.read(start, stop), stream[start:stop])
    places = draw.integers(0, len(stream), 300)
    np.testing.assert_array_equal(written.take(places), stream[places])


def test_shards_hold_exactly_their_tokens(tmp_path, byte, documents):
    store = TokenStore.write(tmp_path / "s", documents(["x" * 39, "y" * 19]), byte, shard_tokens=20)
    assert store.num_tokens == 60
    assert [p.stat().st_size for p in sorted(store.folder.glob("tokens-*.bin"))] == [40, 40, 40]
    assert store.read(38, 42).tolist() == [ord("x"), 256, ord("y"), ord("y")]


def test_ids_are_small_where_they_fit(tmp_path, byte, make, documents):
    assert TokenStore.write(tmp_path / "a", documents(["国"]), byte).dtype == np.uint16
    wide = make(Character(), ["".join(map(chr, range(0x10000, 0x20000)))])
    store = TokenStore.write(tmp_path / "b", documents(["\U00010000\U0001ffff"]), wide)
    assert store.dtype == np.uint32
    assert wide.decode(store.document(0)) == "\U00010000\U0001ffff"
    assert store.document(0)[-1] == 65_536 + 256


def test_empty_documents_are_left_out_and_counted(tmp_path, byte, documents):
    store = TokenStore.write(tmp_path / "s", documents(["", "国", "", "a", ""]), byte)
    assert (store.num_documents, store.num_skipped) == (2, 3)
    assert [name.decode()[-1] for name in store.document_ids] == ["1", "3"]


@pytest.mark.parametrize("texts_given", [[], ["", ""]])
def test_a_store_without_text_is_refused_and_nothing_is_left(tmp_path, byte, documents, texts_given):
    with pytest.raises(TelosError) as error:
        TokenStore.write(tmp_path / "s", documents(texts_given), byte)
    assert error.value.must == "a token store must hold a document with text"
    assert error.value.found == f"{len(texts_given)} documents, none with text"
    assert list(tmp_path.iterdir()) == []


def test_surrogates_count_as_what_is_stored(tmp_path, byte, documents):
    store = TokenStore.write(tmp_path / "s", documents(["a\ud800"]), byte)
    assert store.num_bytes == 4
    assert byte.decode(store.document(0)) == "a\ufffd"


@settings(max_examples=30, deadline=None)
@given(
    texts=st.lists(st.text(max_size=12), min_size=1, max_size=12).filter(any), shard=st.integers(5, 30), group=st.integers(1, 400)
)
def test_any_documents_in_any_shards_and_groups(tmp_path_factory, byte, texts, shard, group):
    folder = tmp_path_factory.mktemp("store") / "s"
    documents = [Document(f"{i:032x}", text, "x") for i, text in enumerate(texts)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module, "GROUP_CHARACTERS", group)
        store = TokenStore.write(folder, iter(documents), byte, shard_tokens=shard)
    kept = [text for text in texts if text]
    assert [byte.decode(store.document(i)) for i in range(store.num_documents)] == kept
    assert store.num_bytes == sum(len(text.encode()) for text in kept)
    shutil.rmtree(folder)


def test_open_gives_what_was_written_and_pickles_by_folder(written):
    opened = TokenStore.open(written.folder, verify=True)
    sent = pickle.loads(pickle.dumps(opened))
    assert len(pickle.dumps(opened)) < 300
    for one in (opened, sent):
        np.testing.assert_array_equal(one.read(0, one.num_tokens), written.read(0, written.num_tokens))
        assert one.tokenizer_hash == written.tokenizer_hash
        assert one.end_of_text == written.end_of_text


def test_the_same_documents_give_the_same_files(tmp_path, tokenizer, texts, documents):
    stores = [TokenStore.write(tmp_path / name, documents(texts), tokenizer) for name in "ab"]
    assert files.read_manifest(stores[0].folder) == files.read_manifest(stores[1].folder)


@pytest.mark.parametrize("name", ["tokens-00001.bin", "starts.bin", "store.json"])
def test_a_flipped_bit_is_named(written, name):
    path = written.folder / name
    content = bytearray(path.read_bytes())
    content[3] ^= 4
    path.write_bytes(content)
    with pytest.raises(TelosError) as error:
        TokenStore.open(written.folder, verify=True)
    assert error.value.must == f"{path} must be as it was written"
    assert error.value.found.startswith("its SHA-256 differs")


def test_a_truncated_shard_is_named_without_verifying(written):
    path = written.folder / "tokens-00000.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TelosError) as error:
        TokenStore.open(written.folder)
    assert error.value.must == f"{path} must have 200 bytes"
    assert error.value.found == "199 bytes"
    path.unlink()
    with pytest.raises(TelosError, match="no such file"):
        TokenStore.open(written.folder)


def test_another_folder_is_no_store(tmp_path):
    with pytest.raises(TelosError, match="manifest"):
        TokenStore.open(tmp_path)
    with files.commit_folder(tmp_path / "other"):
        pass
    with pytest.raises(TelosError) as error:
        TokenStore.open(tmp_path / "other")
    assert error.value.must == f"{tmp_path / 'other'} must be a token store"


def test_a_full_disk_is_refused_before_most_is_written(tmp_path, byte, documents, monkeypatch):
    monkeypatch.setattr(store_module, "GROUP_CHARACTERS", 100)
    usage = type("Usage", (), {"free": 10_000})
    monkeypatch.setattr(files.shutil, "disk_usage", lambda place: usage)
    given_out = []

    def many():
        for document in documents(["国家" * 50] * 1_000):
            given_out.append(document)
            yield document

    with pytest.raises(TelosError, match="free disk") as error:
        TokenStore.write(tmp_path / "s", many(), byte, total_bytes=300_000)
    assert error.value.found == "10 kB (10000 bytes) free"
    assert len(given_out) == 1
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_corpus(tmp_path, byte):
    import tracemalloc

    def peak(count: int) -> int:
        tracemalloc.start()
        TokenStore.write(tmp_path / f"s{count}", (Document(f"{i:032x}", "国家" * 500, "x") for i in range(count)), byte)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(8_000) < 1.2 * peak(2_000)


def test_facts_are_readable_json(written):
    facts = json.loads((written.folder / "store.json").read_text())
    assert facts["dtype"] == "<u2"
    assert facts["shard_tokens"] == 100
