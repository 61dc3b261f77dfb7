"""A comparison from Python: shared stages, a clear winner, a tie, what goes on, what is refused."""

import json
import re
import shutil

import pytest

import telos
from telos.foundation.errors import TelosError
from telos.lab import comparing, work

NGRAM = "model: {{kind: ngram, order: {order}}}"
COMPARE = {"budget": "20k tokens", "isolated": False, "yardsticks": ["bits_per_byte"]}


def orders(recipe_file, **named):
    return [recipe_file(name, NGRAM.format(order=order)) for name, order in named.items()]


@pytest.fixture
def compared(recipe_file, tmp_path):
    return comparing.compare(orders(recipe_file, one=1, four=4), out=tmp_path / "out", seeds=2, **COMPARE)


def test_a_clear_winner(compared, tmp_path):
    assert compared.winners() == {"bits_per_byte": "four"}
    (group,) = compared.facts["yardsticks"][0]["groups"]
    four, one = group["figures"]
    assert (four["name"], one["name"]) == ("four", "one")
    assert four["value"] < 0.7 * one["value"]
    low, high = group["comparisons"][0]["interval"]
    assert 0 < low < group["comparisons"][0]["difference"] < high
    assert compared.facts["varied"] == {"model.order": {"one": 1, "four": 4}}
    assert compared.exit_code == 0
    said = compared.describe()
    assert "2 recipes at equal tokens, 20k tokens each, 2 seeds (1, 2), in turn" in said
    assert "model.order: one 1, four 4" in said
    assert "four wins: the next, one, is" in said
    # A figure is that of the run's own report, on the same held-out text.
    report = json.loads((tmp_path / "out/runs/four/seed-1/report.json").read_text())
    assert four["by_seed"][0] == pytest.approx(report["headline"]["bits_per_byte"], rel=1e-6)
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "four wins" in page
    assert not re.search(r'(src|href)="[^#]', page)
    assert json.loads((tmp_path / "out/report.json").read_text())["recipes"] == compared.facts["recipes"]


def test_text_that_is_the_same_is_made_once(compared, tmp_path):
    assert len(list((tmp_path / "out/shared").glob("*/corpus"))) == 1
    assert len(list((tmp_path / "out/shared").glob("*/tokens/train"))) == 1
    kept = next((tmp_path / "out/shared").glob("*/tokens/train/manifest.json"))
    theirs = [tmp_path / f"out/runs/{name}/seed-{seed}/tokens/train/manifest.json" for name in ("one", "four") for seed in (1, 2)]
    assert {path.stat().st_ino for path in theirs} == {kept.stat().st_ino}
    assert not list((tmp_path / "out").glob(".scratch-*"))


def test_copies_of_one_recipe_tie(recipe_file, tmp_path):
    found = comparing.compare(orders(recipe_file, a=3, b=3), out=tmp_path / "out", **COMPARE)
    assert found.winners() == {"bits_per_byte": None}
    (group,) = found.facts["yardsticks"][0]["groups"]
    assert group["comparisons"][0]["verdict"] == "tie"
    assert found.facts["varied"] == {}
    assert "the recipes differ in nothing" in found.describe()
    assert "No winner: a is not shown to differ from b" in found.describe()
    assert "One seed: how far another seed would have moved the figures is not measured." in found.describe()


def test_what_is_done_is_not_done_again(recipe_file, tmp_path, monkeypatch):
    recipes, out = orders(recipe_file, one=1, four=4), tmp_path / "out"
    begun = []
    monkeypatch.setattr("telos.lab.turns.work", lambda request: (begun.append((request.name, request.recipe.training.seed)),
                                                                 work.work(request)))  # fmt: skip
    first = comparing.compare(recipes, out=out, **COMPARE)
    assert begun == [("one", 1), ("four", 1)]
    assert comparing.compare(recipes, out=out, **COMPARE).facts == first.facts
    assert len(begun) == 2
    # A second seed and a third recipe: only they are run, in turn.
    third = recipe_file("two", NGRAM.format(order=2))
    trained = (out / "runs/one/seed-1/report.json").stat().st_mtime_ns
    grown = comparing.compare([*recipes, third], out=out, seeds=2, **COMPARE)
    assert begun[2:] == [("two", 1), ("one", 2), ("four", 2), ("two", 2)]
    assert grown.winners() == {"bits_per_byte": "four"}
    # A yardstick's result that is lost is measured anew, and the run is left as it is.
    shutil.rmtree(out / "measured/one/seed-1")
    begun.clear()
    comparing.compare([*recipes, third], out=out, seeds=2, **COMPARE)
    assert begun == [("one", 1)]
    assert (out / "runs/one/seed-1/report.json").stat().st_mtime_ns == trained


