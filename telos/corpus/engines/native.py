"""On this machine: Daft's native runner, a process for each worker."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from telos.corpus.engines import Engine, WorkerDied, frame_of
from telos.foundation import machine


class Native(Engine):
    """``workers``: processes side by side; null: one for each core, as many as there are buckets.  A single one needs no
    process of its own."""

    workers: int | None = Field(None, ge=1)

    def run(self, folder: Path, number: int, buckets: list[int], *, alone: bool = False) -> Iterator[int]:
        workers = 1 if alone else min(self.workers or machine.cores(), len(buckets))
        apart = workers > 1 or alone
        frame = frame_of(folder, number, buckets, use_process=apart, max_concurrency=workers if apart else None)
        try:
            for row in frame.iter_rows(results_buffer_size=None):
                yield row["bucket"] if "bucket" in row else next(iter(row.values()))
        except RuntimeError as error:
            if "connection unexpectedly" in str(error) or "process has terminated" in str(error):
                raise WorkerDied from error
            raise
