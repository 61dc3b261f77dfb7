"""Commands as a person types them: in a process of its own, without a network, on English and Chinese text made on the spot."""

import functools
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Finished = subprocess.CompletedProcess[str]

SMALL = ["model.num_layers=1", "model.hidden_size=32", "model.num_heads=2", "model.context_length=64", "tokenizer.vocab_size=400",
         "train.batch_tokens=512", "train.compile=false"]  # fmt: skip
"""Settings with which a run takes seconds."""

NO_NETWORK = """
import os, socket
def _refuse(*arguments, **named):
    with open(os.environ["NETWORK_ATTEMPTS"], "a") as file:
        file.write(repr(arguments[:2]) + "\\n")
    raise OSError("there is no network")
def _refuse_unless_local(self, address):
    if self.family == socket.AF_UNIX:
        return _connect(self, address)
    return _refuse(self, address)
_connect, socket.socket.connect, socket.socket.connect_ex = socket.socket.connect, _refuse_unless_local, _refuse_unless_local
socket.getaddrinfo = socket.gethostbyname = socket.gethostbyname_ex = socket.create_connection = _refuse
"""
"""A sitecustomize.py that makes every connection and name look-up fail, and keeps a note of each."""


@functools.cache
def can_unshare() -> bool:
    """Whether this machine lets us start processes that have no network at all."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file in which commands note each attempt to use the network; beside it lies their sitecustomize.py."""
    folder = tmp_path_factory.mktemp("no-network")
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    return folder / "attempts.txt"


@pytest.fixture(scope="session")
def environment(attempts: Path) -> dict[str, str]:
    """A user's environment: none of the switches that the tests' own process has set."""
    ours = ("DO_NOT_TRACK", "RAY_USAGE_STATS_ENABLED", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "MPLBACKEND")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"PYTHONPATH": str(attempts.parent), "NETWORK_ATTEMPTS": str(attempts), "OMP_NUM_THREADS": "1"}


class Command:
    """`telos` as a person calls it.  ``small``: settings with which a run takes seconds."""

    small = SMALL

    def __init__(self, environment: dict[str, str]):
        self.environment = environment
        # By its full path, so that a test can hide all programs.
        self.prefix = [shutil.which("unshare"), "-rn"] if can_unshare() else []

    def arguments(self, *words: object) -> list[str]:
        return [*self.prefix, sys.executable, "-m", "telos.cli", *map(str, words)]

    def __call__(self, *words: object, timeout_seconds: float = 300, **extra: str) -> Finished:
        """The finished process; ``extra`` is laid over its environment."""
        return subprocess.run(self.arguments(*words), env=self.environment | extra, capture_output=True, text=True,
                              timeout=timeout_seconds, check=False)  # fmt: skip

    def start(self, *words: object, **extra: str) -> subprocess.Popen[str]:
        """The running process, its output in pipes."""
        return subprocess.Popen(self.arguments(*words), env=self.environment | extra, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip

    @staticmethod
    def wait_until(process: subprocess.Popen[str], condition: Callable[[], bool], seconds: float = 180) -> None:
        """Wait for something that a running process will do."""
        until = time.monotonic() + seconds
        while not condition():
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                raise AssertionError(f"it did not come to that; exit code {process.poll()}:\n{process.communicate()[1][-3000:]}")
            time.sleep(0.02)

    def answer(self, *words: object, **extra: str) -> dict:
        """The JSON object on the last line of standard output of a command that succeeds."""
        done = self(*words, "--json", **extra)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    def refuses(self, *words: object, **extra: str) -> tuple[str, str, str]:
        """(must, found, fix) of a command that the user can mend: exit code 2, three lines, no traceback."""
        done = self(*words, **extra)
        assert done.returncode == 2, (done.returncode, done.stdout[-1000:], done.stderr[-3000:])
        match = re.search(r"^error: (.+)\n  found: (.+)\n  to do: (.+)\n\Z", done.stderr, re.MULTILINE)
        assert match is not None, done.stderr[-3000:]
        assert "Traceback" not in done.stderr
        return match[1], match[2], match[3]


@pytest.fixture(scope="session")
def telos(environment: dict[str, str]) -> Command:
    """``telos("run", folder)``; see `Command`."""
    return Command(environment)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[object, str, str]]:
    """``call("score", …)``: (exit code, standard output, standard error) of a command in this process."""

    def command(*words: object) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["telos", *map(str, words)])
        from telos import cli

        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return command


SENTENCES = {
    "en": (["The old sailor", "A quiet engineer", "My neighbour's cat", "The youngest judge", "An honest merchant"],
           ["carried", "measured", "remembered", "repaired", "sold"],
           ["a wooden lamp", "the northern bridge", "three letters", "his grandmother's clock", "every map of the river"],
           ["before the rain began.", "while the others slept.", "for nobody in particular.", "without saying a word."]),
    "zh": (["老船长", "那位安静的工程师", "邻居家的猫", "年轻的法官", "诚实的商人"],
           ["搬走了", "仔细量过", "一直记得", "修好了", "卖掉了"],
           ["一盏木灯", "北边的石桥", "三封旧信", "祖母留下的钟", "整条河的地图"],
           ["，那时雨还没有下。", "，别人都在睡觉。", "，并不为了谁。", "，一句话也没说。"]),
}  # fmt: skip


def a_story(language: str, number: int, sentences: int = 16) -> str:
    """A document of sentences drawn from four lists; another number, another document."""
    rng = np.random.default_rng([number, len(language), ord(language[0])])
    gap = " " if language == "en" else ""
    return gap.join(gap.join(rng.choice(part) for part in SENTENCES[language]) for _ in range(sentences)) + "\n"


@pytest.fixture(scope="session")
def made_up() -> Callable[..., str]:
    """``made_up("zh", 7)``: a made-up document in a language."""
    return a_story


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as people have it: text, Markdown, JSON Lines and compressed files, English and Chinese."""
    folder = tmp_path_factory.mktemp("texts")
    for number in range(60):
        (folder / f"story-{number}.txt").write_text(a_story("en", number), encoding="utf-8")
        (folder / f"故事-{number}.md").write_text(a_story("zh", number), encoding="utf-8")
    lines = [json.dumps({"text": a_story(language, 100 + n)}, ensure_ascii=False) for n in range(40) for language in ("en", "zh")]
    (folder / "more.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
    return folder


@pytest.fixture(scope="session")
def finished(telos: Command, texts: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A whole `telos run` on those texts: (its folder, the JSON object that it printed)."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    return out, telos.answer("run", texts, "--budget", "60 steps", "--out", out, *SMALL)
