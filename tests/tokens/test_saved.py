"""All kinds of tokenizer: any text comes back, the files agree with transformers, special tokens stay ordinary text."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend

from telos.foundation.errors import TelosError
from telos.tokens.pretokenize import replace_surrogates
from telos.tokens.tokenizers import Tokenizer, load_tokenizer
from telos.tokens.vocabulary import END_OF_TEXT

any_text = st.text(st.characters(), max_size=60)
"""Lone surrogates too."""
likely_text = st.lists(
    st.sampled_from(["中华人民", "法律", "，", "。", "\n", " ", "  ", "the ", "don't", "'S", "42", "é", "e\u0301", "😀", "\u3000",
                     "\r\n", "\t", END_OF_TEXT, "<|endoftext", "|>", "<0x41>", "Ġ", "▁", "\x00", "\ufffd", "ſ", "กา", "한국"]),
    max_size=20,
).map("".join)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(text=any_text | likely_text)
def test_any_text_comes_back(tokenizer, text):
    ids = tokenizer.encode(text)
    assert ids.dtype == np.uint32
    assert tokenizer.decode(ids) == replace_surrogates(text)
    assert tokenizer.decode_bytes(ids) == replace_surrogates(text).encode()
    assert (ids < tokenizer.vocabulary.size_ordinary).all()


def test_lone_surrogates_become_the_replacement_character(tokenizer):
    assert tokenizer.decode(tokenizer.encode("中\ud800文\udfff")) == "中\ufffd文\ufffd"


def test_batch_equals_single_and_order_is_kept(tokenizer, texts):
    many = [*texts, "", "国" * 70_000, "word " * 20_000, *reversed(texts)]
    for text, ids in zip(many, tokenizer.encode_batch(many), strict=True):
        np.testing.assert_array_equal(ids, tokenizer.encode(text))
        assert tokenizer.decode(ids) == text


@pytest.fixture(scope="session")
def hugging_face(tokenizer, tmp_path_factory):
    """The saved folder as transformers and as tokenizers see it; as a model folder, too."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(folder)
    plain = Backend.from_file(str(folder / "tokenizer.json"))
    plain.encode_special_tokens = True
    fast = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen3"}))
    return plain, fast, transformers.AutoTokenizer.from_pretrained(folder)


@settings(max_examples=150, deadline=None)
@given(text=any_text | likely_text)
def test_ids_and_text_equal_hugging_face(tokenizer, hugging_face, text):
    text = replace_surrogates(text)
    ids = tokenizer.encode(text).tolist()
    start = [tokenizer.vocabulary.end_of_text]
    plain, *fast = hugging_face
    assert plain.encode(text, add_special_tokens=False).ids == ids
    assert plain.encode(text).ids == start + ids
    assert plain.decode(ids) == text
    for other in fast:
        assert other(text)["input_ids"] == start + ids
        assert other.encode(text, add_special_tokens=False) == ids
        assert other.decode(start + ids, skip_special_tokens=True) == text


def test_transformers_knows_the_special_token(tokenizer, hugging_face):
    for other in hugging_face[1:]:
        assert other.bos_token_id == other.eos_token_id == tokenizer.vocabulary.end_of_text
        assert len(other) == tokenizer.vocabulary.size
        assert other.clean_up_tokenization_spaces is False


