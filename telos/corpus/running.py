"""Running a pass until every bucket is done, through the deaths of workers."""

from collections.abc import Callable

import orjson

from telos.corpus.engines import Engine, WorkerDied
from telos.corpus.passes import PROBLEM
from telos.corpus.work import QUARANTINE, Work
from telos.foundation import files
from telos.foundation.errors import TelosError
from telos.foundation.progress import say


def run_pass(work: Work, engine: Engine, number: int, done: Callable[[int], None]) -> None:
    """Make pass ``number`` of every bucket; ``done`` is called with each.  `TelosError` for the first broken input in order.

    Where a worker's process dies, the buckets that were at hand are made one by one, each in a process of its own; an input on
    which a process then dies again is quarantined (``worker_died``), named in the report, and not touched any more."""
    pending = work.pending(number)
    try:
        for bucket in engine.run(work.folder, number, pending) if pending else ():
            done(bucket)
    except WorkerDied:
        say("a worker died; what it had at hand is done again, input by input where need be")
        for bucket in [bucket for bucket in pending if work.marker(bucket).exists()]:
            _alone(work, engine, number, bucket)
            done(bucket)
        run_pass(work, engine, number, done)
        return
    _raise_first_problem(work, number)


def _alone(work: Work, engine: Engine, number: int, bucket: int) -> None:
    while bucket in work.pending(number):
        try:
            list(engine.run(work.folder, number, [bucket], alone=True))
        except WorkerDied as error:
            path = work.marker(bucket).read_text(encoding="utf-8") if number == 0 else ""
            if number or path in work.quarantined():
                raise TelosError("the workers of a corpus must live", f"one died twice over {path or f'bucket {bucket}'}",
                                 "give the job more memory, or fewer workers: engine.workers=1") from error  # fmt: skip
            say(f"{path}: a worker died on it; it is left out")
            files.write_json(work.folder / QUARANTINE, work.quarantined() | {path: "worker_died"})


def _raise_first_problem(work: Work, number: int) -> None:
    for bucket in range(work.buckets - work.earlier):
        path = work.bucket(number, bucket) / PROBLEM
        if path.exists():
            raise TelosError(*orjson.loads(path.read_bytes()))
