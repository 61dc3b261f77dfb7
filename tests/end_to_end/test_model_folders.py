"""Folders of every family on the command line.  Whole ones do their verbs down to one letter and beyond the context, or say why
not; damaged ones are refused: exit code 2, three lines, and what to do."""

import json
import re
import shutil

import numpy as np
import pytest

from telos.models import Counting, Model
from telos.models.saved import save_model
from telos.models.saved.tensors import stored
from telos.tokens.tokenizers.character import Character

TEXTS = ["春眠不觉晓，处处闻啼鸟。", "the cat sat on the mat"] * 4
KINDS = Model.kinds()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Kind → a whole folder of it."""
    tokenizer = Character().train(lambda: iter(TEXTS), 200)
    found = {}
    for kind in KINDS:
        built = Model.parse(kind).build(tokenizer.vocabulary)
        if isinstance(built, Counting):
            built.fit(np.concatenate([tokenizer.vocabulary.ended(ids) for ids in tokenizer.encode_batch(TEXTS)]))
        found[kind] = tmp_path_factory.mktemp("models") / kind
        save_model(built, tokenizer, found[kind], card="", lineage={})
    return found


def refusal(error):
    """(must, found, fix) of what a command that the user can mend has said."""
    lines = re.fullmatch(r"error: (.+)\n  found: (.+)\n  to do: (.+)\n", error)
    assert lines is not None, error
    return lines.groups()


def answer(call, *words):
    """The JSON of a command that succeeds, or None and why it refuses."""
    code, out, error = call(*words, "--json")
    if code == 2:
        return None, refusal(error)
    assert code == 0, error
    return json.loads(out.splitlines()[-1]), None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["a", "the cat sat on the mat. " * 30], ids=["one letter", "beyond the context"])
def test_the_smallest_and_the_longest_text(kind, text, folders, call, tmp_path):
    (tmp_path / "text.txt").write_text(text)
    spec = Model.member(kind)
    facts, why = answer(call, "score", folders[kind], tmp_path / "text.txt")
    if (spec.has_likelihood and "causal" in spec.patterns) or spec.learns_by == "counting":
        assert facts["bytes"] == len(text)
        assert 0 < facts["bits_per_byte"] < 100
    else:
        assert kind in why[0] + why[1]
    facts, why = answer(call, "generate", folders[kind], "--prompt", text, "--max-tokens", 2, "--seed", 1)
    if spec.has_likelihood:
        assert facts is None or facts["generations"][0]["tokens"] <= 2
        assert facts is not None or "context" in " ".join(why), why
    else:
        assert kind in why[0] + why[1]


@pytest.fixture
def damaged(folders, call, tmp_path):
    """``damaged(kind, change)``: (must, found, fix) of scoring a text under a folder after ``change(folder)``."""
    text = tmp_path / "text.txt"
    text.write_text("the cat")

    def scored(kind, change):
        folder = tmp_path / "model"
        shutil.copytree(folders[kind], folder, dirs_exist_ok=True)
        change(folder)
        code, out, error = call("score", folder, text)
        assert (code, out) == (2, ""), error
        return refusal(error)

    return scored


def of_elsewhere(change):
    """The same in a folder without our manifest, which would notice any change."""

    def changed(folder):
        (folder / "manifest.json").unlink()
        change(folder)

    return changed


def cut(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])


def flip(folder):
    weights = folder / "model.safetensors"
    whole = bytearray(weights.read_bytes())
    whole[-3] ^= 16
    weights.write_bytes(whole)


def flip_header(folder):
    weights = folder / "model.safetensors"
    whole = bytearray(weights.read_bytes())
    whole[1] ^= 255
    weights.write_bytes(whole)


def pickled(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def no_json(folder):
    (folder / "config.json").write_text("{")


def unknown_family(folder):
    facts = json.loads((folder / "config.json").read_text())
    changed = {"model_type": "telos_wavenet"} if facts["model_type"].startswith("telos_") else {"architectures": ["WaveNet"]}
    (folder / "config.json").write_text(json.dumps(facts | changed))


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_is_not_whole(kind, damaged):
    assert damaged(kind, cut)[0].endswith("model.safetensors must be as it was written")
    assert damaged(kind, flip)[0].endswith("model.safetensors must be as it was written")
    for change in (cut, flip_header):
        must, _, fix = damaged(kind, of_elsewhere(change))
        assert must.endswith("model.safetensors must be readable")
        assert fix == "copy the file again"
    must, found, fix = damaged(kind, of_elsewhere(pickled))
    assert must == "a model's weights must be in safetensors, which holds numbers and nothing that runs"
    assert "pytorch_model.bin" in found
    assert "python -m telos.models.saved.unpickle" in fix
    assert damaged(kind, of_elsewhere(no_json))[0] == "config.json must be valid JSON"
    must, found, _ = damaged(kind, of_elsewhere(unknown_family))
    assert "wavenet" in found.lower()
    assert kind in must or "Qwen3ForCausalLM" in must


def another_size(kind):
    """A setting of the family with which it has other tensors, and its value."""
    spec, tokenizer = Model.parse(kind), Character().train(lambda: iter(TEXTS), 200)

    def shapes(one):
        return {name: tensor.shape for name, tensor in stored(one.build(tokenizer.vocabulary)).items()}

    numbers = [(name, value) for name, value in spec if type(value) is int and value > 1]
    if spec.learns_by == "counting":
        return numbers[0][0], numbers[0][1] + 1
    mine = shapes(spec)
    return next((name, 2 * value) for name, value in numbers if shapes(spec.replace(**{name: 2 * value})) != mine)


@pytest.mark.parametrize("kind", KINDS)
def test_a_config_that_contradicts_its_tensors(kind, damaged):
    name, value = another_size(kind)

    def change(folder):
        facts = json.loads((folder / "config.json").read_text())
        if "spec" in facts:
            facts["spec"][name] = value
        else:
            facts["num_hidden_layers"] += 1
        (folder / "config.json").write_text(json.dumps(facts))

    must, found, fix = damaged(kind, of_elsewhere(change))
    assert "model.safetensors" in must
    assert found
    assert re.search("take both files from one model|copy the folder again", fix)
