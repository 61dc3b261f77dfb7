"""Checkpoints: what they hold, which one is gone on from, and every way in which one can be bad."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from telos.foundation.errors import TelosError
from telos.objectives.causal import Causal
from telos.optim.optimizers.adamw import AdamW
from telos.optim.optimizers.muon import Muon
from telos.train import checkpoint
from telos.train.checkpoint import Checkpoints
from telos.train.trainable import Trainable


def steps(folder):
    return sorted(int(path.name.removeprefix("step-")) for path in (folder / "checkpoints").glob("step-*"))


def unbroken(run, tmp_path):
    return load_file(run(tmp_path / "unbroken").checkpoint / "model.safetensors")


def same(first, second):
    return set(first) == set(second) and all(torch.equal(first[n], second[n]) for n in first)


def test_what_a_checkpoint_holds(run, tiny, tmp_path):
    network = tiny()
    outcome = run(tmp_path / "a", network)
    assert sorted(p.name for p in outcome.checkpoint.iterdir()) == [
        "manifest.json", "model.safetensors", "optimizer.safetensors", "state.json"]  # fmt: skip
    state = json.loads((outcome.checkpoint / "state.json").read_text())
    assert (state["step"], state["tokens"], state["loss"]) == (12, outcome.tokens, outcome.loss)
    assert set(state["clock"]) == {"overhead_seconds", "trained_seconds", "reserve_seconds"}
    assert state["choices"] == outcome.choices
    assert json.loads((outcome.checkpoint / "manifest.json").read_text())["step"] == 12
    optimizer = load_file(outcome.checkpoint / "optimizer.safetensors")
    assert int(optimizer["step"]) == 12
    assert set(optimizer) == {"step", "mix:momentum"} | {
        f"{n}:{m}" for n in ("embed", "head", "gain") for m in ("first", "second")
    }


@pytest.mark.parametrize(("keep", "left"), [(1, [12]), (2, [9, 12]), (9, [3, 6, 9, 12])])
def test_older_ones_are_removed(run, tmp_path, keep, left):
    run(tmp_path / "a", checkpoint_every="3 steps", keep_checkpoints=keep)
    assert steps(tmp_path / "a") == left


def damage_a_bit(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)


def cut_short(file):
    file.write_bytes(file.read_bytes()[:-7])


def remove(file):
    file.unlink()


def empty(file):
    file.write_bytes(b"")


DAMAGE = {damage_a_bit: "its SHA-256 differs", cut_short: "bytes, the manifest says", remove: "it is missing",
          empty: "it has 0 bytes, the manifest says"}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_a_damaged_one_is_named_and_the_previous_good_one_used(run, tmp_path, capfd, name, damage):
    expected = unbroken(run, tmp_path)
    run(tmp_path / "a", checkpoint_every="3 steps", keep_checkpoints=3)
    file = tmp_path / "a" / "checkpoints" / "step-12" / name
    damage(file)
    capfd.readouterr()
    outcome = run(tmp_path / "a", checkpoint_every="3 steps", keep_checkpoints=3)
    said = capfd.readouterr().err
    assert outcome.resumed_from == 9
    assert f"checkpoint step-12 is damaged ({file} must be as it was written: " in said
    assert DAMAGE[damage] in said
    assert "set aside as damaged-step-12, going on from step 9" in said
    assert same(load_file(outcome.checkpoint / "model.safetensors"), expected)
    assert steps(tmp_path / "a") == [6, 9, 12]


@pytest.mark.parametrize("damage", [damage_a_bit, cut_short, remove, empty], ids=lambda d: d.__name__)
def test_a_damaged_manifest_counts_as_damage(run, tmp_path, damage):
    run(tmp_path / "a", checkpoint_every="3 steps")
    damage(tmp_path / "a" / "checkpoints" / "step-12" / "manifest.json")
    assert run(tmp_path / "a").resumed_from == 9


def test_where_none_is_good_training_begins_anew(run, tmp_path, capfd):
    expected = unbroken(run, tmp_path)
    run(tmp_path / "a", checkpoint_every="6 steps")
    for step in (6, 12):
        damage_a_bit(tmp_path / "a" / "checkpoints" / f"step-{step}" / "model.safetensors")
    outcome = run(tmp_path / "a")
    assert outcome.resumed_from is None
    assert "set aside as damaged-step-6, beginning anew" in capfd.readouterr().err
    assert same(load_file(outcome.checkpoint / "model.safetensors"), expected)
    assert len((tmp_path / "a" / "metrics.jsonl").read_text().splitlines()) == 12


def test_what_a_killed_save_left_is_cleared(run, tmp_path):
    run(tmp_path / "a", checkpoint_every="6 steps")
    folder = tmp_path / "a" / "checkpoints"
    shutil.copytree(folder / "step-12", folder / ".step-18.tmp-abc123")
    (folder / ".step-18.tmp-abc123" / "manifest.json").unlink()
    (folder / "step-6").rename(folder / ".step-6.old")
    shutil.copytree(folder / "step-12", folder / ".step-12.old")
    assert run(tmp_path / "a").resumed_from == 12
    assert sorted(p.name for p in folder.iterdir()) == ["choices.json", "step-12", "step-6"]


OTHER = {
    "model": lambda tiny: {"network": tiny(dropout=0.1)},
    "objective": lambda tiny: {"objective": Causal(mask_documents=False)},
    "optimizer": lambda tiny: {"optimizer": AdamW()},
    "data": lambda tiny: {"data_hash": "0" * 64},
    "batches (train.seed, train.batch_tokens)": lambda tiny: {"seed": 2},
}


@pytest.mark.parametrize("name", OTHER)
def test_one_of_another_recipe_is_refused_by_name(run, tiny, tmp_path, name):
    run(tmp_path / "a")
    before = (tmp_path / "a" / "metrics.jsonl").read_bytes()
    with pytest.raises(TelosError) as caught:
        run(tmp_path / "a", **OTHER[name](tiny))
    folder = tmp_path / "a" / "checkpoints"
    assert caught.value.must == f"{folder / 'step-12'} must be a checkpoint of this recipe"
    assert caught.value.found == f"it is of another {name}"
    assert caught.value.fix == f"choose another --out, go back to the settings it was made with, or remove {folder}"
    assert (tmp_path / "a" / "metrics.jsonl").read_bytes() == before


def test_a_longer_budget_goes_on(run, tmp_path):
    run(tmp_path / "a", budget="6 steps")
    assert run(tmp_path / "a", budget="9 steps").step == 9


def made(tiny, tmp_path, keep=2):
    model = Trainable(tiny(), None)
    return Checkpoints(tmp_path / "checkpoints", {"model": "x"}, keep), model, Muon().build(model)


def test_a_disk_without_room_is_refused_before_the_first_step(tiny, tmp_path, monkeypatch):
    checkpoints, model, updater = made(tiny, tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(100, 100, 1000))
    parameters = {n: p.numel() for n, p in model.named_parameters()}
    bytes_of_one = 4 * (3 * sum(parameters.values()) - parameters["mix"]) + 8
    with pytest.raises(TelosError) as caught:
        checkpoints.require_room(model, updater)
    assert caught.value.must.startswith("checkpoints of this run needs ")
    assert f"({3 * bytes_of_one} bytes) of free disk" in caught.value.must
    assert caught.value.found == "1 kB (1000 bytes) free"


@pytest.mark.parametrize("writer", ["save_file", "write_json"])
def test_a_disk_that_fails_while_saving_leaves_the_last_good_one(tiny, tmp_path, monkeypatch, writer):
    checkpoints, model, updater = made(tiny, tmp_path)
    checkpoints.save(3, model, updater, {})

    def fails(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, writer, fails)
    with pytest.raises(TelosError) as caught:
        checkpoints.save(6, model, updater, {})
    assert caught.value.must == f"the checkpoint of step 6 must be written to {checkpoints.folder}"
    assert caught.value.found == "[Errno 28] No space left on device"
    assert caught.value.fix == "free some room and run again; it goes on from step 3"
    assert [p.name for p in checkpoints.folder.iterdir()] == ["step-3"]
    assert checkpoints.restore(model, updater).step == 3


def test_weights_of_another_shape_are_refused(tiny):
    state = {name: tensor.clone() for name, tensor in Trainable(tiny(), None).state().items()}
    with pytest.raises(TelosError) as caught:
        Trainable(tiny(hidden_size=8), None).load(state)
    assert caught.value.found == "embed differs (4 in all)"
