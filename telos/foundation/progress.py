"""Progress of long work on standard error: a bar with rate and time left, or plain lines where there is no terminal."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from telos.foundation.units import format_count, format_seconds

Advance = Callable[..., None]
"""``advance(by=1.0, note="", total=None)``: count that much more, say something in a few words, and correct the total where
it is learnt on the way."""

PLAIN_EVERY_SECONDS = 10.0
WORTH_A_LINE_SECONDS = 1.0
"""Shorter work says nothing where there is no terminal."""


@contextlib.contextmanager
def progress(what: str, total: float | None, unit: str, ended: str = "done in") -> Iterator[Advance]:
    """Show one piece of long work; yields the function that advances it.

    ``total`` in ``unit`` (None where it is not known).  A terminal gets a bar; anything else one line every ten seconds
    and one at the end of work of a second or more, so that logs stay short.  ``ended``: what that one says before the time.
    """
    if sys.stderr.isatty():
        yield from _bar(what, total, unit)
    else:
        yield from _lines(what, total, unit, ended)


def say(text: str) -> None:
    """One line for people, on standard error (standard output belongs to results)."""
    print(text, file=sys.stderr, flush=True)


def _bar(what: str, total: float | None, unit: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(bar_width=28),
        TextColumn("{task.percentage:>4.0f}%"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}"),
    )
    began = time.perf_counter()
    with Progress(*columns, console=Console(stderr=True), transient=False, refresh_per_second=4) as bar:
        task = bar.add_task(what, total=total, rate="", note="")
        done = 0.0

        def advance(by: float = 1.0, note: str = "", total: float | None = None) -> None:
            nonlocal done
            done += by
            rate = done / max(1e-9, time.perf_counter() - began)
            bar.update(task, completed=done, total=total, rate=f"{format_count(rate)} {unit}/s", note=note)

        yield advance


def _lines(what: str, total: float | None, unit: str, ended: str) -> Iterator[Advance]:
    began = last = time.perf_counter()
    done, expected = 0.0, total

    def advance(by: float = 1.0, note: str = "", total: float | None = None) -> None:
        nonlocal done, last, expected
        done, expected = done + by, expected if total is None else total
        now = time.perf_counter()
        if now - last >= PLAIN_EVERY_SECONDS:
            last = now
            rate = done / (now - began)
            share = f" {100 * done / expected:.0f}%" if expected else ""
            left = f", {format_seconds((expected - done) / rate)} left" if expected and rate and done <= expected else ""
            say(f"{what}:{share} {format_count(rate)} {unit}/s{left} {note}".rstrip())

    yield advance
    if time.perf_counter() - began >= WORTH_A_LINE_SECONDS:
        say(f"{what}: {ended} {format_seconds(time.perf_counter() - began)}")
