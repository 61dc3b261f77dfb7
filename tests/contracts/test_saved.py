"""Every family of models goes to a folder and comes back, and refuses one that is damaged.  New ones are found, not named."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.models import Counting, Inputs, Model
from telos.models.saved import load_model, save_model
from telos.models.saved.tensors import stored
from telos.tokens.tokenizers import TrainedTokenizer
from telos.tokens.tokenizers.character import Character

TEXTS = ["春眠不觉晓，处处闻啼鸟。", "the cat sat on the mat", "", "a"] * 5


@pytest.fixture(scope="module")
def tokenizer() -> TrainedTokenizer:
    return Character().train(lambda: iter(TEXTS), 200)


def stream(tokenizer: TrainedTokenizer) -> np.ndarray:
    end = tokenizer.vocabulary.end_of_text
    return np.concatenate([np.append(ids.astype(np.int64), end) for ids in tokenizer.encode_batch(TEXTS)])


def model(kind: str, tokenizer: TrainedTokenizer, specials: tuple[str, ...] = ()):
    """One that has learned something: counted, or with weights of ordinary size everywhere."""
    built = Model.parse(kind).build(tokenizer.vocabulary.with_specials(specials))
    if isinstance(built, Counting):
        built.fit(stream(tokenizer))
        return built
    made = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=made))
    return built.eval()


@torch.no_grad()
def says(built, tokenizer: TrainedTokenizer) -> np.ndarray:
    """What a model says of a text."""
    tokens = stream(tokenizer)
    if isinstance(built, Counting):
        return built.nll(tokens)
    tokens_BT = torch.from_numpy(tokens)[None, :20]
    inputs = Inputs(tokens_BT)
    if "causal" not in built.spec.patterns:
        inputs.pattern = sorted(built.spec.patterns)[0]
    if inputs.pattern == "encoder_decoder":
        inputs.source_BS = tokens_BT.flip(1)
    hidden = built.hidden(inputs)
    if not built.spec.has_likelihood:
        return hidden.values_BTD.numpy()
    return built.over_logits(hidden, lambda logits: logits).numpy()


def save(built, tokenizer: TrainedTokenizer, folder: Path) -> Path:
    save_model(built, tokenizer, folder, card="# 模型\n", lineage={"run": "abc"})
    return folder


@pytest.mark.parametrize("kind", Model.kinds())
def test_what_comes_back_is_what_was_saved(kind, tokenizer, tmp_path):
    built = model(kind, tokenizer)
    folder = save(built, tokenizer, tmp_path / "model")
    assert {p.name for p in folder.iterdir()} >= {"model.safetensors", "config.json", "tokenizer.json", "README.md",
                                                  "lineage.json", "manifest.json"}  # fmt: skip
    loaded, loaded_tokenizer = load_model(folder)
    assert (loaded.spec.kind(), loaded.vocabulary) == (kind, built.vocabulary)
    assert loaded_tokenizer.vocabulary == tokenizer.vocabulary
    assert np.array_equal(says(loaded, tokenizer), says(built, tokenizer))
    again = save(loaded, loaded_tokenizer, tmp_path / "again")
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (again / name).read_bytes() == (folder / name).read_bytes(), f"{name} differs when it is saved again"


@pytest.mark.parametrize("kind", [kind for kind in Model.kinds() if Model.member(kind).learns_by == "gradient"])
def test_every_tensor_is_kept_and_tokens_of_an_objective_too(kind, tokenizer, tmp_path):
    built = model(kind, tokenizer, ("<|mask|>",))
    loaded, _ = load_model(save(built, tokenizer, tmp_path / "model"))
    assert loaded.vocabulary == built.vocabulary
    assert list(loaded.vocabulary.specials) == ["<|endoftext|>", "<|mask|>"]
    found, wanted = stored(loaded), stored(built)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("kind", Model.kinds())
def test_damage_is_named(kind, tokenizer, tmp_path):
    folder = save(model(kind, tokenizer), tokenizer, tmp_path / "model")
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    for spoilt in (whole[:-8], whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]):
        weights.write_bytes(spoilt)
        with pytest.raises(TelosError) as error:
            load_model(folder)
        assert error.value.must == f"{weights} must be as it was written"
    (folder / "manifest.json").unlink()  # as a folder from elsewhere: what is not readable is still noticed
    for spoilt in (whole[:-8], b"\xff" + whole[1:], b"", whole[:50]):
        weights.write_bytes(spoilt)
        with pytest.raises(TelosError) as error:
            load_model(folder)
        assert error.value.must == f"{weights} must be readable"
    weights.write_bytes(b"PK\x03\x04" + whole)
    with pytest.raises(TelosError) as error:
        load_model(folder)
    assert error.value.must == "a model's weights must be in safetensors, which holds numbers and nothing that runs"
    weights.unlink()
    with pytest.raises(TelosError) as error:
        load_model(folder)
    assert error.value.found == f"none in {folder}"


@pytest.mark.parametrize("kind", Model.kinds())
def test_a_config_that_contradicts_its_tensors_is_refused(kind, tokenizer, tmp_path):
    other = Character().train(lambda: iter(["xyz"]), 3)
    small, large = (save(model(kind, one), one, tmp_path / str(len(one.token_bytes))) for one in (other, tokenizer))
    (large / "manifest.json").unlink()
    (large / "model.safetensors").write_bytes((small / "model.safetensors").read_bytes())
    with pytest.raises(TelosError) as error:
        load_model(large)
    assert error.value.must.startswith(
        (
            "model.safetensors must hold",
            "config.json and model.safetensors must be of one model",
            "model.safetensors and config.json of",
        )
    )


@pytest.mark.parametrize("kind", Model.kinds())
def test_another_models_tokenizer_is_refused(kind, tokenizer, tmp_path):
    other = Character().train(lambda: iter(["xyz"]), 3)
    with pytest.raises(TelosError, match="must be"):
        save(model(kind, tokenizer), other, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    folder = save(model(kind, tokenizer), tokenizer, tmp_path / "model")
    (folder / "manifest.json").unlink()
    same_size = Character().train(lambda: iter(["".join(reversed(text)) for text in TEXTS] + [TEXTS[0][0]]), 200)
    same_size.save(folder)
    if json.loads((folder / "config.json").read_text())["model_type"].startswith("telos_"):
        with pytest.raises(TelosError) as error:
            load_model(folder)
        assert error.value.must == "a model and its tokenizer must belong together"
