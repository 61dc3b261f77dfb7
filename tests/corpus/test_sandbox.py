"""The process that extraction runs in: whatever a document does to it, the reader gets an answer with a reason."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telos.corpus import sandbox
from telos.corpus.extract import Extract
from telos.corpus.sources import RawDocument
from telos.foundation.errors import TelosError

MISBEHAVING = """
import ctypes, os, signal, time
from telos.corpus.extractors import Refused
LIBRARIES = ()

def extract(data, request):
    word = data.decode()
    if word == "hang":
        while True: pass
    if word == "sleep": time.sleep(1000)
    if word == "abort": os.abort()
    if word == "segfault": ctypes.string_at(0)
    if word == "exit": os._exit(0)
    if word == "memory": return "x" * (1 << 33), {}
    if word == "grow":
        held = []
        while True: held.append(bytearray(1 << 20))
    if word == "killed": os.kill(os.getpid(), signal.SIGKILL)
    if word == "output": return "月" * (1 << 20), {}
    if word == "recursion": return extract(data, request)
    if word == "error": raise RuntimeError
    if word == "refused": raise Refused("encrypted")
    if word == "nothing": return " \\n", {}
    if word == "print":
        print("noise", flush=True); os.write(1, b"noise"); os.write(2, b"noise")
    if word == "write":
        with open("written-by-a-document", "wb") as file: file.write(b"x")
    if word == "surrogate": return "a\\ud83d\\ude00b\\ud83d", {}
    if word == "once": word = str(once.pop())
    return word, {"title": "t" * 5000, "empty": ""}
