"""Progress on standard error, plain where there is no terminal."""

import io
import sys

import pytest

from telos.foundation import progress as module
from telos.foundation.progress import progress, say


@pytest.fixture
def clock(monkeypatch):
    """Time that a test moves."""
    now = [100.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    return now


def test_without_a_terminal_a_line_every_ten_seconds(capsys, clock):
    with progress("train", 100, "steps") as advance:
        for _ in range(50):
            clock[0] += 1
            advance(1, "loss 2.5")
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == "train: 10% 1 steps/s, 1m 30s left loss 2.5"
    assert lines[-2] == "train: 50% 1 steps/s, 50s left loss 2.5"
    assert lines[-1] == "train: done in 50s"
    assert len(lines) == 6


def test_work_of_unknown_or_exceeded_size_shows_its_rate(capsys, clock):
    with progress("读", None, "bytes") as advance:
        clock[0] += 20
        advance(5_000_000)
    with progress("over", 10, "rows") as advance:
        clock[0] += 20
        advance(20)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["读: 250k bytes/s", "读: done in 20s", "over: 200% 1 rows/s", "over: done in 20s"]


def test_quick_work_says_nothing(capsys):
    with progress("quick", 3, "rows") as advance:
        advance()
    assert capsys.readouterr().err == ""


def test_an_error_goes_through_and_is_not_called_done(capsys):
    with pytest.raises(KeyError), progress("broken", 3, "rows"):
        raise KeyError
    assert "done" not in capsys.readouterr().err


def test_a_terminal_gets_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress("训练", 4, "steps") as advance:
        advance(4, "loss 1.25")
    shown = screen.getvalue()
    assert "训练" in shown
    assert "100%" in shown
    assert "steps/s" in shown
    assert "loss 1.25" in shown


def test_people_are_told_on_standard_error(capsys):
    say("你好")
    assert capsys.readouterr() == ("", "你好\n")
