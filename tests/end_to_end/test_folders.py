"""What a run may write over: nothing but what a run wrote; and what it does not begin with."""

import time
from pathlib import Path

import numpy as np
import pytest

from telos import corpora, recipe, run
from telos.evaluate import report as pages
from telos.foundation.errors import TelosError
from telos.foundation.files import read_json, write_json
from telos.held_out import _beginning

TEXT = "The cat sat on the mat. 猫坐在垫子上。\n" * 200


@pytest.fixture
def texts(tmp_path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text(TEXT, encoding="utf-8")
    return folder


def made(path, *overrides):
    return recipe.resolve(recipe.for_path(str(path), None), list(overrides))[0]


def test_a_run_refuses_a_folder_that_holds_something_else(texts):
    before = sorted(texts.iterdir())
    with pytest.raises(TelosError) as error:
        run.run(made(texts), texts)
    assert "must be a new folder, an empty one, or a run's" in error.value.must
    assert error.value.found == "it holds a.txt"
    assert sorted(texts.iterdir()) == before


def test_a_tokenizer_refuses_a_folder_that_holds_something_else(texts):
    with pytest.raises(TelosError, match="must be a new folder"):
        corpora.train_tokenizer([str(texts)], [], texts)
    assert (texts / "a.txt").read_text(encoding="utf-8") == TEXT


def test_after_a_refusal_the_same_folder_takes_mended_settings(texts, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(TelosError, match="vocabulary of 90000"):
        run.train(made(texts, "tokenizer.vocab_size=90000"), out)
    small = made(texts, "tokenizer=byte", "model.num_layers=1", "model.hidden_size=32", "model.num_heads=2",
                 "model.context_length=32", "train.batch_tokens=128", "train.budget=3 steps", "train.compile=false")  # fmt: skip
    assert run.train(small, out).facts["cost"]["steps"] == 3
    with pytest.raises(TelosError, match=r"train\.budget '.*' → '9 steps'\n  to do: .* another budget is another run"):
        run.train(small.replace(train=small.training.replace(budget="9 steps")), out)
    with pytest.raises(TelosError, match=r"other settings: train\.seed 1 → 2"):
        run.train(small.replace(train=small.training.replace(seed=2)), out)


def test_what_was_measured_for_another_recipe_is_not_kept(texts, tmp_path):
    """Of a run that was killed before its first checkpoint."""
    out = tmp_path / "run"
    small = made(texts, "tokenizer=byte", "model.num_layers=1", "model.hidden_size=32", "model.num_heads=2",
                 "model.context_length=32", "train.batch_tokens=128", "train.budget=3 steps", "train.precision=fp32")  # fmt: skip
    run._begin(small, out.mkdir() or out, full=False)
    (out / "checkpoints").mkdir()
    choices = {"asked": {"threads": None, "precision": "fp32", "compile": "auto"}, "threads": 1, "precision": "fp32",
               "compile": False, "facts": {"of_the_first": 1.0}}  # fmt: skip
    write_json(out / "checkpoints/choices.json", choices)
    run._begin(small, out, full=False)
    assert read_json(out / "checkpoints/choices.json") == choices, "the same run keeps what it measured"
    run.train(small.replace(train=small.training.replace(budget="4 steps")), out)
    assert "of_the_first" not in read_json(out / "run.json")["choices"]["facts"]


def test_a_context_too_short_for_a_prompt(texts, tmp_path):
    tiny = made(texts, "tokenizer=byte", "model.num_layers=1", "model.hidden_size=32", "model.num_heads=2",
                "model.context_length=1", "train.batch_tokens=64", "train.budget=2 steps", "train.compile=false",
                "evaluate.baselines=false")  # fmt: skip
    samples = run.run(tiny, tmp_path / "run").facts["samples"]
    assert [one["prompt"] for one in samples] == [""]


def test_a_stride_beyond_the_context_is_refused_at_once(texts, tmp_path):
    with pytest.raises(TelosError, match=r"evaluate\.stride must be at most model\.context_length"):
        run.run(made(texts, "evaluate.stride=1000"), tmp_path / "run")


def test_a_counting_model_runs_the_whole_way(texts, tmp_path):
    result = run.train(made(texts, "model={kind: ngram, order: 3}", "tokenizer=byte"), tmp_path / "run")
    model, _ = run.load(result.model)
    (result.model / "README.md").write_text("my own words")
    assert 0 < result.summary()["bits_per_byte"] < 2
    assert run.load(result.model)[0].vocabulary == model.vocabulary
    assert run.generate(result.model, ["The c"], {"max_tokens": 5, "temperature": 0})["generations"][0]["text"].startswith("at ")


def test_the_time_of_drawing_counts(texts, tmp_path, monkeypatch):
    """It is most of what a report takes, and a budget includes it."""
    began = []
    monkeypatch.setattr(pages, "draw", lambda told: began.append(time.sleep(0.5)) or {})
    counted = made(texts, "model={kind: ngram, order: 3}", "tokenizer=byte", "evaluate.baselines=false")
    cost = run.run(counted, tmp_path / "run").facts["cost"]
    assert len(began) == 1
    assert cost["seconds"]["model and report"] >= 0.5
    assert cost["total_seconds"] >= sum(cost["seconds"].values()) - 1e-6


def test_the_beginning_of_a_long_document_ends_with_a_whole_character():
    text = "猫坐在垫".encode()
    tokens = np.array([*text, 256])
    sizes = np.array([1] * 256 + [0])
    for most in range(3, 12):
        count, texts = _beginning(sizes[tokens], text, most)
        assert texts == ["猫坐在垫"[: most // 3]]
        assert sizes[tokens[:count]].sum() == count == len(texts[0].encode())


def test_a_foreign_run_file_is_no_run(texts, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    write_json(out / "notes.json", {})
    with pytest.raises(TelosError, match="must be a new folder"):
        run.run(made(texts), out)


def test_a_run_that_is_refused_leaves_no_folder(texts, tmp_path):
    for _ in range(2):
        with pytest.raises(TelosError):
            run.run(made(texts, "evaluate.stride=1000"), tmp_path / "runs/new")
        assert not (tmp_path / "runs/new").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(TelosError):
        run.run(made(texts, "evaluate.stride=1000"), tmp_path / "mine")
    assert (tmp_path / "mine").exists()
