"""The command line itself: which words are paths and which settings, what is shown when, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from telos import recipe, run, scoring
from telos.foundation.errors import TelosError
from telos.foundation.files import commit_folder
from telos.models.ngram import NGram
from telos.models.seq2seq import Seq2Seq
from telos.result import Stopped
from telos.tokens.tokenizers.byte import Byte

CLI = [sys.executable, "-m", "telos.cli"]


@pytest.fixture
def model(tmp_path) -> Path:
    """A counted model of bytes, made in milliseconds."""
    texts = ["床前明月光，疑是地上霜。", "It was the best of times."]
    tokenizer = Byte().train(lambda: iter(texts), 100)
    counted = NGram(order=3).build(tokenizer.vocabulary)
    counted.fit(np.concatenate([tokenizer.encode(text) for text in texts]))
    with commit_folder(tmp_path / "model") as folder:
        counted.save(folder)
        tokenizer.save(folder)
    return tmp_path / "model"


# -- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paths", [[], ["m"], ["m", "a.txt", "b.txt"]], ids=len)
def test_score_takes_exactly_a_model_and_a_text(call, paths):
    code, out, error = call("score", *paths, "evaluate.stride=3")
    assert (code, out) == (2, "")
    assert error.splitlines() == [
        "error: telos score takes a model and a text",
        f"  found: {len(paths)} paths{': ' + ', '.join(paths) if paths else ''}",
        "  to do: write for example: telos score runs/mine/model held_out.txt",
    ]


def test_a_model_and_a_text_in_the_wrong_order(call, model, tmp_path):
    (tmp_path / "a.txt").write_text("月")
    code, _, error = call("score", tmp_path / "a.txt", model)
    assert code == 2
    assert error.splitlines()[2] == f"  to do: write: telos score {model} {tmp_path / 'a.txt'}"


@pytest.mark.parametrize(
    ("words", "must", "found"),
    [
        (["run", "--budget", "1m", "--budget", "2m"], "a run has one budget", "--budget 1m and --budget 2m"),
        (["run", "--budget", "1m", "train.budget=2m"], "a run has one budget", "--budget 1m and train.budget=2m"),
        (["train", "recipes/default.yaml", "--budget", "1m", "train.budget=2m"], "a run has one budget",
         "train.budget=2m and train.budget=1m"),
        (["run", "model.num_layers", "=", "4"], "a setting must be written without spaces", "model.num_layers = 4"),
        (["explain", "docs"], "a recipe must be a YAML file", "docs is a folder"),
    ],
)  # fmt: skip
def test_words_that_are_nearly_right(call, root, monkeypatch, words, must, found):  # noqa: PLR0917
    monkeypatch.chdir(root)
    code, out, error = call(*words)
    assert (code, out) == (2, "")
    assert error.splitlines()[:2] == [f"error: {must}", f"  found: {found}"]
    code, out, _ = call(*words, "--json")
    assert code == 2
    told = json.loads(out.splitlines()[-1])["error"]
    assert (told["must"], told["found"]) == (must, found)
    assert told["to_do"]


def test_however_a_command_ends_a_program_gets_one_object(call, monkeypatch):
    code, out, _ = call("run", "--bugdet", "3m", "--json")
    assert code == 2
    assert json.loads(out)["error"]["found"].startswith("No such option: --bugdet")
    stopped = Stopped("SIGTERM", 7, 143, Path("runs/a"))
    told_of = {KeyboardInterrupt: {"stopped_by": "SIGINT"}, stopped: {"stopped_by": "SIGTERM", "step": 7, "run": "runs/a"}}
    for raised, told in told_of.items():

        def fail(*_, raised=raised):
            raise raised

        monkeypatch.setattr(run, "run", fail)
        code, out, _ = call("run", "--json")
        assert code in (130, 143)
        assert json.loads(out) == told


def test_the_version(call):
    from telos import __version__

    assert call("--version")[:2] == call("version")[:2] == (0, f"{__version__}\n")


def test_without_a_recipe_nothing_comes_from_the_command_line(call):
    assert "the command line" not in call("explain")[1]
    assert "recipes" not in call("explain", "train.seed=2")[1]


def test_what_the_settings_mean(call):
    """Every setting stands under what its class says; a reader sees no mark-up."""
    shown = call("explain", "corpus.kind=files", "corpus.path=诗/", "--doc")[1]
    assert "budget: one of a time (from process start, all included), steps, tokens or epochs." in shown
    assert "\n  train.budget = 3m\n" in shown
    assert "\ncorpus (files)\n" in shown
    assert "``" not in shown
    told = json.loads(call("explain", "--doc", "--json")[1])
    assert all(group["doc"] for group in told.values()), [path for path, group in told.items() if not group["doc"]]
    settings = {f"{path}.{name}" for path, group in told.items() for name in group["settings"]}
    flat = {path for path in json.loads(call("explain", "--json")[1])["origin"] if not path.endswith(".kind")}
    assert all(any(path == s or path.startswith(f"{s}.") for s in settings) for path in flat)


def test_train_takes_a_budget(call, root, monkeypatch):
    asked = []
    monkeypatch.setattr(run, "train", lambda made, *_: asked.append(str(made.training.budget)) or pytest.fail("enough"))
    with pytest.raises(pytest.fail.Exception):
        call("train", root / "recipes/default.yaml", "--budget", "7 steps")
    assert asked == ["7 steps"]


@pytest.mark.parametrize("words", [["run"], ["train"], ["explain"], ["score", "m"], ["corpus", "build"], ["tokenizer", "train"]])
def test_an_empty_word_is_no_path(call, words, tmp_path, monkeypatch):
    """``telos run "$TEXTS"`` where TEXTS is not set must not train on something else."""
    monkeypatch.chdir(tmp_path)
    code, out, error = call(*words, "", *(["train.budget=0 steps"] if words == ["run"] else []))
    assert (code, out) == (2, "")
    assert error.splitlines() == [
        "error: a path must have at least one character",
        "  found: an empty word, as of a variable that is not set",
        "  to do: give the path, or leave it out",
    ]
    assert not list(tmp_path.iterdir())


def test_an_override_before_the_paths_is_no_path(call, model, tmp_path):
    (tmp_path / "诗.jsonl").write_text('{"body": "举头望明月，低头思故乡。"}\n', encoding="utf-8")
    code, out, error = call("score", "corpus.text_field=body", model, "clean.normalization=NFKC", tmp_path / "诗.jsonl")
    assert code == 0, error
    assert "bits per byte" in out


@pytest.mark.parametrize(
    "unread", ["evaluate.max_bytes=9", "evaluate.baselines=false", "evaluate.ngram_order=3", "evaluate.samples=1",
               "clean.dedup=[]", "clean.min_characters=5"],
)  # fmt: skip
def test_score_refuses_what_it_does_not_read(model, tmp_path, unread):
    (tmp_path / "a.txt").write_text("月")
    with pytest.raises(TelosError) as error:
        run.score(model, tmp_path / "a.txt", [unread])
    place, name = unread.split("=")[0].rsplit(".", 1)
    assert error.value.must.startswith(f"{place}.{name}: valid names here are")
    assert error.value.found == f"unknown name '{name}'"


def test_score_reads_stride_and_cleaning():
    data = {"corpus": "installation", "evaluate": {"stride": 7}, "clean": {"repair_encoding": False}}
    made = scoring.ScoreRecipe.parse(data)
    assert (made.evaluate.stride, made.clean.repair_encoding) == (7, False)


@pytest.mark.parametrize(
    ("verb", "metavar"),
    [("run", "[PATH]..."), ("corpus build", "[SOURCE]..."), ("tokenizer train", "[SOURCE]..."), ("train", "[RECIPE]..."),
     ("explain", "[RECIPE]..."), ("score", "[MODEL TEXT]..."), ("corpus inspect", "{DIR}"), ("tokenizer inspect", "{DIR}")],
)  # fmt: skip
def test_help_names_its_words_as_its_sentences_do(call, verb, metavar):
    code, out, _ = call(*verb.split(), "--help")
    assert code == 0
    assert out.splitlines()[0].endswith(f" [OPTIONS] {metavar}")


# -- what is shown ---------------------------------------------------------------------------------------------------


def test_the_prompt_is_shown_only_when_model_and_prompt_have_been_checked(call, monkeypatch, tmp_path):
    code, out, error = call("generate", tmp_path / "none", "--prompt", "从前")
    assert (code, out) == (2, "")
    assert error.startswith("error: ")
    monkeypatch.setattr(run, "stream", lambda model, prompt, settings: iter([prompt, "有", "座山"]))
    assert call("generate", tmp_path, "--prompt", "从前")[:2] == (0, "从前有座山\n")


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", "????"), ("gbk", "床前?明"), ("utf-8", "床前🙂明")])
def test_a_terminal_without_some_characters_shows_the_others(model, encoding, shown):
    words = ["generate", model, "--prompt", "床前🙂明", "--max-tokens", "1", "--temperature", "0"]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run([*CLI, *words], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode(encoding).startswith(shown)
    done = subprocess.run([*CLI, *words, "--json"], env=environment, capture_output=True, check=False)
    assert json.loads(done.stdout.decode(encoding))["generations"][0]["prompt"] == "床前🙂明"


# -- how it ends -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["run", "score", "explain"])
def test_an_argument_that_is_not_utf_8(verb):
    done = subprocess.run([*CLI, verb, b"caf\xe9.txt"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: arguments must be UTF-8",
        "  found: 'caf\\xe9.txt'",
        "  to do: rename the file, or give the folder it is in",
    ]


def test_a_disk_that_fills_up_while_a_library_writes(call, monkeypatch):
    def fill_up(family):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recipe, "members", fill_up)
    code, out, error = call("list")
    assert (code, out) == (2, "")
    assert error.splitlines() == [
        "error: there must be room on the disk",
        "  found: [Errno 28] No space left on device",
        "  to do: free some room or choose another --out, and run it again",
    ]


def test_list_gives_whole_sentences():
    for members in recipe.members(None).values():
        for kind, sentence in members.items():
            assert sentence.endswith((".", ":")), kind
            assert "\n" not in sentence, kind


def test_ctrl_c_says_so_and_ends_with_130():
    code = ("import sys, time; from telos import cli, recipe; "
            "recipe.members = lambda family: (print('now', flush=True), time.sleep(60)); "
            "sys.argv = ['telos', 'list']; cli.main()")  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "interrupted\n")


@pytest.mark.parametrize("words", [["list", "models"], ["--help"], ["version"]], ids=" ".join)
def test_a_reader_that_has_gone_ends_it_quietly(words):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*CLI, *words], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


# -- beams, and an encoder-decoder -----------------------------------------------------------------------------------


def test_beams_find_the_likeliest_texts(call, model):
    code, out, _ = call("generate", model, "--prompt", "床前", "--beams", 4, "--n-best", 3, "--max-tokens", 12, "--json")
    answer = json.loads(out)
    assert code == 0
    found = answer["generations"]
    assert [one["prompt"] for one in found] == ["床前"] * 3
    scores = [one["score"] for one in found]
    assert scores == sorted(scores, reverse=True)
    assert answer["settings"] == {"beams": 4, "length_penalty": 0.6, "max_tokens": 12, "n_best": 3, "penalty": "wu"}
    shown = call("generate", model, "--prompt", "床前", "--beams", 4, "--max-tokens", 12, "--length-penalty", 0.6)[1]
    assert shown == f"{scores[0]:.3f}  {found[0]['text']}\n"


@pytest.mark.parametrize(
    ("words", "must", "found"),
    [
        (["--n-best", 2], "--n-best goes with --beams", "no --beams"),
        (["--beams", 2, "--top-k", 5], "--beams searches for the most probable text, and nothing is drawn", "--top-k beside it"),
        (["--beams", 2, "--stop", "."], "--beams searches for the most probable text, and nothing is drawn", "--stop beside it"),
        (["--beams", 2, "--n-best", 3], "recipe: n_best (3) must be at most beams (2)", None),
    ],
)
def test_options_that_do_not_go_together_are_refused(call, model, words, must, found):
    code, out, error = call("generate", model, *words)
    assert (code, out) == (2, "")
    assert must in error
    assert found is None or f"found: {found}" in error


@pytest.fixture
def translator(monkeypatch, tmp_path) -> Path:
    """An encoder-decoder of bytes with random weights, as `run.load` gives it."""
    tokenizer = Byte().train(lambda: iter(["x"]), 1)
    network = Seq2Seq(hidden_size=8, context_length=32).build(tokenizer.vocabulary)
    with torch.no_grad():
        for i, parameter in enumerate(network.parameters()):
            parameter.normal_(0, 0.5, generator=torch.Generator().manual_seed(i))
    monkeypatch.setattr(run, "load", lambda folder: (network, tokenizer))
    return tmp_path


def test_an_encoder_decoder_answers_and_does_not_repeat_the_question(call, translator):
    words = ["generate", translator, "--prompt", "jump twice", "--temperature", 0, "--max-tokens", 6]
    answer = json.loads(call(*words, "--json")[1])
    assert answer["continued"] is False
    assert answer["generations"][0]["prompt"] == "jump twice"
    assert call(*words)[1] == answer["generations"][0]["text"] + "\n"
    both = call(*words, "--prompt", "run")[1]
    assert both.startswith(answer["generations"][0]["text"] + "\n\n")


def test_pairs_are_scored_and_a_text_without_targets_is_refused(call, translator, tmp_path):
    table = tmp_path / "pairs.tsv"
    table.write_text("text\ttarget\njump twice\tJ J\n走\tW\n", encoding="utf-8")
    answer = json.loads(call("score", translator, table, "corpus.keep=target", "--json")[1])
    assert (answer["pairs"], answer["target_tokens"]) == (2, 6)
    assert answer["exact_match_fraction"] == 0
    low, high = answer["nats_per_target_token_ci95"]
    assert low <= answer["nats_per_target_token"] <= high
    shown = call("score", translator, table, "corpus.keep=target")[1]
    assert f"{answer['nats_per_target_token']:.4f} nats per target token (95 % interval {low:.4f} to {high:.4f})" in shown
    assert "0.0000 of the answers are exactly the target" in shown
    assert "2 pairs, 6 target tokens" in shown
    code, _, error = call("score", translator, table)
    assert code == 2
    assert "model 'seq2seq' is scored on pairs of source and target" in error
    assert "corpus.target_field=NAME" in error
