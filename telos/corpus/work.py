"""The folder in which a corpus is being made: what workers read and write, so that a killed job goes on where it stood.

    plan.json                         settings; the folder is used again only by a job with the same key
    inputs/bucket-000000.json         the inputs of a bucket, or a part of an earlier corpus
    prepared/filter-0.npz             what a filter learnt before the first batch
    pass-0/bucket-000000/             texts, facts, observations of each rule, dropped documents, account; or problem.json
    decisions-0/rule-0/               what a rule over all buckets of a pass has decided, a file a bucket
    reading/bucket-000000             the input that a worker has at hand
    quarantine.json                   inputs on which a worker died

A pass over a bucket is committed as a whole; what is there is not made again.  Nothing in it depends on time, workers or order.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from telos.corpus.account import Account
from telos.corpus.clean import Clean
from telos.corpus.dedup import Bucket, Deduplication
from telos.corpus.filters import Prepared
from telos.corpus.inputs import Job
from telos.corpus.sources import Input, Source
from telos.foundation import files

PLAN, QUARANTINE = "plan.json", "quarantine.json"


@dataclass(frozen=True, slots=True)
class Groups:
    """Deduplication rules by pass: those that observe in one pass are decided after it, in their order, and applied in the
    next.  A rule that changes texts ends its group."""

    groups: list[list[Deduplication]]

    @classmethod
    def of(cls, rules: Sequence[Deduplication]) -> "Groups":
        groups: list[list[Deduplication]] = []
        for rule in rules:
            if not groups or groups[-1][-1].changes_text:
                groups.append([])
            groups[-1].append(rule)
        return cls(groups)

    def observing(self, number: int) -> list[Deduplication]:
        """The rules that look at what pass ``number`` writes."""
        return self.groups[number] if number < len(self.groups) else []


class Work:
    """An open work folder."""

    def __init__(self, folder: Path, plan: dict[str, Any]):
        self.folder = folder
        self.sources = [Source.parse(source) for source in plan["sources"]]
        self.clean = Clean.parse(plan["clean"])
        self.label_field: str | None = plan["label_field"]
        self.buckets: int = plan["buckets"]
        self.earlier: int = plan["earlier"]
        """How many of the buckets, the last ones, are parts of earlier corpora."""
        self.groups = Groups.of(self.clean.dedup)
        names = stage_names(self.clean)
        before, after = len(self.clean.filters), len(self.clean.filters) + len(self.clean.dedup)
        self.filter_names, self.dedup_names, self.afterwards_names = names[:before], names[before:after], names[after:]

    @classmethod
    def create(  # noqa: PLR0917
        cls, folder: Path, key: str, sources: Sequence[Source], clean: Clean, label_field: str | None,
        jobs: Iterator[list[Job]], earlier: Sequence[Path],
    ) -> "Work":  # fmt: skip
        """A new work folder; ``earlier``: Parquet parts of earlier corpora."""
        for inner in ("inputs", "prepared", "reading"):
            (folder / inner).mkdir(parents=True, exist_ok=True)
        number = 0
        for bucket in jobs:
            data = {"jobs": [asdict(job) for job in bucket]}
            files.write_json(folder / "inputs" / f"{_name(number)}.json", data)
            number += 1
        for part in earlier:
            files.write_json(folder / "inputs" / f"{_name(number)}.json", {"part": str(part.absolute())})
            number += 1
        plan = {"key": key, "sources": [s.dump() for s in sources], "clean": clean.dump(), "label_field": label_field,
                "buckets": number, "earlier": len(earlier)}  # fmt: skip
        files.write_json(folder / PLAN, plan)
        return cls(folder, plan)

    @classmethod
    def open(cls, folder: str | Path) -> "Work":
        return cls(Path(folder), files.read_json(Path(folder) / PLAN))

    @staticmethod
    def key_of(folder: Path) -> str | None:
        return files.read_json(folder / PLAN)["key"] if (folder / PLAN).exists() else None

    # -- what there is to do --------------------------------------------------------------------------------------------

    @property
    def last_pass(self) -> int:
        """The last pass that workers make: one more than the groups where filters come afterwards; else the last group's
        decisions are carried out as the corpus is written."""
        groups = self.groups.groups
        return len(groups) if self.clean.afterwards or (groups and groups[-1][-1].changes_text) else max(0, len(groups) - 1)

    @property
    def undone(self) -> int | None:
        """The group whose decisions are carried out as the corpus is written; None where the last pass did that."""
        return self.last_pass if self.groups.observing(self.last_pass) else None

    def fixed(self, bucket: int) -> bool:
        return bucket >= self.buckets - self.earlier

    def pending(self, number: int) -> list[int]:
        """Buckets that a pass has not done; those of earlier corpora only where there is something to observe."""
        last = self.buckets if self.groups.observing(number) else self.buckets - self.earlier
        return [bucket for bucket in range(last) if not self.bucket(number, bucket).exists()]

    def jobs(self, bucket: int) -> list[Job]:
        data = files.read_json(self.folder / "inputs" / f"{_name(bucket)}.json")
        return [Job(job["source"], Input(**job["item"]), job["path"]) for job in data["jobs"]]

    def quarantined(self) -> dict[str, str]:
        path = self.folder / QUARANTINE
        return files.read_json(path) if path.exists() else {}

    def marker(self, bucket: int) -> Path:
        return self.folder / "reading" / _name(bucket)

    def prepared(self, stage: str) -> Prepared:
        """What a filter learnt (by the name of its stage), or nothing."""
        path = self.folder / "prepared" / f"{stage}.npz"
        return _load(str(path), path.stat().st_mtime_ns) if path.exists() else {}

    # -- what passes leave ----------------------------------------------------------------------------------------------

    def bucket(self, number: int, bucket: int) -> Path:
        return self.folder / f"pass-{number}" / _name(bucket)

    def decision(self, number: int, rule: int, bucket: int) -> Path:
        return self.decisions(number, rule) / f"{_name(bucket)}.parquet"

    def decisions(self, number: int, rule: int) -> Path:
        return self.folder / f"decisions-{number}" / f"rule-{rule}"

    def text_file(self, number: int, bucket: int) -> Path:
        """The Parquet file with the texts of a bucket as pass ``number`` leaves them."""
        if self.fixed(bucket):
            return Path(files.read_json(self.folder / "inputs" / f"{_name(bucket)}.json")["part"])
        return self.bucket(number, bucket) / "texts.parquet"

    def facts(self, number: int, bucket: int, columns: list[str] | None = None) -> pa.Table:
        return pq.read_table(self.bucket(number, bucket) / "facts.parquet", columns=columns, memory_map=True)

    def clusters(self, number: int, bucket: int) -> np.ndarray:
        """uint64, a document as pass ``number`` left it: as the rules that observed in that pass tie them, the last one that
        does; else as they were tied before."""
        for rule in range(len(self.groups.observing(number)) - 1, -1, -1):
            path = self.decision(number, rule, bucket).with_suffix(".npy")
            if path.exists():
                return np.load(path)
        return self.facts(number, bucket, ["cluster"])["cluster"].to_numpy()

    def forget_texts(self, number: int) -> None:
        """Once the next pass has them all, the texts and observations of a pass are not needed any more."""
        for file in (self.folder / f"pass-{number}").glob("bucket-*/*.parquet"):
            if file.stem == "texts" or file.stem.startswith("seen-"):
                file.unlink()

    def accounts(self) -> Account:
        """Of all passes over all buckets, joined in their order."""
        account = Account()
        for number in range(self.last_pass + 1):
            for bucket in range(self.buckets - self.earlier):
                account.join(Account.from_dict(files.read_json(self.bucket(number, bucket) / "account.json")))
        return account

    def documents(self, number: int, bucket: int) -> int:
        return pq.ParquetFile(self.bucket(number, bucket) / "facts.parquet").metadata.num_rows


class Seen:
    """`telos.corpus.dedup.Observed` over a work folder, for one rule of a pass."""

    def __init__(self, work: Work, number: int, rule: int):
        self.work, self.number, self.rule = work, number, rule
        self.buckets = [self._bucket(bucket) for bucket in range(work.buckets)]

    def _bucket(self, bucket: int) -> Bucket:
        documents = self.work.documents(self.number, bucket)
        alive = np.ones(documents, bool)
        if not self.work.fixed(bucket):
            for before in range(self.rule):
                table = pq.read_table(self.work.decision(self.number, before, bucket))
                if table.schema.names[:2] == ["row", "reason"]:
                    alive[table["row"].to_numpy()] = False
        return Bucket(bucket, documents, alive, self.work.fixed(bucket))

    def table(self, bucket: Bucket, columns: list[str] | None = None) -> pa.Table:
        return pq.read_table(self.work.bucket(self.number, bucket.number) / f"seen-{self.rule}.parquet", columns=columns)

    def facts(self, bucket: Bucket, columns: list[str] | None = None) -> pa.Table:
        return self.work.facts(self.number, bucket.number, columns)

    def texts(self, bucket: Bucket, rows: np.ndarray) -> pa.LargeStringArray:
        """Row groups without a wanted row are not read."""
        file = pq.ParquetFile(self.work.text_file(self.number, bucket.number))
        found, start = [], 0
        for group in range(file.num_row_groups):
            end = start + file.metadata.row_group(group).num_rows
            here = rows[np.searchsorted(rows, start) : np.searchsorted(rows, end)] - start
            if len(here):
                column = file.read_row_group(group, columns=["text"])["text"].combine_chunks().cast(pa.large_string())
                found.append((column.chunk(0) if isinstance(column, pa.ChunkedArray) else column).take(pa.array(here)))
            start = end
        return pa.concat_arrays(found) if found else pa.array([], pa.large_string())


@functools.lru_cache(32)
def _load(path: str, modified_ns: int) -> Prepared:
    with np.load(path, allow_pickle=False) as data:
        return dict(data)


def _name(bucket: int) -> str:
    return f"bucket-{bucket:06d}"


def stage_names(clean: Clean) -> list[str]:
    """A name in funnel and report for each filter, deduplication and filter afterwards."""
    return numbered([rule.kind() for rule in (*clean.filters, *clean.dedup, *clean.afterwards)])


def numbered(kinds: Sequence[str]) -> list[str]:
    """Names of stages: the kind of each, with a number where it comes again."""
    taken, names = {"read", "clean", "sampled"}, []
    for kind in kinds:
        name, n = kind, 2
        while name in taken:
            name, n = f"{kind}_{n}", n + 1
        taken.add(name)
        names.append(name)
    return names
