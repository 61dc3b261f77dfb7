"""The family of watchers: what is told of training as it goes.  A watcher that fails never stops a run.

Tests: tests/train/test_watchers.py.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telos.foundation.progress import say
from telos.foundation.spec import Spec
from telos.optim.schedules import Progress


@dataclass(frozen=True, slots=True)
class Start:
    """What a watcher learns at the start: the run's folder, the step it goes on from (0: the beginning), progress there."""

    folder: Path
    step: int
    progress: Progress


class Watcher(Spec, family="telos.train.watchers", default="metrics_jsonl"):
    """Settings of a watcher; `open` gives a `Watching`."""

    def open(self, start: Start) -> "Watching":
        """Begin to watch."""
        raise NotImplementedError


class Watching:
    """What is told, each with plain numbers ready for JSON; the default is to ignore it."""

    def step(self, values: dict[str, Any], progress: Progress) -> None:
        """A logged step: step, loss, nats_per_token (where the objective has one), learning_rate_scale, tokens (drawn so far),
        seconds (of training so far), tokens_per_second, gradient_norm, and the objective's own metrics."""

    def validation(self, values: dict[str, Any]) -> None:
        """An evaluation: step, tokens, seconds, and the names that the evaluation gave, with ``validation_`` before them."""

    def close(self) -> None:
        """Training ended, in whatever way."""


class Watchers:
    """Several watchers as one; the first failure of each is said, and it is told nothing more."""

    def __init__(self, watchers: Sequence[Watcher], start: Start):
        self._live: dict[str, Watching] = {}
        for place, watcher in enumerate(watchers, start=1):
            name = f"{watcher.kind()} ({place})"
            with self._guard(name):
                self._live[name] = watcher.open(start)

    def step(self, values: dict[str, Any], progress: Progress) -> None:
        self._tell(lambda watching: watching.step(values, progress))

    def validation(self, values: dict[str, Any]) -> None:
        self._tell(lambda watching: watching.validation(values))

    def close(self) -> None:
        self._tell(lambda watching: watching.close())

    def _tell(self, call: Callable[[Watching], None]) -> None:
        for name, watching in list(self._live.items()):
            with self._guard(name):
                call(watching)

    @contextlib.contextmanager
    def _guard(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._live.pop(name, None)
            say(f"watcher {name} failed and is left out from here on: {type(error).__name__}: {error}")
