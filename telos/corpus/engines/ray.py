"""On a Ray cluster, or a Ray started here: the same plan on Daft's Ray runner.

The work folder and the texts must be where every node sees them under the same path, and Telos must be installed there.
"""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from telos.corpus.engine import daft
from telos.corpus.engines import Engine, WorkerDied, frame_of
from telos.foundation.errors import TelosError, require

_ANSWER_SECONDS = 10.0


class Ray(Engine):
    """``address``: ``ray://HOST:PORT`` or ``HOST:PORT`` of a cluster; null: a Ray is started on this machine.  ``workers``:
    processes side by side."""

    address: str | None = None
    workers: int = Field(2, ge=1)

    def run(self, folder: Path, number: int, buckets: list[int], *, alone: bool = False) -> Iterator[int]:
        self._connect()
        frame = frame_of(folder.absolute(), number, buckets, max_concurrency=1 if alone else min(self.workers, len(buckets)))
        try:
            for row in frame.iter_rows():
                yield next(iter(row.values()))
        except Exception as error:
            if any(sign in f"{type(error).__name__}: {error}" for sign in ("ActorDied", "ActorUnavailable", "WorkerCrashed")):
                raise WorkerDied from error
            raise

    def _connect(self) -> None:
        """Choose Daft's Ray runner, once a process; `TelosError` where the address does not answer."""
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        engine = daft()
        ray = require("ray", extra="ray", feature="engine.kind=ray")
        if engine.get_or_infer_runner_type() == "ray" and ray.is_initialized():  # type: ignore[attr-defined]
            return
        if self.address is not None:
            _require_answer(self.address)
        if not ray.is_initialized():  # type: ignore[attr-defined]
            ray.init(self.address, include_dashboard=False, log_to_driver=False, logging_level="ERROR",  # type: ignore[attr-defined]
                     num_cpus=None if self.address else max(self.workers + 1, os.cpu_count() or 1))  # fmt: skip
        try:
            engine.set_runner_ray(self.address)
        except Exception:
            raise TelosError("one Python process must use one engine", "engine.kind=native was used in this one before",
                             "build this corpus in a new process") from None  # fmt: skip


def _require_answer(address: str) -> None:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    fix = "start it (ray start --head), check engine.address, or take engine.kind=native"
    if not host or not port.isdigit():
        raise TelosError("engine.address must be ray://HOST:PORT or HOST:PORT", repr(address), fix)
    try:
        socket.create_connection((host, int(port)), _ANSWER_SECONDS).close()
    except OSError as error:
        raise TelosError("a Ray cluster must answer at engine.address", f"{address}: {error.strerror or error}", fix) from None
