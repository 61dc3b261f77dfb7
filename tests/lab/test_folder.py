"""The folder of a comparison: what it is, and what is done already."""

import json

import numpy as np
import pytest

from telos.evaluate.yardsticks import Measured
from telos.foundation.errors import TelosError
from telos.lab import entries
from telos.lab.budget import Budget
from telos.lab.folder import RECORD, Folder, Materials
from telos.recipe import Run
from tests.lab.test_verdicts import Lower

BUDGET = Budget.parse("2m")


@pytest.fixture
def compared(tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("one 一", encoding="utf-8")
    corpus = {"kind": "files", "path": str(tmp_path / "texts")}
    return {name: Run.parse({"corpus": corpus, "model": name}) for name in ("ngram", "gru", "lstm")}


def read(compared, *names, **changes):
    return entries.read({name: compared[name].replace(**changes) for name in names}, [], BUDGET)


def test_the_same_comparison_goes_on_and_may_grow(compared, tmp_path):
    folder = Folder(tmp_path / "out")
    folder.path.mkdir()
    folder.refuse_others()
    folder.begin(read(compared, "ngram", "gru"), BUDGET)
    folder.begin(read(compared, "ngram", "gru"), BUDGET)
    folder.begin(read(compared, "gru", "lstm"), BUDGET)
    assert set(json.loads((folder.path / RECORD).read_text())["recipes"]) == {"ngram", "gru", "lstm"}


def refused(call):
    with pytest.raises(TelosError) as error:
        call()
    return error.value.must, error.value.found


def test_another_comparison_is_refused(compared, tmp_path):
    folder = Folder(tmp_path / "out")
    folder.path.mkdir()
    folder.begin(read(compared, "ngram", "gru"), BUDGET)
    must = f"{folder.path} must be a new folder, or one of the same comparison"
    changed = read(compared, "ngram", "gru", tokenizer={"kind": "bpe", "vocab_size": 999})
    assert refused(lambda: folder.begin(changed, BUDGET)) == (
        must, "its recipe 'ngram' has other settings: tokenizer.vocab_size None → 999")  # fmt: skip
    assert refused(lambda: folder.begin(read(compared, "ngram", "gru"), Budget.parse("3m"))) == (must, "its budget is 2m, not 3m")
    assert refused(lambda: folder.begin(entries.read({"x": compared["gru"], "y": compared["lstm"]}, [], BUDGET), BUDGET)) == (
        must, "it compares ngram, gru")  # fmt: skip
    (tmp_path / "texts" / "b.txt").write_text("two")
    assert refused(lambda: folder.begin(read(compared, "ngram", "gru"), BUDGET)) == (
        must, "the texts of 'ngram' have changed since it began")  # fmt: skip


def test_a_budget_is_the_same_however_it_is_written(compared, tmp_path):
    folder = Folder(tmp_path / "out")
    folder.path.mkdir()
    folder.begin(read(compared, "ngram", "gru"), Budget.parse("5e9 FLOPs"))
    record = folder.path / RECORD
    record.write_text(record.read_text().replace("5 GFLOPs", "5000000000 FLOPs"))
    folder.begin(read(compared, "ngram", "gru"), Budget.parse("5 GFLOPs"))
    found = refused(lambda: folder.begin(read(compared, "ngram", "gru"), Budget.parse("6e9 FLOPs")))[1]
    assert found == "its budget is 5 GFLOPs, not 6 GFLOPs"


def test_what_is_no_comparison_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("…")
    assert refused(Folder(tmp_path / "out").refuse_others) == (
        f"{tmp_path / 'out'} must be a new folder, an empty one, or a comparison's", "it holds thesis.tex")  # fmt: skip
    assert refused(Folder(tmp_path / "out" / "thesis.tex").refuse_others)[1] == "it is a file"


def a_trained_run(folder, name="a", seed=1):
    model = folder.run(name, seed) / "model"
    model.mkdir(parents=True)
    (model / "model.safetensors").write_bytes(b"weights")
    (folder.run(name, seed) / "report.json").write_text("{}")
    return model


def test_results_come_back_while_what_they_depend_on_is_the_same(tmp_path):
    folder, yardstick, materials = Folder(tmp_path), Lower(), Materials().fingerprint()
    model = a_trained_run(folder)
    assert folder.result(yardstick, materials, "a", 1) is None
    found = Measured(["x", "y"], np.array([1.5, np.pi]), np.array([1.0, 2.0]), "exact", "likelihood", "all", {"chance": 0.1})
    folder.keep(yardstick, folder.key(yardstick, materials, "a", 1), found, "a", 1)
    back = folder.result(yardstick, materials, "a", 1)
    assert (back.items, back.kind, back.comparable, back.sees, back.beside) == (
        ["x", "y"],
        "exact",
        "likelihood",
        "all",
        {"chance": 0.1},
    )
    assert np.array_equal(back.values, found.values)
    assert folder.result(yardstick, Materials(seed=2).fingerprint(), "a", 1) is None
    (model / "model.safetensors").write_bytes(b"others")
    assert folder.result(yardstick, materials, "a", 1) is None


def test_an_infinite_value_survives(tmp_path):
    folder, yardstick, materials = Folder(tmp_path), Lower(), Materials().fingerprint()
    a_trained_run(folder)
    found = Measured(["x", "y"], np.array([np.inf, 1.0]), np.ones(2), "exact", "likelihood")
    folder.keep(yardstick, folder.key(yardstick, materials, "a", 1), found, "a", 1)
    assert folder.result(yardstick, materials, "a", 1).values.tolist() == [np.inf, 1.0]


def test_why_there_is_nothing_comes_back_too(tmp_path):
    folder, yardstick, materials = Folder(tmp_path), Lower(), Materials().fingerprint()
    a_trained_run(folder)
    folder.keep(yardstick, folder.key(yardstick, materials, "a", 1), "it gives no likelihood", "a", 1)
    assert folder.result(yardstick, materials, "a", 1) == "it gives no likelihood"


def test_a_judge_without_weights_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert refused(Materials(judge=str(tmp_path)).fingerprint)[:2] == (
        "a model must be a folder with config.json and model.safetensors", f"no model.safetensors in {tmp_path}"
    )  # fmt: skip


def test_materials_that_are_not_there_are_refused(tmp_path):
    assert refused(Materials(pairs=str(tmp_path / "no.jsonl")).fingerprint)[0] == "--pairs must be a file"
    assert refused(Materials(judge=str(tmp_path)).fingerprint) == (
        "--judge must be a model folder", f"no config.json in {tmp_path}")  # fmt: skip
    (tmp_path / "pairs.jsonl").write_text("{}")
    one = Materials(pairs=str(tmp_path / "pairs.jsonl")).fingerprint()
    (tmp_path / "pairs.jsonl").write_text("{} ")
    assert Materials(pairs=str(tmp_path / "pairs.jsonl")).fingerprint() != one


def test_fields_of_the_labelled_set_count_only_where_they_are_named(tmp_path):
    """What was measured with the usual ones stays."""
    (tmp_path / "set.csv").write_text("text,label\none,a\n")
    labelled = str(tmp_path / "set.csv")
    usual = Materials(labelled=labelled).fingerprint()
    assert Materials(labelled=labelled, text_field="text", label_field="label").fingerprint() == usual
    assert "label_field" not in usual
    changes = ({"text_field": "body"}, {"label_field": "stars"}, {"columns": ("label", "text")})
    found = [Materials(labelled=labelled, **change).fingerprint() for change in changes]
    assert all(one not in [usual, *found[:place]] for place, one in enumerate(found))
    assert Materials(label_field="stars").fingerprint() == Materials().fingerprint()
