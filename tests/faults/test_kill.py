"""A training run killed at any moment and resumed has the bits of one that was not.

Prints the seed of its moments; TELOS_FAULT_SEED=… replays them.
"""

import contextlib
import os
import random
import secrets
import signal
import time

import pytest
import torch
from safetensors.torch import load_file

from telos.foundation.record import read

STEPS = 30
SEED = int(os.environ.get("TELOS_FAULT_SEED", secrets.randbelow(10**6)))
EXACT = ("step", "loss", "nats_per_token", "gradient_norm", "learning_rate_scale", "tokens")


def facts(folder):
    """Every step's exact numbers, and the final weights and moments."""
    lines = [tuple(line[name] for name in EXACT) for line in read(folder / "metrics.jsonl")]
    last = folder / "checkpoints" / f"step-{STEPS}"
    return lines, load_file(last / "model.safetensors") | load_file(last / "optimizer.safetensors")


@pytest.fixture(scope="module")
def unbroken(server, tmp_path_factory):
    """(seconds of a step with its share of saving, lines, tensors) of a run that nobody disturbs."""
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    began = time.perf_counter()
    server.start(folder)
    assert server.end() == 0
    lines, tensors = facts(folder)
    assert [line[0] for line in lines] == list(range(1, STEPS + 1))
    assert lines[-1][1] < 0.8 * lines[0][1], "it learns, so equality means something"
    return (time.perf_counter() - began) / STEPS, lines, tensors


def same_bits(folder, unbroken):
    lines, tensors = facts(folder)
    return (
        lines == unbroken[1]
        and set(tensors) == set(unbroken[2])
        and all(torch.equal(tensors[n], unbroken[2][n]) for n in tensors)
    )


def lines_of(folder):
    path = folder / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill_at(server, folder, moment, step_seconds, number=signal.SIGKILL):
    """Start, and send the signal at a moment that is counted in steps: 7.25 is a quarter of a step's time after the seventh
    line of the record, somewhere in the eighth step or in a save.  The exit code."""
    pid = server.start(folder)
    deadline = time.monotonic() + 60
    while lines_of(folder) < int(moment) and time.monotonic() < deadline:
        time.sleep(0.0005)
    time.sleep(moment % 1 * step_seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
    return server.end()


def test_killed_at_ten_random_moments(server, unbroken, tmp_path):
    print(f"TELOS_FAULT_SEED={SEED}")
    draw, killed, equal = random.Random(SEED), 0, 0
    for place in range(10):
        # One moment in each tenth of the run, so that no part of it is left out.
        code = kill_at(server, tmp_path / str(place), (place + draw.random()) / 10 * (STEPS - 1), unbroken[0])
        killed += code == -signal.SIGKILL
        server.start(tmp_path / str(place))
        assert server.end() == 0
        equal += same_bits(tmp_path / str(place), unbroken)
    assert equal == 10, f"{equal} of 10 bit-identical"
    assert killed == 10, f"only {killed} of 10 died by the signal: the moments miss the run"


def test_killed_again_and_again_until_it_is_done(server, unbroken, tmp_path):
    """One run, killed at each of five moments, each start going on from what the last one left."""
    print(f"TELOS_FAULT_SEED={SEED}")
    draw = random.Random(SEED + 1)
    for moment in (4, 9, 10, 18, 26):
        assert kill_at(server, tmp_path / "run", moment + draw.random(), unbroken[0]) == -signal.SIGKILL
    server.start(tmp_path / "run")
    assert server.end() == 0
    assert same_bits(tmp_path / "run", unbroken)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_at_the_step_and_the_bits_go_on(server, unbroken, tmp_path, number, code):
    folder = tmp_path / "run"
    assert kill_at(server, folder, 16.5, unbroken[0], number) == code
    lines = list(read(folder / "metrics.jsonl"))
    stopped = lines[-1]["step"]
    assert 16 <= stopped < STEPS
    assert (folder / "checkpoints" / f"step-{stopped}" / "manifest.json").exists()
    server.start(folder)
    assert server.end() == 0
    assert same_bits(folder, unbroken)


def test_a_flipped_bit_after_a_kill_costs_one_checkpoint(server, unbroken, tmp_path):
    folder = tmp_path / "run"
    assert kill_at(server, folder, 22.5, unbroken[0]) == -signal.SIGKILL
    saved = sorted((folder / "checkpoints").glob("step-*"), key=lambda p: int(p.name[5:]))
    assert len(saved) == 2
    file = saved[-1] / "optimizer.safetensors"
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    server.start(folder)
    assert server.end() == 0
    assert (folder / "checkpoints" / f"damaged-{saved[-1].name}").exists()
    assert same_bits(folder, unbroken)
