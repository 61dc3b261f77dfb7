"""The family of engines: where the passes over buckets run.

An engine is given bucket numbers; each is one call of `telos.corpus.passes.run_bucket`, which reads and writes the work folder.
So an engine changes nothing in a corpus, neither do the number of workers, their order or their deaths.
Tests: tests/corpus/test_engines.py.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from telos.corpus.engine import daft
from telos.foundation.spec import Spec


class WorkerDied(Exception):
    """A worker's process ended before its bucket was done."""


class Engine(Spec, family="telos.corpus.engines", default="native"):
    """Settings of an engine, and its behaviour."""

    def run(self, folder: Path, number: int, buckets: list[int], *, alone: bool = False) -> Iterator[int]:
        """Make pass ``number`` of each bucket; yields each when it is done.  ``alone``: one after the other, each in a process
        that may die.  `WorkerDied` where one did; what other workers had at hand may then be undone, too."""
        raise NotImplementedError


def frame_of(folder: Path, number: int, buckets: list[int], **how: Any) -> Any:
    """The Daft plan: a bucket a row.  ``how``: of the workers, as `daft.cls` takes it."""
    engine = daft()

    @engine.cls(**how)
    class Worker:
        def __init__(self, folder: str, number: int):
            self.folder, self.number = folder, number

        @engine.method(return_dtype=engine.DataType.int64())
        def make(self, bucket: int) -> int:
            from telos.corpus.passes import run_bucket

            run_bucket(self.folder, self.number, bucket)
            return bucket

    frame = engine.from_pydict({"bucket": buckets}).into_batches(1)
    return frame.select(Worker(str(folder), number).make(engine.col("bucket")))
