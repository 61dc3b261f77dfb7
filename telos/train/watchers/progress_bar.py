"""Tokens a second, loss and time left, on standard error: a bar in a terminal, a line every few seconds elsewhere."""

import contextlib
from typing import Any

from telos.foundation.progress import Advance, progress
from telos.optim.schedules import Progress
from telos.train.watchers import Start, Watcher, Watching


class ProgressBar(Watcher):
    """Show how far training is."""

    def open(self, start: Start) -> "Bar":
        return Bar(start)


class Bar(Watching):
    """The open bar; it counts the tokens of this process and expects as many more as the budget has left."""

    def __init__(self, start: Start):
        self._begun_tokens = self._tokens = start.progress.tokens
        self._begun_fraction = start.progress.fraction
        self._stack = contextlib.ExitStack()
        what = f"training from step {start.step}" if start.step else "training"
        self._advance: Advance = self._stack.enter_context(progress(what, None, "tokens", ended="ended after"))

    def step(self, values: dict[str, Any], progress: Progress) -> None:
        shown = values.get("nats_per_token", values["loss"])
        share = (progress.fraction - self._begun_fraction) / max(1e-9, 1 - self._begun_fraction)
        total = (progress.tokens - self._begun_tokens) / share if share > 0 else None
        self._advance(progress.tokens - self._tokens, note=f"step {values['step']} loss {shown:.3f}", total=total)
        self._tokens = progress.tokens

    def close(self) -> None:
        self._stack.close()
