"""Training runs as processes that a test can kill."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from telos.foundation.document import Document
from telos.tokens.store import TokenStore
from telos.tokens.tokenizers.byte import Byte

TEXTS = [
    f"{i}: the quick brown fox jumps over the lazy dog {i} times. 春眠不觉晓，处处闻啼鸟；夜来风雨声，花落知多少。"
    for i in range(40)
]
STEPS, CHECKPOINT_EVERY = 30, 3


class Server:
    """Starts training in a folder; one run at a time."""

    def __init__(self, store: Path):
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [
            sys.executable,
            str(Path(__file__).with_name("training_server.py")),
            str(store),
            str(STEPS),
            str(CHECKPOINT_EVERY),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        assert self._answer() == ["ready"]

    def start(self, folder: Path) -> int:
        """Begin to train in ``folder``; the process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{folder}\n")
        self._process.stdin.flush()
        word, pid = self._answer()
        assert word == "started"
        return int(pid)

    def end(self) -> int:
        """Wait for the run that was started; its exit code, negative for a signal."""
        word, code = self._answer()
        assert word == "ended"
        return int(code)

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> list[str]:
        assert self._process.stdout is not None
        return self._process.stdout.readline().split()


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("faults") / "tokens"
    tokenizer = Byte().train(lambda: iter(TEXTS), 0)
    TokenStore.write(folder, (Document(f"{i:032x}", text, f"{i}.txt") for i, text in enumerate(TEXTS)), tokenizer)
    made = Server(folder)
    yield made
    made.close()
