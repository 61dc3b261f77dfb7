"""Recipe files that people write, right and wrong; where each value came from."""

import errno
import os
from pathlib import Path

import pytest

from telos import recipe
from telos.foundation.errors import TelosError
from telos.models.transformer import Transformer
from telos.train.settings import Train


def refused(path: Path | str, *overrides: str) -> tuple[str, str, str]:
    with pytest.raises(TelosError) as error:
        recipe.resolve(recipe.from_file(path), list(overrides))
    return error.value.must, error.value.found, error.value.fix


@pytest.mark.parametrize(
    ("text", "overrides", "parts"),
    [
        ("train: 5", (), ("train: must be a valid dictionary or instance of Train", "5 (int)", "change it to such a value")),
        ("train: true", ("train.budget=3m",), ("train.budget: every part before the last must be a group of settings",
                                               "'train' is True", "set train itself")),
        ("1: x", (), ("FILE: names of settings must be words", "1", "rename or remove it")),
        ("model: {1: x}", (), ("FILE: names of settings must be words", "1", "rename or remove it")),
        ("corpus: {path: [{null: 月}]}", (), ("FILE: names of settings must be words", "None", "rename or remove it")),
        ("'#note': x", (), (None, "unknown name '#note'", "remove '#note'")),
        ("- 诗", (), ("FILE: a recipe must be a mapping", "a list", "write lines such as 'train: {budget: 3m}'")),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be(tmp_path, text, overrides, parts):
    file = tmp_path / "食谱.yaml"
    file.write_text(text, encoding="utf-8")
    must, found, fix = refused(file, *overrides)
    assert (found, fix) == parts[1:]
    assert parts[0] is None or must == parts[0].replace("FILE", str(file))


def test_a_recipe_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("train: {}")
    assert refused(tmp_path / "nowhere")[0] == "a recipe must be a file"
    none = tmp_path / "file" / "deeper"
    assert refused(none) == ("a recipe must be a YAML file", f"{none} is none", "give a file such as recipes/default.yaml")
    must, found, fix = refused(tmp_path)
    assert (must, found) == ("a recipe must be a YAML file", f"{tmp_path} is a folder")
    assert fix.endswith(f"or a folder of texts as corpus.kind=files corpus.path={tmp_path}")

    def forbid(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "read_text", forbid)
    assert refused(tmp_path / "file") == (f"the recipe {tmp_path / 'file'} must be readable", "Permission denied",
                                          "change its permissions")  # fmt: skip


def test_a_group_without_a_kind_keeps_its_settings_beside_the_default_kind(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("model: {num_layers: 7}\n")
    made, origin = recipe.resolve(
        recipe.from_file(file), ["tokenizer.vocab_size=400", "tokenizer.kind=bpe", "model.kind=transformer"]
    )
    assert made.dump()["tokenizer"]["vocab_size"] == 400
    assert made.dump()["model"]["num_layers"] == 7
    assert (origin["tokenizer.vocab_size"], origin["tokenizer.kind"]) == ("override", "override")
    assert origin["model.num_layers"] == f"{file}:1"


def test_the_origin_of_what_another_kind_has_too_is_not_the_recipe(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("optimizer:\n  kind: muon\n  learning_rate: 0.5\n")
    made, origin = recipe.resolve(recipe.from_file(file), ["optimizer.kind=adamw"])
    assert made.dump()["optimizer"]["learning_rate"] != 0.5
    assert origin["optimizer.learning_rate"] == "default"
    _, origin = recipe.resolve(recipe.from_file(file), ["optimizer=adamw"])
    assert (origin["optimizer.kind"], origin["optimizer.learning_rate"]) == ("override", "default")


def test_one_entry_of_a_list_is_set(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("corpus:\n  path: texts\n  include: ['*.md', '*.txt']\n")
    made, origin = recipe.resolve(recipe.from_file(file), ["corpus.include.1=*.文"])
    assert made.dump()["corpus"]["include"] == ["*.md", "*.文"]
    assert (origin["corpus.include"], origin["corpus.path"]) == ("override", f"{file}:2")


@pytest.mark.parametrize("name", ["train", "evaluate", "clean"])
def test_a_family_and_a_plain_group_take_only_words(name):
    for data in ({name: {1: 2}}, {"model": {1: 2}}, {1: 2}):
        with pytest.raises(TelosError, match=r"should be strings|must be words"):
            recipe.resolve(data, [])


@pytest.mark.parametrize(
    ("budget", "overrides", "found"),
    [
        (None, ["train.budget=3m", "train.budget=4m"], "train.budget=3m and train.budget=4m"),
        ("3m", ["train.budget=4m"], "--budget 3m and train.budget=4m"),
        ("3m", ["train={budget: 4m}"], "--budget 3m and train={budget: 4m}"),
        (None, ["train={budget: 3m}", "train.budget=4m"], "train={budget: 3m} and train.budget=4m"),
    ],
)
def test_two_budgets_are_refused_however_they_are_given(budget, overrides, found):
    with pytest.raises(TelosError) as error:
        recipe.resolve(recipe.for_path("诗", budget), overrides)
    assert (error.value.must, error.value.found, error.value.fix) == ("a run has one budget", found, "give one of them")


def test_the_budget_of_the_command_stands_beside_a_group_that_is_set_whole():
    made, _ = recipe.resolve(recipe.for_path("诗", "7m"), ["train={seed: 2}"])
    assert (str(made.training.budget), made.training.seed) == ("7m", 2)
    assert recipe.resolve(recipe.for_path("诗", None), ["train={seed: 2}"])[0].training.budget.value == 180
    assert refused_call("7m", "train=5")[1] == "5 (int)"


def refused_call(budget: str, *overrides: str) -> tuple[str, str, str]:
    with pytest.raises(TelosError) as error:
        recipe.resolve(recipe.for_path("诗", budget), list(overrides))
    return error.value.must, error.value.found, error.value.fix


@pytest.mark.parametrize(
    ("given", "overrides", "size", "origins"),
    [
        ({}, (), (4, 128, 2), ("for a budget of 3m",) * 3),
        ({}, ("train.budget=8m",), (4, 128, 2), ("for a budget of 8m",) * 3),
        ({}, ("train.budget=15m",), (6, 192, 3), ("for a budget of 15m",) * 3),
        ({}, ("train.budget=2h",), (8, 256, 4), ("for a budget of 2h",) * 3),
        ({}, ("train.budget=1d",), (8, 384, 6), ("for a budget of 24h",) * 3),
        ({}, ("train.budget=15m", "model.num_layers=4"), (4, 192, 3), ("override", "for a budget of 15m", "for a budget of 15m")),
        ({"model": "transformer"}, ("train.budget=15m", "model.hidden_size=64"), (6, 64, 2),
         ("for a budget of 15m", "override", "default")),
        ({}, ("train.budget=100 steps",), (4, 128, 2), ("default",) * 3),
    ],
)  # fmt: skip
def test_layers_and_width_that_nobody_names_follow_the_budget(given, overrides, size, origins):
    made, origin = recipe.resolve(given, list(overrides))
    names = ("num_layers", "hidden_size", "num_heads")
    assert tuple(made.dump()["model"][name] for name in names) == size
    assert tuple(origin[f"model.{name}"] for name in names) == origins


def test_a_size_is_for_a_transformer_and_the_same_from_python():
    assert recipe.resolve({"model": "ngram"}, ["train.budget=15m"])[0].dump()["model"]["kind"] == "ngram"
    assert recipe.Run(train={"budget": "15m"}).model == recipe.resolve({}, ["train.budget=15m"])[0].model
    chosen = Transformer(num_layers=1)  # an object says all of itself
    assert recipe.Run(train=Train(budget="15m"), model=chosen).model == chosen
    assert recipe.Run.parse(recipe.Run(train={"budget": "15m"}).dump()) == recipe.Run(train={"budget": "15m"})
