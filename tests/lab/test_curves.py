"""Learning curves over compute, from what runs have recorded."""

import json
import math

import pytest

from telos.lab import curves
from telos.lab.entries import Entry
from telos.lab.folder import Folder
from telos.recipe import Run


def a_run(folder, name, seed, lines, flops=100.0):
    run = folder.run(name, seed)
    run.mkdir(parents=True)
    (run / "report.json").write_text(json.dumps({"parameters": 10, "cost": {"total_seconds": 2.0 * seed, "steps": 4}}))
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    folder.measured(name, seed).mkdir(parents=True)
    (folder.measured(name, seed) / "compute.json").write_text(json.dumps({"flops_per_step": flops}))


def lines(**figures):
    train = {"step": 1, "tokens": 64, "seconds": 0.5, "loss": 9.0}
    return [train, *({"step": s, "tokens": 64 * s, "seconds": s / 2, **{f"validation_{n}": v / s for n, v in figures.items()}}
                     for s in (2, 4))]  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    class Store:
        num_tokens, num_bytes = 30, 60

    monkeypatch.setattr(curves.TokenStore, "open", lambda path: Store())
    made = Folder(tmp_path)
    for name, seed in (("a", 1), ("a", 2), ("b", 1), ("b", 2)):
        a_run(
            made,
            name,
            seed,
            lines(nats_per_token=4.0, accuracy=0.4) if name == "a" else lines(accuracy=0.8, nats_per_hidden_token=3.0),
        )
    (made.run("a", 1) / "tokens" / "validation").mkdir(parents=True)
    return made


ENTRIES = [Entry("a", Run.parse({})), Entry("b", Run.parse({})), Entry("c", Run.parse({}))]


@pytest.mark.parametrize(("unit", "at"), [("seconds", [1, 2]), ("tokens", [128, 256]), ("FLOPs", [200, 400])])
def test_validation_over_the_budgets_unit(folder, unit, at):
    found = curves.curves(folder, ENTRIES, [1, 2], unit)
    assert set(found) == {"bits_per_byte", "accuracy"}  # nats per hidden token are b's alone
    (bits,) = found["bits_per_byte"]  # seed 2 has no validation text to turn nats to bits with
    assert (bits.name, bits.seed, bits.compute) == ("a", 1, at)
    assert bits.values == pytest.approx([2 / 2 / math.log(2), 1 / 2 / math.log(2)])
    assert [(one.name, one.seed) for one in found["accuracy"]] == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


def test_costs_are_means_over_seeds(folder):
    found = curves.costs(folder, "a", [1, 2])
    assert found == {"parameters": 10, "seconds": 3.0, "steps": 4, "FLOPs": 400}
