"""`telos evaluate` on saved models, from Python."""

import json

import numpy as np
import pytest
import torch

from telos import run
from telos.foundation.errors import TelosError
from telos.models import Inputs
from telos.models.lstm import LSTM
from telos.models.saved import save_model
from telos.recipe import Run
from telos.tokens.tokenizers.byte import Byte


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "texts").mkdir()
    text = "the cat sees the dog. the dogs see the cat. 猫看见狗。狗看见猫。" * 40
    for name in "abcdefghij":
        (folder / "texts" / f"{name}.txt").write_text(text + name * 3, encoding="utf-8")
    made = Run.parse({"corpus": {"kind": "files", "path": str(folder / "texts")}, "model": {"kind": "ngram", "order": 4},
                      "tokenizer": "byte"})  # fmt: skip
    return run.train(made, folder / "run").model


def test_it_knows_what_it_has_read(model, tmp_path):
    pairs = tmp_path / "pairs.jsonl"
    rows = [("the cat sees the dog.", "the cat see the dog.", "agreement"),
            ("the dogs see the cat.", "the dogs sees the cat.", "agreement"),
            ("猫看见狗。", "看见猫狗。", "order"), ("狗看见猫。", "狗猫看见。", "order")]  # fmt: skip
    pairs.write_text("\n".join(json.dumps({"sentence_good": g, "sentence_bad": b, "UID": u}) for g, b, u in rows))
    result = run.evaluate(model, pairs)
    told = result.summary()
    assert told["groups"]["order"]["accuracy"] == 1
    assert told["groups"]["agreement"]["accuracy"] >= 0.5
    assert told["pairs"] == 4
    assert len(told["model_hash"]) == 16
    assert "mean of 2 groups; chance 50 %" in result.describe()


def test_a_state_reads_sentences_longer_than_a_row_of_training(tmp_path):
    tokenizer = Byte().train(lambda: [], 0)
    network = LSTM(hidden_size=8, context_length=4).build(tokenizer.vocabulary)
    with torch.no_grad():  # a head that was not trained is zero
        network.lm_head.weight.copy_(torch.randn(network.lm_head.weight.shape, generator=torch.Generator().manual_seed(1)))
    save_model(network, tokenizer, tmp_path / "model", card="", lineage={})
    pairs = [("the dogs that the cat sees bark", "the dogs that the cat sees barks"), ("猫看见了狗。", "猫看狗见了。")]
    (tmp_path / "pairs.jsonl").write_text("\n".join(json.dumps({"sentence_good": g, "sentence_bad": b}) for g, b in pairs))
    result = run.evaluate(tmp_path / "model", tmp_path / "pairs.jsonl")
    end = tokenizer.vocabulary.end_of_text

    def nats(text: str) -> float:
        ids = torch.from_numpy(tokenizer.encode(text).astype(np.int64))[None]
        read = torch.cat([torch.tensor([[end]]), ids[:, :-1]], 1)
        with torch.no_grad():
            return float(network.nll(network.hidden(Inputs(read)), ids).sum())

    assert result.groups[""].hits == sum(nats(good) < nats(bad) for good, bad in pairs)
    assert result.groups[""].n == 2


def test_a_file_that_is_not_there(model, tmp_path):
    with pytest.raises(TelosError, match=r"must be a file\n  found: no file .*nowhere\.jsonl\n  to do: give a JSON Lines file"):
        run.evaluate(model, tmp_path / "nowhere.jsonl")
    with pytest.raises(TelosError, match="found: a folder"):
        run.evaluate(model, tmp_path)
