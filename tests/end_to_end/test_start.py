"""How soon the command line answers, and that it needs no compiler."""

import signal
import statistics
import subprocess
import sys
import time


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - began


def test_help_answers_within_half_a_second():
    """Median of 5, in turn with an interpreter that does nothing: what the machine adds when it is loaded is not ours."""
    help_, nothing = [sys.executable, "-m", "telos.cli", "--help"], [sys.executable, "-c", "pass"]
    pairs = [(seconds(help_), seconds(nothing)) for _ in range(5)]
    ours, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    idle_bare = 0.03
    assert ours <= 0.5 * max(1.0, bare / idle_bare), f"{ours:.2f} s, where Python alone takes {bare:.3f} s"


def test_every_verb_has_help_with_an_example(telos):
    for verb in ("run", "train", "corpus build", "corpus inspect", "tokenizer train", "tokenizer inspect", "score", "generate",
                 "list", "explain", "doctor"):  # fmt: skip
        done = telos(*verb.split(), "--help")
        assert done.returncode == 0
        assert f"telos {verb}" in done.stdout, verb
        assert "Example" in done.stdout, verb


def test_without_a_compiler_it_trains_and_says_what_that_costs(telos, texts, tmp_path):
    """With a budget so long that compilation would pay on a machine that is busy, too; stopped as soon as it trains."""
    nowhere, out = tmp_path / "empty", tmp_path / "out"
    nowhere.mkdir()
    settings = [word for word in telos.small if not word.startswith("train.compile")]
    hidden = {"PATH": str(nowhere), "CXX": str(nowhere / "g++")}
    with telos.start("run", texts, "--budget", "10h", "--out", out, *settings, **hidden) as process:
        telos.wait_until(process, lambda: b'"loss"' in b"".join(p.read_bytes() for p in out.glob("metrics.jsonl")))
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=120)[1]
    lines = [line for line in said.splitlines() if "C++ compiler" in line]
    assert len(lines) == 1, said
    assert "uncompiled" in lines[0]
    assert "% fewer tokens" in lines[0]
    assert "Traceback" not in said
