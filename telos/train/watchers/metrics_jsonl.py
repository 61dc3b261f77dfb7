"""metrics.jsonl in the run's folder: one line a logged step or evaluation, the truth for every page and plot."""

from typing import Any

from telos.foundation.record import Record
from telos.optim.schedules import Progress
from telos.train.watchers import Start, Watcher, Watching


class MetricsJsonl(Watcher):
    """Write every line to metrics.jsonl; on a resume the lines of steps that are done again are dropped first."""

    def open(self, start: Start) -> "Recording":
        record = Record(start.folder / "metrics.jsonl")
        record.keep(start.step)
        return Recording(record)


class Recording(Watching):
    """The open file."""

    def __init__(self, record: Record):
        self._record = record

    def step(self, values: dict[str, Any], progress: Progress) -> None:
        self._record.append(**values)

    def validation(self, values: dict[str, Any]) -> None:
        self._record.append(**values)

    def close(self) -> None:
        self._record.close()
