"""What an objective leaves in a model's folder: there and back, and damage by name."""

import pytest
import torch
from safetensors.torch import save_file

from telos.foundation.errors import TelosError
from telos.objectives import _saved
from telos.objectives.causal import Causal
from telos.objectives.classification import Classification, Head


def head(classes=3, seed=1):
    made = Head(4, classes, 0.0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(seed))
    return made


def test_there_and_back(tmp_path):
    objective, labels = Classification(pooling="last", dropout=0.2), ("差", "好", "1")
    _saved.save(tmp_path, objective, head(), labels)
    assert _saved.read(tmp_path) == (objective, labels)
    fresh = head(seed=2)
    _saved.fill(tmp_path, fresh)
    assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), head().parameters(), strict=True))


def test_an_objective_that_owns_nothing(tmp_path):
    _saved.save(tmp_path, Causal(), None, ())
    assert _saved.read(tmp_path) == (Causal(), ())
    assert not (tmp_path / _saved.WEIGHTS).exists()


def test_a_folder_without_one(tmp_path):
    assert _saved.read(tmp_path) is None


@pytest.mark.parametrize(("damage", "found"), [
    (lambda to: (to / _saved.WEIGHTS).write_bytes((to / _saved.WEIGHTS).read_bytes()[:50]), "damaged content"),
    (lambda to: (to / _saved.WEIGHTS).unlink(), "damaged content"),
    (lambda to: save_file({"linear.weight": torch.zeros(5, 4), "linear.bias": torch.zeros(3)}, to / _saved.WEIGHTS),
     "'linear.weight' differs"),
    (lambda to: save_file({"linear.weight": torch.zeros(3, 4)}, to / _saved.WEIGHTS), "'linear.bias' differs"),
])  # fmt: skip
def test_damaged_weights_are_named(tmp_path, damage, found):
    _saved.save(tmp_path, Classification(), head(), ("a", "b", "c"))
    damage(tmp_path)
    with pytest.raises(TelosError) as error:
        _saved.fill(tmp_path, head())
    assert found in error.value.found


def test_damaged_facts_are_named(tmp_path):
    (tmp_path / _saved.FACTS).write_text('{"objective": {"kind": "classification"}}')
    with pytest.raises(TelosError) as error:
        _saved.read(tmp_path)
    assert error.value.must.endswith("objective.json must be readable")
