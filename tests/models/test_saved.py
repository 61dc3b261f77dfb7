"""Folders of what only Telos loads: what is refused, by its text, and weights that were pickled."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from telos.foundation.errors import TelosError
from telos.models.perceptron import Perceptron
from telos.models.saved import load_model, save_model
from telos.models.saved.tensors import read_tensors
from telos.models.saved.unpickle import convert
from telos.tokens.tokenizers import TrainedTokenizer
from telos.tokens.tokenizers.byte import Byte

SMALL = Perceptron(window=2, embedding_size=4, hidden_size=6)


@pytest.fixture(scope="module")
def tokenizer() -> TrainedTokenizer:
    return Byte().train(lambda: iter([]), 0)


@pytest.fixture
def folder(tokenizer, tmp_path) -> Path:
    """A good folder that a test may spoil; without manifest, as one that was edited."""
    save_model(SMALL.build(tokenizer.vocabulary), tokenizer, tmp_path / "model", card="", lineage={})
    (tmp_path / "model/manifest.json").unlink()
    return tmp_path / "model"


def refused(folder: Path) -> tuple[str, str, str]:
    with pytest.raises(TelosError) as error:
        load_model(folder)
    return error.value.must, error.value.found, error.value.fix


def spoil(folder: Path, **changes) -> None:
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({name: value for name, value in config.items() if value is not ...}))


def test_what_config_json_says(folder):
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "telos_perceptron"
    assert config["spec"] == SMALL.dump()
    assert config["vocabulary"]["specials"] == {"<|endoftext|>": 256}


@pytest.mark.parametrize(
    ("changes", "must", "found"),
    [
        ({"model_type": "telos_perceptrom"}, "config.json: model_type must be telos_ and one of ", "'telos_perceptrom'"),
        ({"spec": {"kind": "perceptron", "hiden_size": 3}}, "config.json: spec.hiden_size: ", None),
        ({"spec": {"kind": "perceptron", "hidden_size": 0}}, "config.json: spec.hidden_size: must be greater than", None),
        ({"spec": ...}, "config.json: spec: must be a mapping", None),
        ({"vocabulary": ...}, "config.json: vocabulary must be as a run wrote it", "None"),
        ({"vocabulary": {"size": 3}}, "config.json: vocabulary must be as a run wrote it", "{'size': 3}"),
        ({"quantized": True}, "config.json must hold model_type, spec, vocabulary, dtype", "'quantized' = True"),
        ({"spec": SMALL.replace(hidden_size=7).dump()}, "model.safetensors must hold exactly the tensors of config.json's model",
         "'hidden_layer.bias' of shape (6,) is wanted with shape (7,)"),
        ({"model_type": "gptneo", "architectures": ["GPTNeoForCausalLM"]}, "a model folder must be a ",
         "config.json says GPTNeoForCausalLM"),
        ({"model_type": None, "architectures": None}, "a model folder must be a ", "config.json says None"),
    ],
)  # fmt: skip
def test_a_config_that_cannot_be_is_refused_by_name(folder, changes, must, found):
    spoil(folder, **changes)
    told = refused(folder)
    assert told[0].startswith(must), told
    assert found is None or told[1] == found


def test_the_nearest_family_is_named(folder):
    spoil(folder, model_type="telos_perceptrom")
    assert refused(folder)[2].startswith("is it 'telos_perceptron'?")
    spoil(folder, model_type="telos_xyz")
    assert refused(folder)[2] == "load it with the version of Telos that wrote it"


def test_a_config_that_is_no_json_object(folder):
    (folder / "config.json").write_text("{")
    assert refused(folder)[0] == "config.json must be valid JSON"
    (folder / "config.json").write_text("[1]")
    assert refused(folder)[0] == "config.json must be a JSON object"
    (folder / "config.json").unlink()
    assert refused(folder)[0] == "a model must be a folder with config.json and model.safetensors"


def test_tensors_missing_left_over_and_quantised(folder):
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    save_file(tensors | {"extra": torch.zeros(3)}, weights)
    assert refused(folder)[1] == "'extra' of shape (3,) is not one of them"
    save_file({name: t for name, t in tensors.items() if name != "lm_head.bias"}, weights)
    assert refused(folder)[1] == "'lm_head.bias' of shape (257,) is missing"
    for dtype, name in ((torch.int8, "int8"), (torch.float8_e4m3fn, "float8_e4m3fn"), (torch.int64, "int64")):
        save_file(tensors | {"lm_head.bias": torch.zeros(257).to(dtype)}, weights)
        told = refused(folder)
        assert told[:2] == ("model.safetensors must hold plain numbers", f"'lm_head.bias' is {name}")
    save_file({name: t.bfloat16() for name, t in tensors.items()}, weights)
    assert load_model(folder)[0].lm_head.weight.dtype == torch.float32


def test_more_files_are_written_before_the_folder_is_sealed(tokenizer, tmp_path):
    network = SMALL.build(tokenizer.vocabulary)
    save_model(
        network, tokenizer, tmp_path / "model", card="", lineage={}, also=lambda made: (made / "more").write_text("x") and None
    )
    assert (tmp_path / "model/more").read_text() == "x"
    assert "more" in json.loads((tmp_path / "model/manifest.json").read_text())["files"]


# -- parts and their index --------------------------------------------------------------------------------------------


def in_parts(folder: Path, weight_map: dict[str, str]) -> None:
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    for part in set(weight_map.values()):
        if part.endswith(".safetensors") and "/" not in part:
            save_file({n: t for n, t in tensors.items() if weight_map.get(n) == part}, folder / part)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


NAMES = ["embed_tokens.weight", "hidden_layer.bias", "hidden_layer.weight", "lm_head.bias", "lm_head.weight"]


def test_parts_are_read_as_one(folder):
    whole = read_tensors(folder)
    in_parts(folder, {name: f"model-{i % 2}.safetensors" for i, name in enumerate(NAMES)})
    parts = read_tensors(folder)
    assert parts.keys() == whole.keys()
    assert all(torch.equal(parts[name], whole[name]) for name in whole)
    (folder / "model-1.safetensors").unlink()
    assert refused(folder)[0] == "a model folder must have model-1.safetensors"


def test_an_index_that_does_not_fit_is_refused(folder):
    in_parts(folder, dict.fromkeys(NAMES, "model-0.safetensors") | {"more": "model-0.safetensors"})
    assert refused(folder)[:2] == ("model.safetensors.index.json must list the tensors of its parts", "'more' is in no part")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict.fromkeys(NAMES[1:], "model-0.safetensors")}))
    assert refused(folder)[1] == "'embed_tokens.weight' is not in the index"
    index.write_text(json.dumps({"weight_map": dict.fromkeys(NAMES, "../model-0.safetensors")}))
    assert refused(folder)[:2] == ("model.safetensors.index.json must name .safetensors files of its own folder",
                                   "'../model-0.safetensors'")  # fmt: skip
    index.write_text("{}")
    assert refused(folder)[0] == f"{index} must be readable"


# -- pickles ----------------------------------------------------------------------------------------------------------


def test_a_pickle_is_refused_and_the_command_that_is_named_converts_it(folder, tokenizer):
    wanted = read_tensors(folder)
    (folder / "model.safetensors").unlink()
    torch.save(wanted | {"lm_head.weight": wanted["lm_head.weight"].t().contiguous().t()}, folder / "pytorch_model.bin")
    must, found, fix = refused(folder)
    assert must == "a model's weights must be in safetensors, which holds numbers and nothing that runs"
    assert found == f"a pickle: pytorch_model.bin in {folder}"
    before, command = fix.split(": ")
    assert before == "if you trust it"
    done = subprocess.run([sys.executable, *command.split()[1:]], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(folder / "model.safetensors")
    found = stored_weights(load_model(folder)[0])
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("length", [0x0280, 0x0480])
def test_a_file_whose_length_reads_like_the_start_of_a_pickle_is_none(folder, length):
    tensors = load_file(folder / "model.safetensors")
    save_file(tensors, folder / "model.safetensors", metadata={"a": ""})
    whole = (folder / "model.safetensors").read_bytes()
    header = whole[8 : 8 + int.from_bytes(whole[:8], "little")]
    (folder / "model.safetensors").write_bytes(length.to_bytes(8, "little") + header.ljust(length) + whole[8 + len(header) :])
    assert (folder / "model.safetensors").read_bytes().startswith(length.to_bytes(2, "little"))
    assert torch.equal(load_model(folder)[0].lm_head.bias, tensors["lm_head.bias"])


def stored_weights(network) -> dict[str, torch.Tensor]:
    return dict(network.named_parameters())


def test_a_pickle_in_parts_and_tensors_that_share_memory(tmp_path):
    shared = torch.arange(6.0).view(2, 3)
    torch.save({"a": shared, "b": shared.t()}, tmp_path / "pytorch_model-00001-of-00002.bin")
    torch.save({"c": torch.ones(1)}, tmp_path / "pytorch_model-00002-of-00002.bin")
    found = load_file(convert(tmp_path))
    assert torch.equal(found["b"], shared.t())
    assert set(found) == {"a", "b", "c"}


class Harm:
    def __reduce__(self):
        return (exec, ("import pathlib; pathlib.Path('harm').touch()",))


def test_a_pickle_that_runs_something_is_not_converted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"a": torch.ones(1), "b": Harm()}, tmp_path / "pytorch_model.bin")
    (tmp_path / "pytorch_model-2.bin").write_bytes(pickle.dumps(Harm()))
    for _ in range(2):
        with pytest.raises(TelosError) as error:
            convert(tmp_path)
        assert error.value.must.endswith("must hold tensors by name and nothing else")
        (tmp_path / "pytorch_model-2.bin").unlink(missing_ok=True)
    assert not (tmp_path / "harm").exists()
    assert not (tmp_path / "model.safetensors").exists()
    (tmp_path / "pytorch_model.bin").unlink()
    with pytest.raises(TelosError, match="none in"):
        convert(tmp_path)
