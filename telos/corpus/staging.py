"""The first half of the pipeline: inputs read and cleaned by Daft plans, bucket by bucket, survivors in Parquet."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from telos.corpus.clean import Clean
from telos.corpus.compression import inner_name
from telos.corpus.engine import daft
from telos.corpus.funnel import Stage
from telos.corpus.reading import ROW, rows_of
from telos.corpus.sources import Input, Source
from telos.foundation.errors import TelosError
from telos.foundation.progress import Advance
from telos.foundation.random import key

BUCKET_BYTES = 1 << 25
"""Inputs are read together until they pass this size (estimated without compression)."""
_READ_BYTES = 1 << 23
_EXPANSION = 4
"""About how much larger compressed text is when it is unpacked."""


@dataclass(frozen=True, slots=True)
class Job:
    """An input and the place of its source in the list; ``path`` is unique over all sources."""

    source: int
    item: Input
    path: str

    @property
    def expansion(self) -> int:
        return _EXPANSION if inner_name(self.item.path) != self.item.path or self.item.path.endswith(".parquet") else 1


@dataclass(slots=True)
class Staging:
    """What the first half leaves: counts, one value a surviving document in their order, and their text in ``folder``."""

    folder: Path
    read: Stage = field(default_factory=lambda: Stage("read"))
    clean: Stage = field(default_factory=lambda: Stage("clean"))
    buckets: int = 0
    repaired: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    keys: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))
    sizes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    characters: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def files(self) -> list[str]:
        return [str(self.folder / f"bucket-{number:06d}.parquet") for number in range(self.buckets)]

    def tables(self) -> Iterator[Any]:
        """The surviving documents in their order, a few megabytes at a time."""
        rows = max(1, int(_READ_BYTES * len(self.sizes) / max(1, int(self.sizes.sum()))))

        for file in self.files():
            for batch in pq.ParquetFile(file).iter_batches(rows):
                yield pa.Table.from_batches([batch])

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def gather(sources: Sequence[Source]) -> list[Job]:
    """All inputs in their order: by source, then path."""
    jobs, paths = [], set()
    for number, source in enumerate(sources):
        for item in source.inputs():
            path = item.path if item.path not in paths else f"{number + 1}/{item.path}"
            paths.add(path)
            jobs.append(Job(number, item, path))
    return jobs


READ_AT_MOST = 4
"""Of many inputs at most about so many times the text that is wanted is read: some is dropped, some is held out."""
READ_WHOLE_BYTES = 50_000_000
"""Up to this everything is read: it takes seconds."""


def within_reach(jobs: list[Job], max_bytes: int | None, seed: int) -> list[Job]:
    """All inputs, or of many that hold far more than ``max_bytes`` a part, chosen by a hash of the path, so that choosing
    takes no reading and a larger ``max_bytes`` takes them and more; in their order."""
    total = sum(job.item.size_bytes * job.expansion for job in jobs)
    room = total if max_bytes is None else max(READ_WHOLE_BYTES, READ_AT_MOST * max_bytes)
    if total <= room:
        return jobs
    by_hash = sorted(jobs, key=lambda job: key(seed, f"inputs {job.path}"))
    ends = np.cumsum([job.item.size_bytes * job.expansion for job in by_hash])
    taken = {job.path for job in by_hash[: max(1, int(np.searchsorted(ends, room, side="right")))]}
    return [job for job in jobs if job.path in taken]


def stage(folder: Path, sources: Sequence[Source], jobs: list[Job], clean: Clean, advance: Advance) -> Staging:
    """Read and clean every input; `TelosError` for the first (in order) that is broken."""

    folder.mkdir()
    made, keys, sizes, characters = Staging(folder), [], [], []
    for bucket in _buckets(jobs):
        table = _read_and_clean(bucket, sources, clean)
        kept = _account(table, bucket, made)
        pq.write_table(kept, folder / f"bucket-{made.buckets:06d}.parquet", compression="zstd", compression_level=1,
                       use_dictionary=False, write_statistics=False)  # fmt: skip
        made.buckets += 1
        keys.append(np.frombuffer(bytes.fromhex("".join(kept["key"].to_pylist())), ">u8")[::2].astype(np.uint64))
        sizes.append(kept["bytes"].to_numpy())
        characters.append(kept["characters"].to_numpy())
        advance(sum(job.item.size_bytes for job in bucket))
    made.keys, made.sizes, made.characters = (np.concatenate(c) for c in (keys, sizes, characters)) if keys else 3 * [made.sizes]
    return made


def _buckets(jobs: list[Job]) -> Iterator[list[Job]]:
    bucket: list[Job] = []
    size = 0
    for job in jobs:
        bucket.append(job)
        size += job.item.size_bytes * job.expansion
        if size >= BUCKET_BYTES:
            yield bucket
            bucket, size = [], 0
    if bucket:
        yield bucket


def _read_and_clean(bucket: list[Job], sources: Sequence[Source], clean: Clean) -> Any:
    """The Daft plan of one bucket: an input a row, then a document a row, in order."""
    engine = daft()
    column, read_type = engine.col, engine.DataType.from_arrow_type(pa.large_list(ROW))

    @engine.func.batch(return_dtype=read_type, use_process=False)
    def read(index: Any) -> Any:
        made = [rows_of(sources[bucket[i].source], bucket[i].item, bucket[i].path, clean) for i in index.to_pylist()]
        offsets = np.cumsum([0, *(sum(map(len, chunks)) for chunks in made)])
        rows = pa.concat_arrays([chunk for chunks in made for chunk in chunks])
        return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), rows)

    with engine.execution_config_ctx(maintain_order=True):
        frame = engine.from_pydict({"input": list(range(len(bucket)))})
        frame = frame.select("input", read(column("input")).alias("row")).explode("row")
        return frame.select("input", column("row").unnest()).to_arrow()


def _account(table: Any, bucket: list[Job], made: Staging) -> Any:
    """Count a bucket's rows into the funnel, raise what is broken, and return the rows that stay."""

    problems = table["problem"].drop_null()
    if len(problems):
        raise TelosError(*orjson.loads(problems[0].as_py()))
    _note(table.filter(pc.or_(table["repaired"].is_valid(), table["skipped"].is_valid())), bucket, made)
    texts = table.filter(table["skipped"].is_null()) if table["skipped"].null_count < len(table) else table
    raw_bytes, refused = texts["raw_bytes"].to_numpy(), texts["refusal"].is_valid().to_numpy()
    made.read.keep(int(raw_bytes.sum()), int(raw_bytes.sum()), len(texts))
    for reason, size in zip(texts.filter(pa.array(refused))["refusal"].to_pylist(), raw_bytes[refused].tolist(), strict=True):
        made.clean.drop(reason, size)
    kept = texts.filter(pa.array(~refused)) if refused.any() else texts
    before = made.clean.documents_out
    made.clean.keep(int(raw_bytes[~refused].sum()), int(kept["bytes"].to_numpy().sum()), len(kept))
    order = pa.array(np.arange(before, made.clean.documents_out))
    return kept.select(["id", "source", "key", "bytes", "characters", "text"]).append_column("order", order)


def _note(table: Any, bucket: list[Job], made: Staging) -> None:
    """Count what was skipped, and name it and what was repaired (each file once for each way)."""
    for row in table.select(["input", "source", "repaired", "skipped", "raw_bytes"]).to_pylist():
        if row["skipped"] is not None:
            made.read.drop(row["skipped"], row["raw_bytes"])
            made.skipped.append({"source": row["source"], "reason": row["skipped"], "bytes": row["raw_bytes"]})
        else:
            entry = {"source": bucket[row["input"]].path, "encoding": row["repaired"]}
            if entry not in made.repaired[-8:]:
                made.repaired.append(entry)


def first_of_each(staging: Staging) -> np.ndarray:
    """Whether a document is the first with its fingerprint, bool; text stays on disk."""
    engine = daft()
    column = engine.col
    frame = engine.read_parquet(staging.files()).select("order", "key")
    firsts = frame.groupby("key").agg(column("order").min()).select("order").to_arrow()["order"].to_numpy()
    keep = np.zeros(staging.clean.documents_out, bool)
    keep[firsts] = True
    return keep
