"""`telos evaluate --yardsticks` on a saved model: figures, reasons, settings, and what the command line refuses."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from telos import run
from telos.cli import app
from telos.foundation.errors import TelosError
from telos.models.ngram import NGram
from telos.models.saved import save_model
from telos.tokens.tokenizers.byte import Byte

WORDS = ["cat", "dog", "bird", "fish", "horse", "mouse", "snake", "tiger", "猫", "狗"]
TEXTS = [f"the {WORDS[i % 8]} sees a {WORDS[(3 * i + 1) % 8]}. " * 3 + "猫看见狗。" for i in range(24)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("measured") / "model"
    tokenizer = Byte().train(lambda: iter(()), 0)
    network = NGram(order=5).build(tokenizer.vocabulary)
    network.fit(np.concatenate([np.append(tokenizer.encode(text), 256) for text in TEXTS]).astype(np.int64))
    save_model(network, tokenizer, folder, card="", lineage={})
    return folder


@pytest.fixture
def texts(tmp_path):
    (tmp_path / "texts").mkdir()
    for i, text in enumerate(TEXTS):
        (tmp_path / "texts" / f"{i:02}.txt").write_text(text, encoding="utf-8")
    return tmp_path / "texts"


def test_all_that_apply_are_measured_and_others_say_why_not(model, texts, tmp_path):
    (tmp_path / "set.jsonl").write_text('{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}')
    found = run.measure(model, ["all"], ["cloze.words=20", "cloze.choices=4", "generation.characters=30",
                                         "generation.prompt_characters=10"],
                        texts=texts, labelled=tmp_path / "set.jsonl")  # fmt: skip
    told = json.loads(json.dumps(found.summary()))["yardsticks"]
    assert set(told) == {"bits_per_byte", "cloze", "infilling", "generation", "linear_probe", "fine_tuning"}
    assert "counts, and has no values" in told["linear_probe"]["reason"]
    assert told["cloze"]["items"] == 20
    assert told["cloze"]["comparable"] == "accuracy among words: 4 choices"
    assert told["bits_per_byte"]["value"] == pytest.approx(run.score(model, texts).summary()["bits_per_byte"], rel=1e-4)
    low, high = told["bits_per_byte"]["value_ci95"]
    assert low < told["bits_per_byte"]["value"] < high
    lines = found.describe()
    assert "linear probe: none; 'ngram' counts" in lines
    assert "bits per byte" in lines
    assert "00.txt" in found.found[0][1].items


def test_one_whose_material_is_too_short_says_so_beside_the_others(model, tmp_path):
    (tmp_path / "short.txt").write_text("the cat sees a dog and the dog sees a cat.", encoding="utf-8")
    found = run.measure(model, ["all"], ["cloze.choices=2"], texts=tmp_path / "short.txt")
    told = found.summary()["yardsticks"]
    assert told["bits_per_byte"]["value"] > 0
    assert told["generation"]["reason"] == "a held-out text must have at least 400 characters; found: 42 in the longest"
    with pytest.raises(TelosError, match="a held-out text must have at least 400 characters"):
        run.measure(model, ["generation"], texts=tmp_path / "short.txt")


def test_the_command_line(model, texts):
    words = ["evaluate", str(model), "--yardsticks", "cloze,bits_per_byte", "--texts", str(texts), "cloze.words=9",
             "cloze.choices=4", "--budget", "1m", "--seed", "2", "--json"]  # fmt: skip
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout.splitlines()[-1])
    assert set(told["yardsticks"]) == {"cloze", "bits_per_byte"}
    assert told["yardsticks"]["cloze"]["settings"]["words"] == 9
    assert told["objective"] is None


@pytest.mark.parametrize(("words", "must"), [
    ([], "telos evaluate takes a model, and either a file of minimal pairs or --yardsticks"),
    (["m"], "telos evaluate takes a model, and either a file of minimal pairs or --yardsticks"),
    (["m", "p.jsonl", "--yardsticks", "cloze"], "telos evaluate takes a model, and either"),
    (["m", "p.jsonl", "a.b=1"], "minimal pairs have no settings"),
    (["m", "--yardsticks", "cloze", "--budget", "5 steps"], "this budget must be a time"),
    (["m", "--yardsticks", "cloze", "--budget", "soon"], "this budget must be a time"),
    (["m", "--yardsticks", "cloz"], "kind: must be one of bits_per_byte, cloze"),
    (["m", "--yardsticks", "cloze", "clozes.words=3"], "a setting must be of a yardstick that is measured (cloze)"),
    (["m", "--yardsticks", "cloze", "cloze=3"], "settings of a yardstick are written cloze.NAME=VALUE"),
    (["m", "--yardsticks", "cloze"], "yardstick 'cloze' needs held-out texts"),
    (["m", "--yardsticks", "all"], "a yardstick needs something to measure on"),
    (["m", "--yardsticks", "linear_probe"], "yardstick 'linear_probe' needs a labelled set"),
])  # fmt: skip
def test_what_is_refused(words, must):
    answer = CliRunner().invoke(app, ["evaluate", *words])
    assert isinstance(answer.exception, TelosError), answer.output
    assert str(answer.exception).startswith(must)


def test_one_that_does_not_apply_is_an_error(model, tmp_path):
    (tmp_path / "set.jsonl").write_text('{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}')
    with pytest.raises(TelosError, match="yardstick 'linear_probe' must apply to the model"):
        run.measure(model, ["linear_probe"], labelled=tmp_path / "set.jsonl")


def test_texts_that_are_none(model, tmp_path):
    (tmp_path / "empty.txt").write_text(" \n")
    with pytest.raises(TelosError, match="held-out texts must have at least one character"):
        run.measure(model, ["cloze"], texts=tmp_path / "empty.txt")
