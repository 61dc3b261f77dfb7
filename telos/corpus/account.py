"""What happened to the documents of a bucket: counts by stage and reason, samples of what was dropped and changed.

Accounts of buckets are joined in any grouping with the same result: counts add up, and of samples those with the smallest
ids are kept (an id is a hash, so they are a fair draw).  Test: tests/corpus/test_account.py.
"""

import contextlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from telos.corpus.filters import Verdict
from telos.corpus.funnel import Stage
from telos.corpus.marking import CUT
from telos.corpus.texts import Texts

SAMPLES = 20
"""Documents that are shown for each reason of each stage."""
SNIPPET_CHARACTERS = 400
_AROUND_CHARACTERS = 120
_LAST_WORD, _FIRST_WORD = (
    re.compile(r"[0-9A-Za-z@._%+\-]{0,60}[0-9 ()+\-./:]{0,40}$"),
    re.compile(r"^[0-9 ()+\-./:]{0,40}[0-9A-Za-z@._%+\-]{0,60}"),
)
"""A word, address or number that a cut may have gone through."""
LISTED = 1000
"""How many skipped, repaired and quarantined inputs are named; the funnel counts all."""
DROPPED = pa.schema([("id", pa.string()), ("source", pa.string()), ("stage", pa.string()), ("reason", pa.string()),
                     ("detail", pa.string()), ("bytes", pa.int64())])  # fmt: skip
"""A document that went, for `telos corpus inspect --why`: every one is written down, without its text."""

Sample = dict[str, Any]


