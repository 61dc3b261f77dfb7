"""From inputs to batches of cleaned texts, a few megabytes at a time, so that little more than that is held.

Every document that an input holds arrives in exactly one place: in a batch, or in the account with the reason why not.
Tests: tests/corpus/test_reading.py.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from telos.corpus.account import Account
from telos.corpus.clean import Clean, document_id
from telos.corpus.filters import Verdict
from telos.corpus.inputs import Job
from telos.corpus.sources import RawDocument, Source
from telos.corpus.spans import follow
from telos.corpus.texts import COLUMNS, Texts
from telos.foundation.errors import MissingExtra, TelosError

BATCH_BYTES = 1 << 22
BATCH_DOCUMENTS = 4096
_Found = tuple[str, int, RawDocument]
"""(source with its place, UTF-8 bytes of the raw text, the document)"""
REFUSALS = ("empty", "too_short")


class Reader:
    """Reads the inputs of a bucket.  ``marker``: a file that always names the input at hand, so that the one on which a
    process died is known.  ``quarantined``: path → reason of inputs that are not touched again."""

    def __init__(self, sources: Sequence[Source], clean: Clean, account: Account, marker: Path, quarantined: dict[str, str]):
        self.sources, self.clean, self.account = sources, clean, account
        self.marker, self.quarantined = marker, quarantined
        account.stage("read")
        account.stage("clean")

    def batches(self, jobs: Sequence[Job]) -> Iterator[tuple[Texts, pa.Table | None]]:
        """(cleaned texts, `DROPPED` rows of those that are not in them) of consecutive documents.

        `TelosError` for the first input that is broken, where ``clean.broken`` says that this stops the job."""
        waiting: list[_Found] = []
        size, began = 0, time.perf_counter()
        for job in jobs:
            for found in self._documents(job):
                waiting.append(found)
                size += found[1]
                if size >= BATCH_BYTES or len(waiting) >= BATCH_DOCUMENTS:
                    self.account.spend("read", time.perf_counter() - began)
                    yield self._cleaned(waiting)
                    waiting, size, began = [], 0, time.perf_counter()
        self.account.spend("read", time.perf_counter() - began)
        if waiting:
            yield self._cleaned(waiting)

    def _documents(self, job: Job) -> Iterator[_Found]:
        if job.path in self.quarantined:
            self._quarantine(job, self.quarantined[job.path], 0)
            return
        self.marker.write_text(job.path, encoding="utf-8")
        read = documents = 0
        try:
            for raw in self.sources[job.source].read(job.item):
                documents += 1
                name = job.path if raw.place is None else f"{job.path}:{raw.place}"
                if raw.skipped:
                    self._skip(name, raw.skipped, raw.size_bytes)
                    continue
                if raw.repaired:
                    entry = {"source": job.path, "encoding": raw.repaired}
                    if entry not in self.account.repaired[-8:]:
                        self.account.repaired.append(entry)
                size = len(raw.text.encode())
                read += size
                yield name, size, raw
        except TelosError as error:
            if self.clean.broken == "stop" or isinstance(error, MissingExtra):
                raise
            self._quarantine(job, f"{error.must}: {error.found}", read)
        except Exception as error:  # a library's own complaint about bytes that it did not expect
            if self.clean.broken == "stop":
                raise TelosError(f"{job.path} must be readable", f"{type(error).__name__}: {error}".replace("\n", " ")[:300],
                                 "mend it, leave it out (corpus.exclude), or go on without what is broken: "
                                 "clean.broken=quarantine") from error  # fmt: skip
            self._quarantine(job, f"{type(error).__name__}: {error}".replace("\n", " ")[:300], read)
        else:
            if not documents:
                self._skip(job.path, "empty", job.item.size_bytes)

    def _skip(self, name: str, reason: str, size: int) -> None:
        self.account.stage("read").drop(reason, size)
        self.account.skipped.append({"source": name, "reason": reason, "bytes": size})

    def _quarantine(self, job: Job, why: str, read: int) -> None:
        """What was read of it before it broke stays."""
        left = max(0, job.item.size_bytes - read)
        self.account.stage("read").drop("quarantined", left)
        self.account.quarantined.append({"source": job.path, "reason": why, "bytes": left})

    def _cleaned(self, found: list[_Found]) -> tuple[Texts, pa.Table | None]:
        with self.account.timed("clean"):
            return self._clean(found)

    def _clean(self, found: list[_Found]) -> tuple[Texts, pa.Table | None]:
        """One vectorised search (RE2) tells which texts `Clean` has to look into."""
        raw = pa.array([document.text for _, _, document in found], pa.large_string())
        suspects = pc.match_substring_regex(raw, self.clean.suspicion()).to_pylist()
        texts = [self.clean.text(document.text, suspect) for (_, _, document), suspect in zip(found, suspects, strict=True)]
        sizes = [size for _, size, _ in found]
        n = len(found)
        made = Texts(pa.table([
            pa.array([document_id(name, text) for (name, _, _), text in zip(found, texts, strict=True)]),
            pa.array([name for name, _, _ in found]), pa.array(sizes, pa.int64()),
            pa.nulls(n, pa.string()), pa.nulls(n, pa.float32()), pa.nulls(n, pa.float32()),
            pa.array([_json(document, self.clean) for _, _, document in found], pa.string()), pa.array(texts, pa.large_string()),
        ], schema=COLUMNS))  # fmt: skip
        self.account.stage("read").keep(sum(sizes), sum(sizes), n)
        refusals = [self.clean.refusal(text) for text in texts]
        reasons = np.array([0 if r is None else REFUSALS.index(r) + 1 for r in refusals], np.uint8)
        before, verdict = made.replace(text=raw), Verdict(reasons, {"text": made.text})
        kept = follow(before, made, verdict.counts).take(reasons == 0)
        return kept, self.account.judged("clean", REFUSALS, before, verdict, kept)


def _json(document: RawDocument, clean: Clean) -> str | None:
    """The metadata; a target, a question and negatives are text too, and cleaned as text is."""
    if not document.metadata:
        return None
    data = document.metadata
    cleaned: dict[str, Any] = {
        name: clean.text(text) for name in ("target", "question") if isinstance(text := data.get(name), str)
    }
    if (negatives := data.get("negatives")) is not None:
        cleaned["negatives"] = [clean.text(str(one)) for one in negatives]
    return orjson.dumps(data | cleaned, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str).decode()
