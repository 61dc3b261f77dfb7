"""What the machine is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from telos.foundation import machine


def quota(monkeypatch, **files: str) -> None:
    """Let the container's limits be these."""
    monkeypatch.setattr(machine, "_first_words", lambda path: files.get(path.rpartition("/")[2].replace(".", "_"), "").split())


@pytest.mark.parametrize(
    ("text", "cores"), [("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("", 8), ("900000 100000", 8)]
)
def test_cores_are_those_that_may_be_used(monkeypatch, text, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    quota(monkeypatch, cpu_max=text)
    assert machine.cores() == cores


def test_memory_is_the_containers_where_that_is_less(monkeypatch):
    quota(monkeypatch)
    whole = machine.memory_bytes()
    assert whole > 2**28
    for text, wanted in (("max", whole), (str(2**28), 2**28), (str(2**60), whole)):
        quota(monkeypatch, memory_max=text)
        assert machine.memory_bytes() == wanted


def test_peak_memory_grows_with_what_is_held():
    code = """
from telos.foundation.machine import peak_memory_bytes
before = peak_memory_bytes()
held = b"x" * 300_000_000
print(before, peak_memory_bytes() - before)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, grown = map(int, found.stdout.split())
    assert 5e6 < before < 100e6, "a fresh process is small, however large the one that started it"
    assert 299e6 < grown < 350e6


def test_a_process_knows_when_it_started():
    """Within a tenth of a second, though the module is imported half a second later."""
    code = "import time; time.sleep(0.5); from telos.foundation.machine import process_started; print(process_started())"
    before = time.time()
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert before - 0.1 < float(found.stdout) < before + 0.4


def test_a_container_that_has_its_own_uptime_does_not_move_the_start(monkeypatch):
    """As LXC's: /proc/uptime counts from its start, /proc/self/stat from the machine's."""
    began, read = machine.process_started(), Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path: "1.0 1.0\n" if str(path) == "/proc/uptime" else read(path))
    assert machine.process_started() == pytest.approx(began, abs=0.1)
    assert began < time.time()


def test_facts_can_be_written_down():
    facts = machine.describe()
    assert facts["cores"] == machine.cores()
    assert facts["processor"]
    assert orjson.loads(orjson.dumps(facts)) == facts


def test_instructions_are_read_from_the_processors_flags(monkeypatch):
    monkeypatch.setattr(machine, "_cpuinfo", {"flags": "fpu sse2 avx2 amx_tile avx512f", "Features": ""}.get)
    assert machine.instructions() == ["avx2", "avx512f", "amx_tile"]
    monkeypatch.setattr(machine, "_cpuinfo", {"flags": "", "Features": "fp asimd bf16"}.get)
    assert machine.instructions() == ["asimd", "bf16"]


def test_a_named_compiler_that_is_not_there_is_none(monkeypatch):
    machine.compiler.cache_clear()
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert machine.compiler() is None
    machine.compiler.cache_clear()
    monkeypatch.setenv("CXX", sys.executable)
    assert machine.compiler() == sys.executable
    machine.compiler.cache_clear()


def test_the_matrix_rate_is_a_rate():
    """Above 0.1 and below 1,000 GFLOP/s for a small product on any processor, and the work asked for is the work counted."""
    assert 1e8 < machine.matrix_rate("float32", seconds=0.02, size=(256, 256, 256)) < 1e13


def test_processor_time_counts_children_and_theirs():
    busy = "import time; t = time.process_time()\nwhile time.process_time() - t < {}: pass\n"
    inner = [sys.executable, "-c", busy.format(0.5) + "time.sleep(60)"]
    code = f"import subprocess; subprocess.Popen({inner!r})\n" + busy.format(0.3) + "print('now', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"now\n"
            until = time.monotonic() + 60
            while (machine.processor_seconds(process.pid) or 0) < 0.8 and time.monotonic() < until:
                time.sleep(0.05)
            assert 0.8 <= (machine.processor_seconds(process.pid) or 0) < 3
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    assert machine.processor_seconds(process.pid) is None