def test_configuration_says_what_the_post_processor_does(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    plain = Backend.from_file(str(tmp_path / "tokenizer.json"))
    end = tokenizer.vocabulary.end_of_text
    assert plain.encode("a").ids[0] == end
    assert plain.encode("a").ids[-1] != end
    assert (config["add_bos_token"], config["add_eos_token"]) == (True, False)
    assert config["bos_token"] == config["eos_token"] == plain.id_to_token(end)


def test_special_token_in_a_text_is_ordinary_text(tokenizer, tmp_path):
    text = f"第一{END_OF_TEXT}第二"
    tokenizer.save(tmp_path)
    for one in (tokenizer, load_tokenizer(tmp_path)):
        ids = one.encode(text)
        assert one.vocabulary.end_of_text not in ids
        assert one.decode(ids) == text
    assert Backend.from_file(str(tmp_path / "tokenizer.json")).encode_special_tokens is False  # why every load must set it


def test_end_of_text_is_the_only_special_token_and_comes_last(tokenizer):
    vocabulary = tokenizer.vocabulary
    assert vocabulary.specials == {END_OF_TEXT: vocabulary.size_ordinary}
    assert len(tokenizer.token_bytes) == vocabulary.size
    assert tokenizer.token_bytes[-1] == b""
    assert all(tokenizer.token_bytes[:-1])
    assert tokenizer.decode([vocabulary.end_of_text, *tokenizer.encode("中 a"), vocabulary.end_of_text]) == "中 a"


def test_a_loaded_tokenizer_is_the_saved_one_and_saves_the_same_bytes(tokenizer, tmp_path, texts):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    tokenizer.save(tmp_path / "a")
    loaded = load_tokenizer(tmp_path / "a")
    loaded.save(tmp_path / "b")
    assert loaded.spec == tokenizer.spec
    assert type(loaded) is type(tokenizer)
    assert loaded.vocabulary == tokenizer.vocabulary
    assert loaded.token_bytes == tokenizer.token_bytes
    for text in texts:
        np.testing.assert_array_equal(loaded.encode(text), tokenizer.encode(text))
    files = ["telos_tokenizer.json", "tokenizer.json", "tokenizer_config.json"]
    assert sorted(p.name for p in (tmp_path / "b").iterdir()) == files
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


def test_training_twice_gives_the_same_bytes(tokenizer, make, texts):
    again = make(tokenizer.spec, texts)
    assert again.content == tokenizer.content
    assert again.vocabulary.tokenizer_hash == tokenizer.vocabulary.tokenizer_hash


def test_hashes_differ_between_kinds(make, texts):
    specs = [Tokenizer.parse(kind) for kind in ("byte", "character")] + [Tokenizer.parse({"kind": "bpe", "vocab_size": 300})]
    assert len({make(spec, texts).vocabulary.tokenizer_hash for spec in specs}) == 3


def test_a_folder_without_tokenizer_is_named(tmp_path):
    with pytest.raises(TelosError) as error:
        load_tokenizer(tmp_path)
    assert error.value.must == f"{tmp_path} must hold a tokenizer (tokenizer.json and telos_tokenizer.json)"
    assert error.value.found == "no tokenizer.json"


def test_an_edited_tokenizer_is_refused(byte, tmp_path):
    byte.save(tmp_path)
    (tmp_path / "tokenizer.json").write_text(byte.content.replace('"Ġ"', '"ġ"'))
    with pytest.raises(TelosError) as error:
        load_tokenizer(tmp_path)
    assert error.value.must == f"{tmp_path}/tokenizer.json must have the hash {byte.hash} of telos_tokenizer.json"
    assert error.value.found != byte.hash
    assert "train the tokenizer again" in error.value.fix


def test_damaged_own_file_is_named(byte, tmp_path):
    byte.save(tmp_path)
    (tmp_path / "telos_tokenizer.json").write_text("{")
    with pytest.raises(TelosError) as error:
        load_tokenizer(tmp_path)
    assert error.value.must == f"{tmp_path}/telos_tokenizer.json must be readable"


FORKS = """
import os
from telos.tokens.tokenizers.bpe import BPE
texts = ["国家尊重和保障人权，国家。", "the same words, the same words"] * 2_000
trained = BPE(vocab_size=262).train(lambda: iter(texts), 1)
here = trained.encode_batch(texts)  # the thread pool is in use
child = os.fork()
if not child:
    os._exit(0 if all((a == b).all() for a, b in zip(here, trained.encode_batch(texts))) else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), os.environ["TOKENIZERS_PARALLELISM"])
"""


def test_a_forked_process_encodes_and_says_nothing():
    environment = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run([sys.executable, "-c", FORKS], env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "0 true\n"
    assert "fork" not in done.stderr
