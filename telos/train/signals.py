"""Stopping when asked: the first SIGINT or SIGTERM lets the step finish and be saved, a second one ends at once."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from telos.foundation.progress import say

EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143}
"""What a shell expects of a process that a signal ended: 128 + its number."""


class Signals:
    """While open, ``received`` names the signal that came, or is None.

    After the first signal both go back to the system's own action, so that a second ends the process even within a long matrix
    product.  On leaving, the handlers that were there before are back.  Outside the main thread nothing is caught.
    """

    def __init__(self) -> None:
        self.received: str | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            for name in EXIT_CODES:
                number = signal.Signals[name]
                self._before[number] = signal.signal(number, self._catch)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _catch(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number).name
        for each in self._before:
            signal.signal(each, signal.SIG_DFL)
        say(f"{self.received}: this step is finished and saved (a second signal ends at once)")