@dataclass(slots=True)
class Account:
    """``stages``: name → counts, in their order.  ``counts``: stage → what its filter counted.  ``dropped`` and ``changed``:
    stage (and reason) → samples.  ``repaired``, ``skipped``, ``quarantined``: named inputs, in the order of reading.
    ``seconds``: stage → seconds of work, of all workers together; told, and never part of a corpus."""

    stages: dict[str, Stage] = field(default_factory=dict)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    dropped: dict[tuple[str, str], list[Sample]] = field(default_factory=dict)
    changed: dict[str, list[Sample]] = field(default_factory=dict)
    repaired: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    quarantined: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def stage(self, name: str) -> Stage:
        return self.stages.setdefault(name, Stage(name))

    def spend(self, name: str, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """What the block takes is work of that stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.spend(name, time.perf_counter() - began)

    def judged(  # noqa: PLR0917
        self, name: str, reasons: tuple[str, ...], texts: Texts, verdict: Verdict, after: Texts,
        hide: Callable[[str, str], str] | None = None,
    ) -> pa.Table | None:  # fmt: skip
        """Count a verdict on documents, ``after`` being those that stay; `DROPPED` rows of those that go, if any do.  ``hide``:
        what of a changed text may be shown, from it and the new one."""
        stage = self.stage(name)
        stays = verdict.reasons == 0
        stage.keep(int(texts.sizes[stays].sum()), int(after.sizes.sum()), len(after))
        if verdict.counts:
            self.counts.setdefault(name, Counter()).update(verdict.counts)
        if "text" in verdict.columns:
            self._note_changes(name, texts, stays, after, hide)
        if stays.all():
            return None
        rows = np.flatnonzero(~stays)
        gone = texts.table.select(["id", "source"]).take(pa.array(rows))
        why = [reasons[r - 1] for r in verdict.reasons[rows].tolist()]
        details = [verdict.details.get(row) for row in rows.tolist()]
        sizes = texts.sizes[rows]
        for reason in dict.fromkeys(why):
            chosen = np.array([w == reason for w in why])
            stage.drop(reason, int(sizes[chosen].sum()), int(chosen.sum()))
            self._note_dropped(name, reason, texts, rows[chosen], [d for d, c in zip(details, chosen, strict=True) if c])
        columns = [gone["id"], gone["source"], pa.array([name] * len(rows)), pa.array(why), pa.array(details, pa.string()),
                   pa.array(sizes)]  # fmt: skip
        return pa.Table.from_arrays(columns, schema=DROPPED)

    def _note_dropped(self, stage: str, reason: str, texts: Texts, rows: np.ndarray, details: list[str | None]) -> None:
        held = self.dropped.setdefault((stage, reason), [])
        ids = texts.table["id"].take(pa.array(rows)).to_pylist()
        for place in smallest(ids, held):
            row = int(rows[place])
            text = texts.text[row].as_py()
            held.append({"id": ids[place], "source": texts.table["source"][row].as_py(), "text": snippet(text),
                         "characters": len(text), "detail": details[place]})  # fmt: skip
        keep_smallest(held)

    def _note_changes(
        self, stage: str, texts: Texts, stays: np.ndarray, after: Texts, hide: Callable[[str, str], str] | None
    ) -> None:
        held = self.changed.setdefault(stage, [])
        before = texts.take(stays)
        rows = np.flatnonzero(np.asarray(pa.compute.not_equal(before.text, after.text)))
        ids = before.table["id"].take(pa.array(rows)).to_pylist()
        for place in smallest(ids, held):
            row = int(rows[place])
            old, new = _difference(before.text[row].as_py(), after.text[row].as_py())
            old = old if hide is None else hide(old, new)
            held.append({"id": ids[place], "source": before.table["source"][row].as_py(), "before": old, "after": new})
        keep_smallest(held)

    def join(self, other: "Account") -> None:
        """Take in the account of the next bucket."""
        for name, stage in other.stages.items():
            self.stage(name).join(stage)
        for name, counts in other.counts.items():
            self.counts.setdefault(name, Counter()).update(counts)
        for reason, samples in other.dropped.items():
            keep_smallest(self.dropped.setdefault(reason, []), samples)
        for name, samples in other.changed.items():
            keep_smallest(self.changed.setdefault(name, []), samples)
        self.repaired += [entry for entry in other.repaired if entry not in self.repaired[-8:]]
        self.skipped += other.skipped
        self.quarantined += other.quarantined
        for name, seconds in other.seconds.items():
            self.spend(name, seconds)

    # -- on disk, beside a bucket ---------------------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """JSON that `from_dict` takes back."""
        return {
            "stages": [stage.as_dict() for stage in self.stages.values()],
            "counts": {name: dict(sorted(counts.items())) for name, counts in self.counts.items()},
            "dropped": [{"stage": s, "reason": r, "samples": samples} for (s, r), samples in sorted(self.dropped.items())],
            "changed": [{"stage": s, "samples": samples} for s, samples in self.changed.items() if samples],
            "repaired": self.repaired, "skipped": self.skipped, "quarantined": self.quarantined,
            "seconds": self.seconds,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Account":
        return cls(
            {stage["stage"]: Stage.from_dict(stage) for stage in data["stages"]},
            {name: Counter(counts) for name, counts in data["counts"].items()},
            {(entry["stage"], entry["reason"]): entry["samples"] for entry in data["dropped"]},
            {entry["stage"]: entry["samples"] for entry in data["changed"]},
            data["repaired"], data["skipped"], data["quarantined"], data["seconds"],
        )  # fmt: skip


def smallest(ids: list[str], held: list[Sample]) -> list[int]:
    """Places of the ids that may belong to the samples: at most `SAMPLES`, smaller than the largest that is held."""
    limit = max((s["id"] for s in held), default="") if len(held) >= SAMPLES else None
    places = [place for place, one in enumerate(ids) if limit is None or one < limit]
    return sorted(places, key=ids.__getitem__)[:SAMPLES]


def keep_smallest(held: list[Sample], more: list[Sample] | None = None) -> None:
    held += more or []
    held.sort(key=lambda sample: (sample["id"], sample["source"]))
    del held[SAMPLES:]


def first_difference(old: str, new: str) -> int:
    """The first character that differs, or the length of the shorter text."""
    return next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))


def _difference(old: str, new: str) -> tuple[str, str]:
    """The surroundings of the first place where two texts differ, in both."""
    at = first_difference(old, new)
    start, end = max(0, at - _AROUND_CHARACTERS // 2), at + _AROUND_CHARACTERS
    return snippet(old, start, end), snippet(new, start, end)


def snippet(text: str, start: int = 0, end: int = SNIPPET_CHARACTERS) -> str:
    """``text[start:end]``, without the word or number that a cut goes through, and with `CUT` where something is missing."""
    part = text[start:end]
    if start:
        part = CUT + _FIRST_WORD.sub("", part, count=1).lstrip()
    return _LAST_WORD.sub("", part, count=1).rstrip() + CUT if end < len(text) else part