once = [1]
"""

LIMITS = Extract(deadline_seconds=0.5, memory_mb=256, output_mb=1)


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RawDocument]]:
    """``ask("hang")``: the document that comes of a misbehaving extractor."""
    (tmp_path / "misbehaving.py").write_text(MISBEHAVING)
    (tmp_path / "no_library.py").write_text("LIBRARIES = ('no_such_library',)")
    (tmp_path / "broken_library.py").write_text("LIBRARIES = ('broken',)")
    (tmp_path / "broken.py").write_text("raise ImportError('half of it is\\nmissing')")
    more = (
        f"import telos.corpus.extractors as e; e.__path__.append({str(tmp_path)!r}); sys.path.append({str(tmp_path)!r}); main()"
    )
    monkeypatch.setattr(sandbox, "_START", sandbox._START.replace("main()", more))
    monkeypatch.setattr(sandbox, "FEATURES", dict.fromkeys(("misbehaving", "no_library", "broken_library"), "reading it"))
    monkeypatch.chdir(tmp_path)
    sandbox.close()
    yield lambda word, limits=LIMITS, kind="misbehaving": sandbox.extracted(word.encode(), kind, limits)
    sandbox.close()


def test_text_and_metadata_come_back(ask: Callable) -> None:
    found = ask("床前明月光")
    assert (found.text, found.skipped, found.metadata) == ("床前明月光", None, {"title": "t" * 2000})


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("hang", "extraction_deadline"), ("memory", "extraction_memory"), ("grow", "extraction_memory"),
        ("killed", "extraction_memory"), ("abort", "extraction_crash"), ("segfault", "extraction_crash"),
        ("exit", "extraction_crash"), ("output", "extraction_output"), ("recursion", "extraction_failed"),
        ("error", "extraction_failed"), ("refused", "encrypted"), ("nothing", "no_text_found"), ("", "empty"),
        ("write", "extraction_failed"),
    ],
)  # fmt: skip
def test_each_fate_has_its_reason_and_the_next_document_is_read(ask: Callable, word: str, reason: str, tmp_path: Path) -> None:
    found = ask(word)
    assert (found.text, found.skipped, found.size_bytes) == ("", reason, len(word))
    assert ask("next").text == "next"
    assert not (tmp_path / "written-by-a-document").exists() or word == "write"
    if word == "write":
        assert (tmp_path / "written-by-a-document").stat().st_size == 0


def test_what_waits_for_nothing_is_ended_by_the_clock(ask: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_START_SECONDS", 5.0)
    ask("first")
    began = time.monotonic()
    assert ask("sleep").skipped == "extraction_deadline"
    assert time.monotonic() - began < 4
    assert ask("next").text == "next"


def test_the_deadline_counts_processor_time_so_that_a_stopped_process_loses_nothing(ask: Callable) -> None:
    """A process that the machine gives no time to is not late."""
    ask("first")
    process = sandbox._all[0].popen.pid
    os.kill(process, signal.SIGSTOP)
    threading.Timer(0.8, os.kill, (process, signal.SIGCONT)).start()
    assert ask("next").text == "next"


def test_noise_does_not_reach_the_protocol(ask: Callable) -> None:
    assert ask("print").text == "print"
    assert ask("surrogate").text == "a\U0001f600b\ufffd"


def test_a_large_document_goes_through_the_pipes(ask: Callable) -> None:
    text = "月光" * 3_000_000
    limits = Extract(memory_mb=512, input_mb=20, output_mb=20)
    assert ask(text, limits).text == text
    assert ask(text, Extract(input_mb=1)).skipped == "too_large"
    assert ask(text, Extract(output_mb=1)).skipped == "extraction_output"


def test_a_process_serves_many_and_is_replaced_when_it_dies(ask: Callable) -> None:
    ask("a")
    first = sandbox._all[0].popen.pid
    ask("b")
    ask("nothing")
    assert [p.popen.pid for p in sandbox._all] == [first]
    ask("abort")
    ask("c")
    assert [p.popen.pid for p in sandbox._all] != [first]
    assert len(sandbox._all) == 1
    os.kill(sandbox._all[0].popen.pid, signal.SIGKILL)
    assert ask("d").text == "d"


def test_a_fate_does_not_hang_on_what_came_before(ask: Callable, tmp_path: Path) -> None:
    """What fails in a used process is tried again in a new one."""
    (tmp_path / "misbehaving.py").write_text(MISBEHAVING.replace("str(once.pop())", "str(once.pop()) if once else os.abort()"))
    assert ask("once").text == "1"
    assert ask("once").text == "1"


def test_threads_have_a_process_each(ask: Callable) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda n=n: found.append(ask(f"{n}").text)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [f"{n}" for n in range(6)]
    assert 1 <= len(sandbox._all) <= 6


def test_a_copied_reader_starts_its_own(ask: Callable) -> None:
    ask("a")
    theirs = [p.popen.pid for p in sandbox._all]
    child = os.fork()
    if child == 0:
        try:
            fine = sandbox._all == [] and ask("b").text == "b" and [p.popen.pid for p in sandbox._all] != theirs
            sandbox.close()
        finally:
            os._exit(0 if fine else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert ask("c").text == "c"
    assert [p.popen.pid for p in sandbox._all] == theirs


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "sys.exit()", "time.sleep(0)", "1 / 0"])
def test_processes_end_with_their_reader(end: str) -> None:
    code = (
        "import os, sys, time\nfrom telos.corpus import sandbox\nfrom telos.corpus.extract import Extract\n"
        "sandbox.extracted(b'<html><body><p>moon</p></body></html>', 'html', Extract())\n"
        f"print(sandbox._all[0].popen.pid, flush=True)\n{end}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip
    process = int(done.stdout)
    until = time.monotonic() + 10
    while os.path.exists(f"/proc/{process}") and _state(process) != "Z" and time.monotonic() < until:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{process}") or _state(process) == "Z"


def _state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_a_missing_and_a_broken_library(ask: Callable) -> None:
    with pytest.raises(TelosError) as error:
        ask("x", kind="no_library")
    assert error.value.must == "reading it needs the Python package 'no_such_library'"
    assert error.value.found == "it is not installed"
    assert error.value.fix == "in the clone of Telos: pip install -c constraints.txt -e '.[corpus]'"
    with pytest.raises(TelosError) as error:
        ask("x", kind="broken_library")
    assert error.value.found == "it cannot be imported: half of it is missing"
    assert error.value.fix == "in the clone of Telos: pip install -c constraints.txt -e '.[corpus]'"
    assert ask("next").text == "next"
