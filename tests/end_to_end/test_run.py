"""The main job: a folder of text becomes a measured model; without a network, English and Chinese, from the command line."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest


def test_the_json_line_holds_what_is_promised(finished):
    out, answer = finished
    low, high = answer["bits_per_byte_ci95"]
    assert 0 < low <= answer["bits_per_byte"] <= high < 8
    assert {"gzip", "xz", "xz_primed", "unigram", "5_gram"} <= set(answer["baselines"])
    assert all(0 < value < 16 for value in answer["baselines"].values())
    assert 0 < answer["seconds"] < 300
    assert 50_000_000 < answer["peak_memory_bytes"] < 4_000_000_000
    assert answer["parameters"] > 1000
    assert Path(answer["model"]) == out / "model"


def test_it_learned(finished):
    """Sixty steps on sentences drawn from four lists leave the unigram and eight bits far behind."""
    answer = finished[1]
    assert answer["bits_per_byte"] < answer["baselines"]["unigram"]


def test_a_run_folder_holds_what_is_promised(finished):
    out, _answer = finished
    for name in ("recipe.yaml", "run.json", "metrics.jsonl", "report.html", "report.json", "model/model.safetensors",
                 "model/config.json", "model/tokenizer.json", "model/generation_config.json", "model/README.md",
                 "model/lineage.json"):  # fmt: skip
        assert (out / name).stat().st_size > 0, name
    assert json.loads((out / "report.json").read_text())
    assert json.loads((out / "model/config.json").read_text())["architectures"] == ["Qwen3ForCausalLM"]
    steps = [line["step"] for line in map(json.loads, (out / "metrics.jsonl").read_text().splitlines()) if "loss" in line]
    assert max(steps) == 60
    assert not [p for p in out.rglob("*") if p.suffix in (".pkl", ".pickle", ".pt", ".pth")]
    assert not list(out.rglob(".*.tmp-*"))


def test_the_report_loads_nothing_from_elsewhere(finished):
    html = (finished[0] / "report.html").read_text(encoding="utf-8")
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//[^"' >]+|url\((?!["']?(?:data:|#))|@import""", html)
    assert "故事" in html or "老船长" in html or "祖母" in html or "河" in html, "no Chinese anywhere in the report"


def test_nothing_tried_to_reach_the_network(finished, attempts):
    assert not attempts.exists(), attempts.read_text()


def test_without_a_network_means_that(environment, attempts, tmp_path):
    """The test above can fail: an attempt is noted and refused."""
    note = tmp_path / "note.txt"
    code = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"NETWORK_ATTEMPTS": str(note)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "there is no network" in done.stderr
    assert "127.0.0.1" in note.read_text()


def test_the_same_command_again_shows_the_result_at_once(telos, texts, finished):
    out, first = finished
    before = (out / "metrics.jsonl").read_bytes()
    again = telos.answer("run", texts, "--budget", "60 steps", "--out", out, *telos.small)
    assert again["bits_per_byte"] == first["bits_per_byte"]
    assert (out / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("language", ["en", "zh"])
def test_score(telos, finished, made_up, language, tmp_path):
    text, noise = tmp_path / "held out.txt", tmp_path / "noise.txt"
    story = made_up(language, 999, sentences=200)
    text.write_text(story, encoding="utf-8")
    noise.write_text(story[::-1], encoding="utf-8")
    model = finished[0] / "model"
    answer = telos.answer("score", model, text)
    low, high = answer["bits_per_byte_ci95"]
    assert 0 < low <= answer["bits_per_byte"] <= high
    assert answer["bits_per_byte"] < telos.answer("score", model, noise)["bits_per_byte"], "likelier than its letters backwards"


@pytest.mark.parametrize("prompt", ["The old sailor", "老船长", ""])
def test_generate(telos, finished, prompt):
    answer = telos.answer("generate", finished[0] / "model", "--prompt", prompt, "--max-tokens", 40, "--seed", 3)
    (one,) = answer["generations"]
    assert one["prompt"] == prompt
    assert one["text"]
    assert "\ufffd" not in one["text"]
    again = telos.answer("generate", finished[0] / "model", "--prompt", prompt, "--max-tokens", 40, "--seed", 3)
    assert again["generations"] == answer["generations"], "same seed, same text"


def test_generate_streams_prompt_and_text(telos, finished):
    words = ("generate", finished[0] / "model", "--prompt", "祖母留下的", "--max-tokens", 30, "--temperature", 0)
    shown = telos(*words).stdout
    (one,) = telos.answer(*words)["generations"]
    assert shown.rstrip("\n") == (one["prompt"] + one["text"]).rstrip("\n")


def test_stages_by_themselves(telos, texts, tmp_path):
    corpus = telos.answer("corpus", "build", texts, "--out", tmp_path / "corpus")
    assert sum(corpus["documents"].values()) == 200
    assert telos.answer("corpus", "inspect", tmp_path / "corpus")
    trained = telos.answer("tokenizer", "train", tmp_path / "corpus", "--out", tmp_path / "bpe", "tokenizer.vocab_size=400")
    assert trained["vocabulary_size"] == 400
    telos.answer("tokenizer", "train", tmp_path / "corpus", "--out", tmp_path / "characters", "tokenizer.kind=character")
    assert "老│船│长" in telos("tokenizer", "inspect", tmp_path / "characters", "--text", "老船长修好了祖母留下的钟").stdout


def test_train_a_recipe(telos, root, texts, tmp_path):
    """One long text by characters, its last tenth held out to the character; no baselines and no report."""
    text = tmp_path / "one.txt"
    text.write_text("".join(p.read_text(encoding="utf-8") for p in sorted(texts.glob("*.txt"))), encoding="utf-8")
    answer = telos.answer("train", root / "recipes/shakespeare-char-cpu.yaml", f"corpus.path={text}", "train.budget=5 steps",
                          "train.compile=false", "--out", tmp_path / "out")  # fmt: skip
    assert 0 < answer["nats_per_token"] < 6
    assert not (tmp_path / "out/report.html").exists()


def test_five_lines_of_python(environment, texts, tmp_path):
    code = f"""if True:
        import telos
        small = telos.Transformer(num_layers=1, hidden_size=32, num_heads=2, context_length=64)
        result = telos.Run(corpus=telos.Files({str(texts)!r}), tokenizer=telos.Character(), model=small,
                           train={{"budget": "5 steps", "batch_tokens": 512, "compile": False}}).train({str(tmp_path / "out")!r})
        print(result.summary()["bits_per_byte"])"""
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert 0 < float(done.stdout.splitlines()[-1]) < 16


@pytest.mark.long
def test_a_time_budget_is_kept(telos, texts, tmp_path):
    """From process start to the end of the process, within 5 %."""
    began = time.time()
    answer = telos.answer("run", texts, "--budget", "60s", "--out", tmp_path / "out", *telos.small)
    assert time.time() - began == pytest.approx(60, rel=0.05)
    assert answer["seconds"] == pytest.approx(60, rel=0.05)
