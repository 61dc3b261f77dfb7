"""`telos compare` as a person calls it: a table and a line of JSON, a kill between runs, Ctrl-C, a recipe that fails."""

import json
import os
import signal

import pytest

NGRAM = ("model: {kind: ngram, order: 1}", "model: {kind: ngram, order: 4}")
GRU = """model: {kind: gru, hidden_size: 16, context_length: 32}
train: {batch_tokens: 128, compile: false, checkpoint_every: 2 steps}"""


@pytest.fixture
def recipe_file(texts, tmp_path):
    def write(name, *lines):
        path = tmp_path / f"{name}.yaml"
        path.write_text(
            "\n".join([f"corpus: {{kind: files, path: {texts}}}", "tokenizer: byte", "evaluate: {max_bytes: 9000}", *lines]),
            encoding="utf-8",
        )
        return path

    return write


def test_a_table_and_a_line_of_json(telos, recipe_file, tmp_path):
    recipes = [recipe_file(name, line) for name, line in zip(("一元", "四元"), NGRAM, strict=True)]
    words = ["compare", *recipes, "--budget", "20k tokens", "--yardsticks", "bits_per_byte", "--out", tmp_path / "out"]
    told = telos.answer(*words)
    assert [row["name"] for row in told["recipes"]] == ["一元", "四元"]
    assert told["yardsticks"][0]["groups"][0]["winner"] == "四元"
    again = telos(*words, PYTHONIOENCODING="utf-8")
    assert again.returncode == 0
    assert "四元 wins" in again.stdout
    assert "seed 1" not in again.stderr  # nothing was run again
    assert json.loads((tmp_path / "out/report.json").read_text())["seeds"] == [1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_it_goes_on_where_it_was_ended(telos, recipe_file, tmp_path, number):
    """Killed, or asked to stop, within the second run: the first is not done again, the second goes on from its checkpoint."""
    out = tmp_path / "out"
    recipes = [recipe_file("count", NGRAM[0]), recipe_file("long", GRU)]
    words = ["compare", *recipes, "--budget", "20k tokens", "--yardsticks", "bits_per_byte", "--out", out]
    process = telos.start(*words, "--json")
    telos.wait_until(process, lambda: bool(list(out.glob("runs/long/seed-1/checkpoints/step-*"))), seconds=600)
    os.kill(process.pid, number)
    told, said = process.communicate(timeout=300)
    assert process.returncode == (-9 if number == signal.SIGKILL else 130), said[-2000:]
    if number == signal.SIGINT:
        assert json.loads(told.splitlines()[-1])["stopped_by"] == "SIGINT"
    finished = (out / "runs/count/seed-1/report.json").stat().st_mtime_ns
    done = telos(*words, "--json", timeout_seconds=900)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "training goes on from step" in done.stderr
    assert "count, seed 1" not in done.stderr
    assert (out / "runs/count/seed-1/report.json").stat().st_mtime_ns == finished
    assert len(json.loads(done.stdout.splitlines()[-1])["yardsticks"][0]["groups"][0]["figures"]) == 2


def test_a_recipe_that_fails_gives_exit_code_1(telos, recipe_file, tmp_path):
    recipes = [recipe_file("good", NGRAM[1]), recipe_file("bad", GRU, "objective: masked")]
    done = telos("compare", *recipes, "--budget", "20k tokens", "--yardsticks", "bits_per_byte", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "bad failed (seed 1): " in done.stdout
    assert "Traceback" not in done.stderr


def test_what_is_refused(telos, recipe_file, tmp_path):
    a, b = (recipe_file(name, line) for name, line in zip("ab", NGRAM, strict=True))
    assert telos.refuses("compare", a, b)[:2] == ("a comparison needs a folder", "no --out")
    assert telos.refuses("compare", a, a, "--out", tmp_path / "out")[1] == "a.yaml twice"
    assert telos.refuses("compare", a, b, "--budget", "9 steps", "--out", tmp_path / "out")[0].startswith(
        "a comparison must have a budget in time, tokens or FLOPs")  # fmt: skip
