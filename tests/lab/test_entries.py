"""Recipes of a comparison: names, differences, what is refused."""

import pytest

from telos.foundation.errors import TelosError
from telos.lab import entries
from telos.lab.budget import Budget
from telos.recipe import Run

BUDGET = Budget.parse("2m")


@pytest.fixture
def file(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_names_are_stems_made_distinct(file):
    paths = [file("one/a.yaml", "model: ngram"), file("two/a.yaml", "model: gru"), file("乙.yaml", "model: lstm"),
             file("x/one/a.yaml", "model: rnn")]  # fmt: skip
    assert [e.name for e in entries.read(paths, [], BUDGET)] == ["one-a", "two-a", "乙", "one-a-2"]
    two = [Run.parse({"model": "ngram"}), Run.parse({"model": "gru"})]
    assert [e.name for e in entries.read(two, [], BUDGET)] == ["recipe", "recipe-2"]
    assert [e.name for e in entries.read({"x": two[0], "y": paths[1]}, [], BUDGET)] == ["x", "y"]


def test_budget_seed_and_overrides_are_those_of_the_comparison(file):
    paths = [file("a.yaml", "train: {budget: 9m, seed: 7}\nmodel: ngram"), file("b.yaml", "model: transformer")]
    a, b = entries.read(paths, ["corpus.kind=files", "corpus.path=texts"], BUDGET)
    assert str(a.recipe.training.budget) == str(b.recipe.training.budget) == "2m"
    assert a.recipe.corpus.dump()["path"] == "texts"
    assert a.with_seed(5).training.seed == 5
    assert a.with_seed(5).model == a.recipe.model
    (run,) = [e for e in entries.read([a.recipe, b.recipe], ["train.batch_tokens=128"], BUDGET) if e.name == "recipe"]
    assert run.recipe.training.batch_tokens == 128


def test_with_flops_no_recipe_keeps_a_budget_of_its_own(file):
    """By a budget in time it would read less text than another."""
    paths = [file("a.yaml", "train: {budget: 40m}"), file("b.yaml", "train: {budget: 10s}")]
    a, b = (entry.recipe for entry in entries.read(paths, [], Budget.parse("1e12 FLOPs")))
    assert a.training == b.training
    assert a.model.hidden_size > b.model.hidden_size  # which nobody named, and follows the recipe's own budget


def test_what_differs_is_found(file):
    masked = "objective: masked\ntrain: {seed: 2}\nmodel: {architecture: encoder}"
    paths = [file("a.yaml", "objective: causal\ntrain: {seed: 1}"), file("b.yaml", masked),
             file("c.yaml", "objective: causal\noptimizer: {learning_rate: 0.5}")]  # fmt: skip
    found = entries.varied(entries.read(paths, [], BUDGET))
    assert found["objective.kind"] == {"a": "causal", "b": "masked", "c": "causal"}
    assert found["model.architecture"] == {"a": "decoder", "b": "encoder", "c": "decoder"}
    assert found["optimizer.learning_rate"]["c"] == 0.5
    assert not [path for path in found if path.startswith(("train.", "objective.")) and path != "objective.kind"]
    same = entries.read([paths[0], file("d.yaml", "objective: causal")], [], BUDGET)
    assert entries.varied(same) == {}


def test_one_corpus_or_several(file):
    paths = [file("a.yaml", "corpus: {kind: files, path: x}"), file("b.yaml", "corpus: {kind: files, path: x}\nmodel: ngram"),
             file("c.yaml", "corpus: {kind: files, path: x}\nsplit: {kind: content}")]  # fmt: skip
    one, two, three = entries.read(paths, [], BUDGET)
    assert entries.with_one_corpus([one, two])
    assert not entries.with_one_corpus([one, three])


def test_what_is_refused(file):
    a = file("a.yaml", "model: ngram")
    with pytest.raises(TelosError) as error:
        entries.read([a, a.parent / "." / "a.yaml"], [], BUDGET)
    assert (error.value.must, error.value.found) == ("each recipe of a comparison must be given once", "a.yaml twice")
    with pytest.raises(TelosError, match="a comparison needs at least two recipes"):
        entries.read([a], [], BUDGET)
    b = file("b.yaml", "model: gru")
    for override, option in (("train.budget=1m", "--budget"), ("train.seed=2", "--seeds")):
        with pytest.raises(TelosError) as error:
            entries.read([a, b], [override], BUDGET)
        assert error.value.must == "budget and seeds are the comparison's, equal for all recipes"
        assert error.value.fix == f"give {option}"
    with pytest.raises(TelosError, match="a recipe must be a file"):
        entries.read([a, a.parent / "no.yaml"], [], BUDGET)
