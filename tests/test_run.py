"""A run folder and the text it was made of: the same text goes on whatever its files' times, another text is refused."""

import os
import shutil

import pytest

from telos import run
from telos.foundation.errors import TelosError
from telos.recipe import Run

TEXT = "the cat sat on the mat and said 你好\n" * 80


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def recipe(path):
    return Run.parse({"corpus": {"kind": "files", "path": str(path)}, "tokenizer": {"kind": "byte"},
                      "model": {"kind": "gru", "num_layers": 1, "hidden_size": 8, "context_length": 16},
                      "train": {"budget": "6 steps", "batch_tokens": 64, "checkpoint_every": "4 steps",
                                "evaluate_every": "0 steps", "watchers": ["metrics_jsonl"]}})  # fmt: skip


def stopped(path, out):
    """A run as if killed behind its first checkpoint."""
    run.train(recipe(path), out)
    kept = (out / "model" / "model.safetensors").read_bytes()
    shutil.rmtree(out / "checkpoints" / "step-6")
    shutil.rmtree(out / "model")
    (out / "report.json").unlink()
    return kept


def test_files_with_other_times_are_the_same_text(text, tmp_path, capsys):
    kept = stopped(text, tmp_path / "run")
    os.utime(text, ns=(1, 1))
    run.train(recipe(text), tmp_path / "run")
    assert (tmp_path / "run" / "model" / "model.safetensors").read_bytes() == kept
    said = capsys.readouterr().err
    assert "is it the same text?" in said
    assert "training goes on from step 4" in said
    run.train(recipe(text), tmp_path / "run")
    assert "is it the same text?" not in capsys.readouterr().err  # asked once
    assert not list((tmp_path / "run").glob(".same-text-*"))


def test_a_finished_run_shows_its_result_when_only_times_changed(text, tmp_path, capsys):
    run.train(recipe(text), tmp_path / "run")
    os.utime(text, ns=(1, 1))
    run.train(recipe(text), tmp_path / "run")
    assert "is finished" in capsys.readouterr().err


def test_another_text_is_refused_and_nothing_is_touched(text, tmp_path):
    stopped(text, tmp_path / "run")
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    text.write_text(TEXT.replace("cat", "dog"), encoding="utf-8")
    os.utime(text, ns=(1, 1))
    with pytest.raises(TelosError, match="the texts have changed"):
        run.train(recipe(text), tmp_path / "run")
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before
