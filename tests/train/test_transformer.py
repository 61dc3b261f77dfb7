"""The real Transformer under the loop: it learns Chinese and English, resumes to the bit, and trains compiled."""

import math
import os
import signal

import pytest
import torch
from safetensors.torch import load_file

from telos.foundation.machine import compiler
from telos.foundation.record import read
from telos.models.stacks.network import TransformerNetwork
from telos.models.transformer import Transformer

SPEC = Transformer(num_layers=2, hidden_size=32, num_heads=2, context_length=24)


@pytest.fixture(autouse=True)
def _as_before():
    yield
    torch.compiler.set_stance("default")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_it_learns(run, tokenizer, tmp_path, precision):
    network = SPEC.build(tokenizer.vocabulary)
    run(tmp_path / "a", network, budget="60 steps", precision=precision, batch_tokens=192)
    lines = list(read(tmp_path / "a" / "metrics.jsonl"))
    assert lines[0]["nats_per_token"] == pytest.approx(math.log(tokenizer.vocabulary.size), abs=0.02)
    assert lines[-1]["nats_per_token"] < 2.0
    assert all(parameter.dtype is torch.float32 for parameter in network.parameters())


def test_going_on_gives_the_same_bits_in_bf16(run, tokenizer, tmp_path):
    def stop(network):
        os.kill(os.getpid(), signal.SIGTERM)
        return {}

    settings = {"precision": "bf16", "micro_batch_tokens": 48}
    whole = run(tmp_path / "a", SPEC.build(tokenizer.vocabulary), **settings)
    run(tmp_path / "b", SPEC.build(tokenizer.vocabulary), evaluate=stop, evaluate_every="7 steps", **settings)
    resumed = run(tmp_path / "b", SPEC.build(tokenizer.vocabulary, seed=9), **settings)
    first, second = (load_file(outcome.checkpoint / "model.safetensors") for outcome in (whole, resumed))
    assert resumed.resumed_from == 7
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_attention_kernel_is_measured_once_and_recorded(run, tokenizer, tmp_path, monkeypatch):
    asked = []

    def choose(self, rows, length, compiled):
        asked.append((rows, length, compiled))
        return "fused"

    monkeypatch.setattr(TransformerNetwork, "choose_attention", choose)
    first, second = (SPEC.build(tokenizer.vocabulary) for _ in range(2))
    outcome = run(tmp_path / "a", first, budget="3 steps", micro_batch_tokens=48)
    again = run(tmp_path / "a", second, budget="6 steps", micro_batch_tokens=48)
    assert (outcome.choices["attention"], again.choices["attention"]) == ("fused", "fused")
    assert asked == [(2, 24, False)]
    assert {block.self_attn.kernel for block in second.model.layers} == {"fused"}


@pytest.mark.long
@pytest.mark.skipif(compiler() is None, reason="no C++ compiler on this machine")
@pytest.mark.filterwarnings("ignore")  # torch's tracer warns of its own doings, and takes the error for a failure
def test_compiled_it_gives_the_same_losses(run, tokenizer, tmp_path):
    plain = run(tmp_path / "a", SPEC.build(tokenizer.vocabulary), compile=False)
    compiled = run(tmp_path / "b", SPEC.build(tokenizer.vocabulary), compile=True)
    assert compiled.choices["compile"] is True
    assert compiled.choices["facts"]["compile_seconds"] > 0.5
    losses = [[line["loss"] for line in read(tmp_path / name / "metrics.jsonl")] for name in "ab"]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert compiled.loss == pytest.approx(plain.loss, rel=1e-4)
