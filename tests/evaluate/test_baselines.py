"""The ladder, as functions and as a process."""

import math
import subprocess
import sys

import numpy as np
import orjson
import pytest

from telos.evaluate import baselines
from telos.evaluate.baselines import Request, compressed_bits_per_byte, compressed_bytes, counted
from telos.evaluate.compressors import gzip_bytes, xz_bytes, xz_primed_bytes
from telos.foundation.document import Document
from telos.foundation.errors import TelosError
from telos.foundation.files import write_json
from telos.models.ngram import NGram
from telos.tokens.store import TokenStore
from telos.tokens.tokenizers.byte import Byte
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

POEM = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(1)
    names = {"train_text": (POEM * 40).encode(), "test_text": (POEM[::-1] * 3).encode()}
    for name, text in names.items():
        (tmp_path / name).write_bytes(text)
    tokens = {"train": rng.integers(0, 6, 3000), "seen": rng.integers(0, 6, 500), "test": rng.integers(0, 6, 400)}
    for name, stream in tokens.items():
        np.save(tmp_path / f"{name}.npy", stream.astype(np.uint16))
    return tmp_path


def request(folder, **changes) -> dict:
    path = lambda name: str(folder / name)  # noqa: E731
    fitted = {"unigram": {"tokens": path("train.npy"), "order": 1}, "5_gram": {"tokens": path("train.npy")},
              "5_gram_seen": {"tokens": path("seen.npy")}}  # fmt: skip
    return {"out": path("out"), "test_text": path("test_text"), "train_text": path("train_text"), "nice": 3,
            "test_tokens": path("test.npy"), "counted": fitted, "vocabulary_size": 6, "end_of_text": 5} | changes  # fmt: skip


def process(folder, data: dict) -> subprocess.CompletedProcess:
    (folder / "request.json").write_bytes(orjson.dumps(data))
    command = [sys.executable, "-X", "importtime", "-m", "telos.evaluate.baselines", str(folder / "request.json")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_process_gives_what_the_functions_give(files):
    done = process(files, request(files))
    assert done.returncode == 0, done.stderr[-2000:]
    assert " torch" not in done.stderr  # the import list: this process must be light
    result = orjson.loads((files / "out" / "result.json").read_bytes())
    test, train = (files / "test_text").read_bytes(), (files / "train_text").read_bytes()
    assert result["compressed_bytes"] == compressed_bytes(test, train)
    vocabulary = Vocabulary(5, "", {END_OF_TEXT: 5})
    tokens = {name: np.load(files / f"{name}.npy") for name in ("train", "seen", "test")}
    for name, on, order in (("unigram", "train", 1), ("5_gram", "train", 5), ("5_gram_seen", "seen", 5)):
        nll = np.load(files / "out" / result["counted"][name]["nll_file"])
        np.testing.assert_array_equal(nll, counted(tokens[on], tokens["test"], vocabulary, order).nll)
        assert nll.dtype == np.float32
        assert result["counted"][name]["fitted_tokens"] == len(tokens[on])
        assert result["counted"][name]["state_bytes"] > 0
    assert result["seconds"] > 0
    assert result["peak_memory_bytes"] > 1_000_000


def test_sizes_and_what_they_mean():
    test, train = POEM.encode(), (POEM * 3).encode()
    found = compressed_bytes(test, train)
    assert found == {"gzip": gzip_bytes(test), "xz": xz_bytes(test), "xz_primed": xz_primed_bytes(train, test)}
    assert found["xz_primed"] < 20 < found["gzip"]
    assert set(compressed_bytes(test)) == {"gzip", "xz"}
    assert compressed_bits_per_byte(50, 200) == 2.0


def test_a_counting_baseline_is_the_ngram_model():
    rng = np.random.default_rng(2)
    train, test, vocabulary = rng.integers(0, 6, 300), rng.integers(0, 6, 100), Vocabulary(5, "", {END_OF_TEXT: 5})
    model = NGram(order=3).build(vocabulary)
    model.fit(train)
    scored = counted(train, test, vocabulary, 3)
    np.testing.assert_array_equal(scored.nll, model.nll(test))
    assert scored.fitted_tokens == 300
    assert counted(train, test, vocabulary, 1).nll.mean() == pytest.approx(math.log(6), abs=0.1)


def test_parts_that_are_not_asked_for_are_left_out(files):
    only_text = baselines.run(Request.parse(request(files, counted={}, train_text=None)))
    assert set(only_text["compressed_bytes"]) == {"gzip", "xz"}
    assert only_text["counted"] == {}
    only_tokens = baselines.run(Request.parse(request(files, test_text=None, train_text=None)))
    assert only_tokens["compressed_bytes"] == {}
    assert set(only_tokens["counted"]) == {"unigram", "5_gram", "5_gram_seen"}


def test_a_token_store_is_read_as_its_stream(files):
    tokenizer = Byte().train(lambda: iter([POEM]), len(POEM.encode()))
    texts = [POEM[i : i + 7] for i in range(0, len(POEM), 7)]
    documents = [Document(id=f"{i:032x}", text=text, source="诗.txt") for i, text in enumerate(texts)]
    store = TokenStore.write(files / "store", documents, tokenizer, shard_tokens=16)
    vocabulary = tokenizer.vocabulary
    fitted = {"5_gram": {"tokens": str(files / "store")}}
    baselines.run(Request.parse(request(files, counted=fitted, test_text=None, test_tokens=str(files / "store"),
                                        vocabulary_size=vocabulary.size, end_of_text=vocabulary.end_of_text)))  # fmt: skip
    stream = np.concatenate([[*tokenizer.encode(text), vocabulary.end_of_text] for text in texts])
    assert store.num_tokens == len(stream)
    np.testing.assert_array_equal(np.load(files / "out" / "5_gram.npy"), counted(stream, stream, vocabulary).nll)


def test_every_baseline_has_a_label(files):
    result = baselines.run(Request.parse(request(files)))
    assert set(result["compressed_bytes"]) | set(result["counted"]) == set(baselines.LABELS)


def test_errors_have_three_parts(files):
    done = process(files, request(files, test_text=str(files / "gone")))
    assert done.returncode == 2
    assert "a text that the baselines read must exist\n  found: no file" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (files / "out" / "result.json").exists()
    with pytest.raises(TelosError, match="counting baselines need test_tokens, vocabulary_size and end_of_text"):
        baselines.run(Request.parse(request(files, test_tokens=None)))
    with pytest.raises(TelosError, match="tokens that the baselines read must exist"):
        baselines.run(Request.parse(request(files, test_tokens=str(files / "gone.npy"))))
    assert baselines.main([]) == 2


def test_the_process_ends_well_and_not_later_than_its_parent(tmp_path):
    (tmp_path / "text").write_bytes(b"abc" * 2_000_000)
    write_json(tmp_path / "request.json", {"out": str(tmp_path / "small")})
    write_json(tmp_path / "long.json", {"out": str(tmp_path / "long"), "test_text": str(tmp_path / "text"),
                                        "train_text": str(tmp_path / "text")})  # fmt: skip
    command = [sys.executable, "-m", "telos.evaluate.baselines", "--with-parent"]
    with subprocess.Popen([*command, str(tmp_path / "request.json")], stdin=subprocess.PIPE) as well:
        assert well.wait(60) == 0
    with subprocess.Popen([*command, str(tmp_path / "long.json")], stdin=subprocess.PIPE) as orphan:
        assert orphan.stdin is not None
        orphan.stdin.close()
        assert orphan.wait(60) == 1
    assert not (tmp_path / "long" / "result.json").exists()
