"""The runs of a comparison in turn: every recipe with the first seed, then every recipe with the second, and so on.

So what changes on a machine over an hour falls on all recipes alike.  A signal goes on to the run at hand, which saves its step;
the same command then goes on from there.  Tests: tests/lab/test_turns.py, tests/end_to_end/test_compare.py.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from telos.evaluate.yardsticks import Yardstick
from telos.foundation import files
from telos.foundation.errors import TelosError
from telos.foundation.progress import say
from telos.lab.budget import Budget
from telos.lab.entries import Entry
from telos.lab.folder import Folder, Materials
from telos.lab.work import SCRATCH, Request, work
from telos.result import Stopped
from telos.train.signals import EXIT_CODES

Failure = dict[str, Any]
"""``must``, ``found``, ``fix`` of an error that the user can mend, or what is known of another; and the ``seed``."""


def run_all(  # noqa: PLR0917
    folder: Folder,
    entries: Sequence[Entry],
    budget: Budget,
    seeds: Sequence[int],
    yardsticks: Sequence[Yardstick],
    materials: Materials,
    *,
    isolated: bool = True,
) -> dict[str, Failure]:
    """Do what is not done yet; name → failure of the recipes that failed, whose other seeds are not tried.

    ``isolated``: each run in a process of its own.  Raises `Stopped` where a signal ended one."""
    for left in folder.path.glob(f"{SCRATCH}*"):  # of processes that were killed
        shutil.rmtree(left, ignore_errors=True)
    failed: dict[str, Failure] = {}
    fingerprint = materials.fingerprint()
    turns = [(seed, entry) for seed in seeds for entry in entries]
    for number, (seed, entry) in enumerate(turns):
        done = [folder.result(one, fingerprint, entry.name, seed) is not None for one in yardsticks]
        if entry.name in failed or (folder.is_trained(entry.name, seed) and all(done)):
            continue
        say(f"{number + 1} of {len(turns)}: {entry.name}, seed {seed}")
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder.path) as scratch:
            answer = Path(scratch) / "failed.json"
            request = Request(folder=str(folder.path), name=entry.name, recipe=entry.with_seed(seed), budget=str(budget),
                              yardsticks=tuple(yardsticks), materials=materials, answer=str(answer))  # fmt: skip
            failure = _apart(request, Path(scratch) / "request.json") if isolated else _here(request)
        if failure is not None:
            failed[entry.name] = failure | {"seed": seed}
            say(f"{entry.name} failed; the others go on")
    return failed


def _here(request: Request) -> Failure | None:
    try:
        work(request)
    except TelosError as error:
        return {"must": error.must, "found": error.found, "fix": error.fix}
    return None


def _apart(request: Request, path: Path) -> Failure | None:
    files.write_json(path, request.dump())
    # In a session of its own, so that Ctrl-C reaches it once, from here.
    process = subprocess.Popen([sys.executable, "-m", "telos.lab.work", str(path)], stdin=subprocess.PIPE, start_new_session=True)
    with _handed_on(process) as received:
        code = process.wait()
    if process.stdin is not None:
        process.stdin.close()
    if received:
        raise Stopped(received[0], _step(request), EXIT_CODES[received[0]], Path(request.folder))
    if code == 0:
        return None
    if Path(request.answer).exists():
        return files.read_facts(Path(request.answer))
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return {"must": "a run must come to its end", "found": f"its process ended with {how}", "fix": "see what it said above"}


@contextmanager
def _handed_on(process: subprocess.Popen[bytes]) -> Iterator[list[str]]:
    """SIGINT and SIGTERM go on to the process, a second one too; yields the names of those that came."""
    received: list[str] = []

    def hand_on(number: int, frame: Any) -> None:
        received.append(signal.Signals(number).name)
        process.send_signal(number)

    before: dict[int, Any] = {}
    try:
        for name in EXIT_CODES:
            number = signal.Signals[name]
            before[number] = signal.signal(number, hand_on)
    except ValueError:  # outside the main thread
        pass
    try:
        yield received
    finally:
        for caught, handler in before.items():
            signal.signal(caught, handler)


def _step(request: Request) -> int:
    """The newest step that the run at hand has saved; 0 where there is none."""
    run = Folder(Path(request.folder)).run(request.name, request.recipe.training.seed)
    steps = [int(p.name.rpartition("-")[2]) for p in (run / "checkpoints").glob("step-*") if p.name[5:].isdigit()]
    return max(steps, default=0)
