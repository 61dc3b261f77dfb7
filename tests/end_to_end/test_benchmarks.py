"""The benchmarks' own arithmetic: the reference recipe's schedule and figure, and what a comparison says."""

import importlib.util
import math
import sys

import numpy as np
import pytest
import torch

from telos.evaluate.likelihood import Likelihood


@pytest.fixture(scope="module")
def load(root):
    def by_name(name):
        spec = importlib.util.spec_from_file_location(name, root / f"benchmarks/{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return by_name


@pytest.fixture(scope="module")
def reference(load):
    return load("reference_shakespeare")


def test_the_reference_schedule(reference):
    """Rises over 100 steps to 1e-3, is half-way at the middle of the cosine, ends at 1e-4."""
    rates = [reference.learning_rate(step) for step in range(2000)]
    assert rates[0] == pytest.approx(1e-3 / 101)
    assert max(rates) == rates[100] == pytest.approx(1e-3)
    assert rates[1050] == pytest.approx(5.5e-4)
    assert rates[-1] == pytest.approx(1e-4, rel=1e-3)


def test_the_reference_reads_nine_tenths(reference, tmp_path):
    text = "春眠不觉晓，处处闻啼鸟。\n夜来风雨声，花落知多少。\n" * 5
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    training, validation, size = reference.read(tmp_path / "a.txt")
    assert (len(training), len(training) + len(validation)) == (int(0.9 * len(text)), len(text))
    assert size == len(set(text))


def test_the_reference_network_is_the_published_one(reference):
    network, optimizer = reference.build(65)
    assert sum(p.numel() for p in network.parameters()) == 65 * 128 + 64 * 128 + 4 * (12 * 128**2 + 13 * 128) + 2 * 128
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]
    assert all(group["betas"] == (0.9, 0.99) for group in optimizer.param_groups)
    dropouts = [module.p for module in network.modules() if isinstance(module, torch.nn.Dropout)]
    assert dropouts == [0.0] * len(dropouts)


def test_the_reference_scores_every_character_once(reference):
    """A network that knows nothing gives log V, whatever the length; one window more or less would not show, a weight would."""

    class Known(torch.nn.Module):
        def forward(self, ids):
            logits = torch.zeros(*ids.shape, 5)
            logits[..., 0] = math.log(4.0)  # p(0) = 1/2, the others 1/8
            return type("Out", (), {"logits": logits})

    for length in (65, 129, 200, 64 * 300 + 7):
        ids = torch.zeros(length, dtype=torch.int64)
        ids[-1] = 3  # in the last, short window
        wanted = ((length - 2) * math.log(2) + math.log(8)) / (length - 1)
        assert reference.validate(Known(), ids) == pytest.approx(wanted, rel=1e-5)


def test_the_reference_learns(reference):
    torch.manual_seed(1)
    network, optimizer = reference.build(4)
    ids = torch.arange(4000) % 4
    reference.train(network, optimizer, ids, steps=20, seed=1)
    assert reference.validate(network, ids[:650]) < 0.7 * math.log(4)


def test_a_comparison(load):
    bench = load("bench_shakespeare")
    peer = [{"seconds": 100.0, "nats_per_char": 1.89}, {"seconds": 120.0, "nats_per_char": 1.88}]
    good = bench.compare({"ours": [{"seconds": 20.0, "nats_per_char": 1.88}] * 2, "peer": peer})
    assert good["ratio_seconds"] == pytest.approx(20 / 110, abs=1e-4)
    assert good["within_target"]
    slow = bench.compare({"ours": [{"seconds": 30.0, "nats_per_char": 1.88}] * 2, "peer": peer})
    poor = bench.compare({"ours": [{"seconds": 20.0, "nats_per_char": n} for n in (1.87, 1.89)], "peer": peer})
    assert not slow["within_target"]
    assert not poor["within_target"]


def test_a_comparison_of_recurrent_speed(load):
    """Medians over runs; the share of what the products alone would take."""
    found = load("bench_recurrent").compare([900.0, 1200.0, 1000.0], [300.0, 250.0, 240.0], 1250.0)
    assert (found["tokens_per_second"], found["peer_tokens_per_second"]) == (1000, 250)
    assert (found["ratio"], found["share_of_limit"]) == (4.0, 0.8)


def test_a_comparison_of_names(load):
    """Nats per character, the end counted: a model that needs a tenth of a nat less for each of 200 names of 4 letters."""
    names = load("bench_names")
    sizes, edges = np.tile([1, 1, 1, 1, 0], 200), np.arange(0, 801, 4)
    other = np.random.default_rng(1).uniform(1, 3, 1000)
    found = names.compared(*(Likelihood.of(nll, sizes, edges) for nll in (other - 0.1, other)))
    assert found["nats_per_character"] == pytest.approx(other.mean() - 0.1)
    assert found["difference"] == pytest.approx(-0.1)
    assert found["difference_ci95"] == pytest.approx([-0.1, -0.1])
    assert found["verdict"] == "better"
    row = {"family": "gru", "parameters": 1234, "seconds": 2.0} | found
    assert "| gru |" in names.table([row])
    assert "| -0.100 | -0.100 to -0.100 | 1,234 | 2 |" in names.table([row])


def test_families_that_no_benchmark_has_are_refused(load, capsys):
    assert [load(f"bench_{name}").main(["lstn"]) for name in ("names", "scan")] == [2, 2]
    assert capsys.readouterr().err.count("found: lstn") == 2


def test_scan_becomes_a_table(load):
    lines = ["IN: jump twice OUT: I_JUMP I_JUMP", "IN: walk OUT: I_WALK"]
    assert load("bench_scan").table(lines) == "text\ttarget\njump twice\tI_JUMP I_JUMP\nwalk\tI_WALK\n"


def test_an_unknown_benchmark_is_refused(root):
    import subprocess

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "shakspeare"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "shakespeare" in done.stderr
    assert "found: shakspeare" in done.stderr


def test_web_like_documents_are_pieces_of_their_texts(load):
    bench = load("web_documents")
    text = "\n".join(f"Line {n} of a text, 第 {n} 行。" for n in range(3000))
    made = list(bench.pieces(text, "a"))
    assert made == list(bench.pieces(text, "a")) != list(bench.pieces(text, "b"))
    assert text.replace("\n", "").startswith("".join(made).replace("\n", "")[:5000])
    assert all(piece in text and len(piece) <= bench.MOST_BYTES for piece in made)
    lengths = sorted(bench.length_of(bench.number_of(str(n))) for n in range(2001))
    assert lengths[1000] == pytest.approx(bench.MEDIAN_BYTES, rel=0.1)
