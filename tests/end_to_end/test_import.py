"""`telos import` and what one does with the folder: score and generate, as a person types them."""

import json

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """A small random GPT-2 as transformers saves it."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("theirs") / "small.gpt2"
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    backend.add_special_tokens(["<|endoftext|>"])
    config = transformers.GPT2Config(
        vocab_size=257, n_embd=16, n_layer=1, n_head=2, n_positions=64, bos_token_id=256, eos_token_id=256
    )
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>").save_pretrained(folder)
    return folder


def test_a_folder_becomes_a_model_that_scores_and_writes(telos, theirs, made_up, tmp_path):
    model = tmp_path / "model"
    facts = telos.answer("import", theirs, "--out", model)
    assert facts["architecture"] == "GPT2LMHeadModel"
    assert (facts["vocabulary_size"], facts["model"]) == (257, str(model))
    text = tmp_path / "text.txt"
    text.write_text(made_up("zh", 1) + made_up("en", 2))
    scored = telos.answer("score", model, text)
    assert scored["bytes"] == len(text.read_bytes())
    assert 7 < scored["bits_per_byte"] < 9, "random weights know nothing: 8 bits a byte"
    made = telos.answer("generate", model, "--prompt", "床前", "--max-tokens", 8, "--seed", 1)
    assert made["generations"][0]["tokens"] <= 8
    refused = telos.refuses("import", theirs, "--out", tmp_path)
    assert refused[0] == f"{tmp_path} must be a new folder, an empty one, or a model's"


def test_a_name_without_a_network_is_refused(telos, tmp_path):
    own = {"HF_HOME": str(tmp_path / "home"), "NETWORK_ATTEMPTS": str(tmp_path / "attempts.txt")}  # it may try; a run may not
    must, found, fix = telos.refuses("import", "someone/small", "--out", tmp_path / "model", **own)
    assert must == "someone/small must be a folder here, or be fetched from https://huggingface.co"
    assert found.startswith("that cannot be reached: ")
    assert "huggingface.co" in (tmp_path / "attempts.txt").read_text()
    assert "HF_ENDPOINT" in fix
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    must = telos.refuses("import", "someone/small", "--out", tmp_path / "model", **offline)[0]
    assert must == "someone/small must be in the cache while HF_HUB_OFFLINE is set"


def test_somebodys_tokenizer_in_a_run(telos, theirs, texts, tmp_path):
    small = [setting for setting in telos.small if "vocab_size" not in setting]
    words = [f"corpus.path={texts}", "tokenizer.kind=pretrained", f"tokenizer.path={theirs}", "train.budget=5 steps", *small]
    result = telos.answer("train", "recipes/default.yaml", "corpus.kind=files", *words, "--out", tmp_path / "run")
    assert result["vocabulary_tokens"] == 257
    spec = json.loads((tmp_path / "run/model/telos_tokenizer.json").read_text())["spec"]
    assert (spec["kind"], spec["path"], spec["end_of_text"]) == ("pretrained", "small.gpt2", "<|endoftext|>")
    assert telos.answer("score", tmp_path / "run/model", texts / "story-1.txt")["bits_per_byte"] > 1


@pytest.mark.parametrize("kind", ["softmax_regression", "perceptron"])
def test_a_model_with_a_window_goes_the_whole_way(telos, kind, texts, tmp_path):
    words = ["corpus.kind=files", f"corpus.path={texts}", f"model.kind={kind}", "tokenizer.kind=character",
             "train.budget=30 steps", "train.batch_tokens=512", "train.compile=false",
             "optimizer.kind=adamw", "optimizer.learning_rate=0.02"]  # fmt: skip
    trained = telos.answer("train", "recipes/default.yaml", *words, "--out", tmp_path / "run")
    model = tmp_path / "run/model"
    config = json.loads((model / "config.json").read_text())
    assert config["model_type"] == f"telos_{kind}"
    assert "library_name: telos" in (model / "README.md").read_text()
    assert "from transformers import" not in (model / "README.md").read_text()
    assert telos.answer("score", model, texts / "story-1.txt")["bits_per_byte"] < trained["bits_per_byte"] + 2
    assert telos.answer("generate", model, "--prompt", "The old", "--max-tokens", 20)["generations"][0]["tokens"] > 0