def test_one_that_fails_leaves_the_others(recipe_file, tmp_path):
    recipes = orders(recipe_file, one=1, four=4)
    wrong = recipe_file("wrong", "model: {kind: gru, hidden_size: 8, context_length: 16}", "objective: masked")
    found = comparing.compare([wrong, *recipes], out=tmp_path / "out", seeds=2, **COMPARE)
    assert found.exit_code == 1
    assert found.winners() == {"bits_per_byte": "four"}
    (failed,) = [row["failed"] for row in found.facts["recipes"] if "failed" in row]
    assert failed["seed"] == 1
    assert "masked" in failed["must"]
    assert f"wrong failed (seed 1): {failed['must']}; found: {failed['found']}" in found.describe()
    assert not (tmp_path / "out/runs/wrong/seed-2").exists()
    assert "wrong failed" in (tmp_path / "out/report.html").read_text(encoding="utf-8")


def test_a_budget_too_short_for_all(recipe_file, tmp_path):
    perceptron = (
        "model: {{kind: perceptron, hidden_size: {}, embedding_size: 8, window: 4}}\ntrain: {{batch_tokens: 64, compile: false}}"
    )
    recipes = [recipe_file(f"p{size}", perceptron.format(size)) for size in (8, 16)]
    with pytest.raises(TelosError) as error:
        comparing.compare(recipes, out=tmp_path / "out", **COMPARE | {"budget": "1e3 FLOPs"})
    assert error.value.must == "at least one recipe of a comparison must come to its end"
    assert error.value.found.startswith("p8: a budget must hold a training step, here of")
    assert error.value.fix.startswith("give a budget of at least")


def test_equal_operations_and_curves(recipe_file, tmp_path):
    """Two sizes at one number of operations: the larger takes fewer steps."""
    perceptron = "model: {{kind: perceptron, hidden_size: {}, embedding_size: 8, window: 4}}\n"
    perceptron += "train: {{batch_tokens: 128, compile: false, evaluate_every: 50%}}"
    recipes = [recipe_file(f"p{size}", perceptron.format(size)) for size in (8, 32)]
    found = comparing.compare(recipes, out=tmp_path / "out", **COMPARE | {"budget": "40 MFLOPs"})
    small, large = found.facts["recipes"]
    assert small["steps"] > 1.5 * large["steps"]
    for row in (small, large):
        assert row["FLOPs"] == pytest.approx(4e7, rel=0.15)
    assert len(list((tmp_path / "out/shared").glob("*/corpus"))) == 1
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert 'aria-label="learning-bits-per-byte"' in page
    assert 'aria-label="figures-bits-per-byte"' in page


def refused(*words, **named):
    with pytest.raises(TelosError) as error:
        comparing.compare(*words, **named)
    return error.value.must, error.value.found


def test_what_is_refused(recipe_file, stories, tmp_path):
    out, recipes = tmp_path / "out", orders(recipe_file, one=1, four=4)
    assert refused(recipes, out=out, against="two", **COMPARE) == ("--against must name a recipe of the comparison", "'two'")
    assert refused(recipes, out=out, seeds=[1, 1], **COMPARE)[0] == "a comparison must have at least one seed, each given once"
    other = recipe_file("other", NGRAM.format(order=2), "clean: {width: half}")
    must, found = refused([recipes[0], other], out=out, **COMPARE)
    assert must == "yardstick 'bits_per_byte' needs the same held-out text for all recipes"
    assert found == "recipes of different corpora (clean.width)"
    with pytest.raises(TelosError, match="must be one of"):
        comparing.compare(recipes, out=out, **COMPARE | {"yardsticks": ["bits_per_bite"]})
    assert not out.exists()
    # With a text for all, they compare.
    held = tmp_path / "held.txt"
    held.write_text((stories / "en-0.txt").read_text() + (stories / "zh-0.txt").read_text(encoding="utf-8"), encoding="utf-8")
    found = comparing.compare([recipes[0], other], out=out, texts=held, **COMPARE)
    assert found.facts["yardsticks"][0]["groups"][0]["comparisons"]


def test_it_is_a_name_of_the_package():
    assert telos.compare is comparing.compare
