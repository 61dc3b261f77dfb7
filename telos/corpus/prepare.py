"""Before the first batch: what filters check and learn, from a sample of the corpus that a hash chooses."""

import functools
import time
from collections.abc import Sequence

import numpy as np

from telos.corpus.inputs import Job, by_hash
from telos.corpus.work import Work
from telos.foundation.errors import TelosError
from telos.foundation.files import write_file

SAMPLED_INPUTS = 200
SAMPLED_BYTES = 64_000_000
"""A sample is drawn from at most so many inputs, and at most so much text."""


def prepare(work: Work, jobs: Sequence[Job], seed: int) -> dict[str, float]:
    """Let every filter prepare itself, once; what it learnt lies in the work folder for all workers.  Stage → seconds."""
    rules = zip((*work.clean.filters, *work.clean.afterwards), (*work.filter_names, *work.afterwards_names), strict=True)
    sample = functools.cache(functools.partial(_sample, work, tuple(by_hash(list(jobs), seed))))
    seconds = {}
    for rule, name in rules:
        began = time.perf_counter()
        to = work.folder / "prepared" / f"{name}.npz"
        if not to.exists():
            learnt = rule.prepare(lambda n: sample()[:n])
            if learnt:
                write_file(to, _packed(learnt))
        seconds[name] = time.perf_counter() - began
    return seconds


def _sample(work: Work, jobs: Sequence[Job]) -> list[str]:
    """Cleaned texts from the inputs that come first by hash, taken in turn so that no input gives them all."""
    drawn: list[list[str]] = []
    size = 0
    for job in jobs[:SAMPLED_INPUTS]:
        texts: list[str] = []
        try:
            for raw in work.sources[job.source].read(job.item):
                text = "" if raw.skipped else work.clean.text(raw.text)
                if text.strip():
                    texts.append(text)
                    size += len(text)
                if size >= SAMPLED_BYTES or len(texts) >= SAMPLED_BYTES // 10_000:
                    break
        except TelosError:
            pass  # the reader says it, if it is to be said
        drawn.append(texts)
        if size >= SAMPLED_BYTES:
            break
    longest = max(map(len, drawn), default=0)
    return [texts[i] for i in range(longest) for texts in drawn if i < len(texts)]


def _packed(arrays: dict[str, np.ndarray]) -> bytes:
    import io

    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    return packed.getvalue()
