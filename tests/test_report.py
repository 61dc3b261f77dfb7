"""The facts that a report is made of."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from telos import report
from telos.evaluate.likelihood import Likelihood
from telos.models.transformer import Transformer
from telos.tokens.tokenizers.byte import Byte

TEXT = "In 春眠不觉晓，处处闻啼鸟。"


@pytest.mark.parametrize("context_length", [1, 2, 3, 4, 5, 16, 256])
def test_a_model_of_any_context_draws_its_samples(context_length):
    tokenizer = Byte().train(lambda: iter([TEXT]), 0)
    network = Transformer(num_layers=0, hidden_size=4, num_heads=1, context_length=context_length).build(tokenizer.vocabulary)
    tokens = np.append(tokenizer.encode(TEXT), tokenizer.vocabulary.end_of_text).astype(np.int64)
    recipe = SimpleNamespace(evaluate=SimpleNamespace(samples=3, sample_tokens=10), training=SimpleNamespace(seed=1))
    found = report._samples(recipe, SimpleNamespace(tokenizer=tokenizer), SimpleNamespace(tokens=np.tile(tokens, 2)),
                            SimpleNamespace(model=network))  # fmt: skip
    assert len(found) == (3 if context_length >= 4 else 1), "without room for a prompt, only the text of its own"
    assert all(TEXT.startswith(sample["prompt"]) for sample in found)
    assert found[0]["prompt"] == TEXT.encode()[: min(12, context_length // 4)].decode(errors="ignore")
    assert found[-1]["prompt"] == ""


def test_blocks_of_one_length_are_one_row_of_the_table():
    held = SimpleNamespace(unit_kind="blocks of text")
    equal = Likelihood(np.ones(9), np.full(9, 2048.0), np.ones(9))
    assert report._by_length(held, equal)["rows"] == [["2.05 kB", 9, f"{1 / np.log(2) / 2048:.3f}"]]
    mixed = Likelihood(np.ones(9), np.arange(1.0, 10), np.ones(9))
    assert [row[:2] for row in report._by_length(held, mixed)["rows"]] == [
        ["1 B to 3 B", 3],
        ["4 B to 6 B", 3],
        ["7 B to 9 B", 3],
    ]


LINE = {"step": 1, "tokens": 10, "seconds": 0.5, "learning_rate_scale": 1.0, "loss": 0.7}
VALIDATED = {"step": 1, "tokens": 10, "seconds": 0.5}
AXES = {"steps": [1], "tokens": [10], "seconds": [0.5]}


@pytest.mark.parametrize(
    ("trained", "validated", "train", "validation"),
    [
        ({"nats_per_token": 0.7}, {"nats_per_token": 0.8}, {"nats_per_token": [0.7]}, {"nats_per_token": [0.8]}),
        ({"nats_per_token": 0.7}, {}, {"nats_per_token": [0.7]}, None),
        ({"loss_nats_per_label": 0.7, "accuracy": 0.5}, {"accuracy": 0.4, "nats_per_label": 0.8},
         {"accuracy": [0.5], "nats_per_label": [0.7]}, {"accuracy": [0.4], "nats_per_label": [0.8]}),
        ({"nats_per_token": 0.7}, {"nats_per_target_token": 0.8}, {"nats_per_target_token": [0.7]},
         {"nats_per_target_token": [0.8]}),
        ({"loss_other": 0.7}, {"accuracy": 0.4}, None, {"accuracy": [0.4]}),
    ],
)  # fmt: skip
def test_curves_of_whatever_was_validated(tmp_path, trained, validated, train, validation):
    lines = [LINE | trained] + ([VALIDATED | {f"validation_{n}": v for n, v in validated.items()}] if validated else [])
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    wanted = {"train": train and AXES | train | {"learning_rate_scale": [1.0]}, "validation": validation and AXES | validation}
    assert report._curves(path) == {name: curve for name, curve in wanted.items() if curve}


def test_a_file_in_another_encoding_was_read_and_not_repaired():
    def told(**encodings):
        return report._repaired([{"source": f"{name}.txt", "encoding": encoding} for name, encoding in encodings.items()])

    assert told(旧="gb18030") == "1 file was read as gb18030 (旧.txt)."
    assert told(a="utf-8 with 1 damaged place", b="gb18030", c="utf-8 with 3 damaged places", d="cp1252", e="gb18030") == (
        "1 file was read as cp1252 (d.txt); 2 files were read as gb18030 (b.txt, e.txt); "
        "2 files were UTF-8 with damaged places, which � stands for (a.txt, c.txt)."
    )
    assert told(**dict.fromkeys("abcd", "cp1252")) == (
        "4 files were read as cp1252 (a.txt, b.txt, c.txt …). corpus.json names them all."
    )
