"""What each stage of a corpus took: seconds of work, of all workers together, and documents per second of it.

With n workers the clock shows about an n-th of the sum.  The first documents of a process pay for compiling kernels that no
earlier process has kept.  They are noted beside the corpus and on its page, which for that reason is not sealed.
Test: tests/corpus/test_timing.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from telos.corpus.corpus import TIMINGS, Corpus
from telos.corpus.report import write_page
from telos.foundation.files import write_json
from telos.foundation.machine import describe
from telos.foundation.units import format_count


def note_timings(corpus: Corpus, wall_seconds: float) -> None:
    """Write down what building the corpus took: timings.json, and once more the page, now with seconds."""
    noted = {"work_seconds": corpus.seconds, "wall_seconds": wall_seconds, "machine": describe()}
    write_json(corpus.folder / TIMINGS, noted)
    write_page(corpus.folder, corpus.facts, noted)


def rates(funnel: Sequence[Mapping[str, Any]], seconds: Mapping[str, float]) -> dict[str, float]:
    """Stage → documents that came to it, a second of its work."""
    return {stage["stage"]: stage["documents_in"] / seconds[stage["stage"]]
            for stage in funnel if seconds.get(stage["stage"], 0) > 0}  # fmt: skip


def timing_lines(funnel: Sequence[Mapping[str, Any]], seconds: Mapping[str, float]) -> list[str]:
    """A table for the terminal: the stages in their order, then work that belongs to none."""
    found = rates(funnel, seconds)
    lines = [f"  {'stage':<22}{'documents':>12}{'seconds':>10}{'documents/s':>13}"]
    for stage in funnel:
        name = stage["stage"]
        if name in seconds:
            rate = format_count(found[name]) if name in found else "–"
            lines.append(f"  {name:<22}{stage['documents_in']:>12,}{seconds[name]:>10.2f}{rate:>13}")
    known = {stage["stage"] for stage in funnel}
    lines += [f"  {name:<22}{'':>12}{value:>10.2f}" for name, value in seconds.items() if name not in known]
    return [*lines, f"  {'work of all workers':<22}{'':>12}{sum(seconds.values()):>10.2f}"] if seconds else []
