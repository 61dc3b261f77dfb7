"""Fetching from a hub: what is asked of it, resuming, the cache without it, mirrors, and what is refused, by its text."""

import hashlib
from pathlib import Path

import pytest

from telos.foundation.errors import TelosError
from telos.models.importing import import_model
from telos.models.importing.hub import fetch, name_of
from telos.models.saved import load_model


@pytest.fixture
def filled(hub, theirs):
    """A hub that has a small GPT-2."""
    folder, _, _ = theirs("gpt2")
    hub.files = {path.name: path.read_bytes() for path in folder.iterdir()}
    hub.files |= {"pytorch_model.bin": b"\x80\x02", "evil.py": b"raise SystemExit", "model.fp16.safetensors": b"x"}
    return hub


def refused(*arguments) -> tuple[str, str, str]:
    with pytest.raises(TelosError) as error:
        fetch(*arguments)
    return error.value.must, error.value.found, error.value.fix


def test_names():
    assert name_of("openai-community/gpt2") == name_of("hf://openai-community/gpt2") == "openai-community/gpt2"
    assert name_of("gpt2") == "gpt2"
    assert [name_of(text) for text in ("./a", "../a/b", "a/b/c", "/a/b", "a b", "")] == [None] * 6


def test_a_name_is_imported_and_only_what_is_needed_is_fetched(filled, tmp_path):
    facts = import_model("someone/small", tmp_path / "ours")
    assert facts["architecture"] == "GPT2LMHeadModel"
    assert load_model(tmp_path / "ours")[0].vocabulary.size == 264
    fetched = {path.rsplit("/", 1)[1] for method, path, _ in filled.asked if method == "GET" and "/resolve/" in path}
    assert fetched >= {"model.safetensors", "config.json", "tokenizer.json"}
    assert not fetched & {"pytorch_model.bin", "evil.py", "model.fp16.safetensors"}
    lineage = (tmp_path / "ours/lineage.json").read_text()
    assert "c" * 40 in lineage
    assert hashlib.sha256(filled.files["model.safetensors"]).hexdigest() in lineage


def test_what_the_cache_holds_is_not_fetched_again_and_needs_no_network(filled, monkeypatch):
    first = fetch("someone/small")
    before = len([1 for method, path, _ in filled.asked if method == "GET" and "/resolve/" in path])
    assert fetch("someone/small") == first
    assert len([1 for method, path, _ in filled.asked if method == "GET" and "/resolve/" in path]) == before
    asked = len(filled.asked)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert fetch("someone/small") == first
    assert len(filled.asked) == asked


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(filled, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)  # usually 10 MB, which is what may come twice
    filled.break_after = 20_000
    folder = fetch("someone/small")
    assert (folder / "model.safetensors").read_bytes() == filled.files["model.safetensors"]
    ranges = [asked for method, path, asked in filled.asked if method == "GET" and asked is not None]
    assert ranges == ["bytes=20000-"]


def test_a_file_that_is_not_what_the_hub_says_is_removed_and_fetched_again(filled):
    filled.spoil = True
    must, found, fix = refused("someone/small")
    assert must.startswith("model.safetensors must have the SHA-256 that the hub says (")
    assert len(found) == 64
    assert fix == "run the same command again: the damaged file was removed"
    filled.spoil = False
    assert (fetch("someone/small") / "model.safetensors").read_bytes() == filled.files["model.safetensors"]


def test_weights_that_are_pickles_alone(filled):
    del filled.files["model.safetensors"], filled.files["model.fp16.safetensors"]
    must, found, fix = refused("someone/small")
    assert must == "the weights of someone/small must be in safetensors, which holds numbers and nothing that runs"
    assert "pickled" in found
    assert "python -m telos.models.saved.unpickle DIR" in fix


def test_no_such_model_and_no_such_revision(filled):
    must, found, _ = refused("someone/smal")
    assert must == "someone/smal must be a folder here or a model on the hub"
    assert found == f"there is neither ({filled.address})"
    filled.facts = lambda path: None
    assert refused("someone/small", "v9")[:2] == ("someone/small must have the revision 'v9'", "it has not")


def test_a_model_behind_terms(filled):
    filled.status = (403, "GatedRepo")
    must, found, fix = refused("someone/small")
    assert (must, found) == ("someone/small must be a model that you may fetch", "the hub wants its terms accepted first")
    assert fix == f"accept them at {filled.address}/someone/small, then: hf auth login"


def test_no_network(filled, monkeypatch):
    filled.server.shutdown()
    filled.server.server_close()
    must, found, fix = refused("someone/small")
    assert must == f"someone/small must be a folder here, or be fetched from {filled.address}"
    assert found.startswith("that cannot be reached: ")
    assert "behind a mirror set HF_ENDPOINT" in fix
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert refused("someone/small")[:2] == ("someone/small must be in the cache while HF_HUB_OFFLINE is set",
                                            "it is not, or not all of it")  # fmt: skip


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(TelosError) as error:
        fetch("someone/small")
    assert error.value.must == "importing from the hub needs the Python package 'huggingface_hub'"
    assert "[hub]" in error.value.fix


def test_a_cache_that_cannot_be_written(filled, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "file" / "cache"))
    assert refused("someone/small")[0] == "the cache must be a place that can be written to"
    assert Path(tmp_path / "file").is_file()
