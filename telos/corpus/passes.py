"""One pass over one bucket: what a worker does, a pure function of the work folder.

Pass 0 reads, cleans and filters; every later one carries out what was decided after the one before; the last also runs the
filters that come afterwards.  Each observes for the rules that decide next.  Texts pass a batch at a time.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from telos.corpus.account import Account
from telos.corpus.clean import fingerprints
from telos.corpus.dedup import FACTS
from telos.corpus.filters import Filter, Verdict
from telos.corpus.marking import hidden
from telos.corpus.reading import Reader
from telos.corpus.spans import follow
from telos.corpus.texts import COLUMNS, Texts
from telos.corpus.work import Work
from telos.foundation import files
from telos.foundation.errors import TelosError

ALL_FACTS = pa.schema([*FACTS, ("characters", pa.int64()), ("cluster", pa.uint64()), ("label", pa.string()),
                       ("split", pa.string())])  # fmt: skip
"""`FACTS`, and what splitting needs.  ``cluster``: equal for documents that must be in one split.  ``label``: the field that a
stratified split goes by.  ``split``: of a document in an earlier corpus."""
PROBLEM = "problem.json"
WORK_FOLDER = "work folder"
"""Under this name stand the seconds that go into writing and reading what lies between passes."""


def run_bucket(folder: str, number: int, bucket: int) -> None:
    """Make pass ``number`` of a bucket, unless it is there.  What is broken in an input becomes ``problem.json`` in the
    bucket's place (must, found, fix), for the main process to raise: the first in order, whichever worker met it first."""
    work = Work.open(folder)
    to = work.bucket(number, bucket)
    if to.exists():
        return
    with files.commit_folder(to) as temporary:
        try:
            _Pass(work, number, bucket, temporary).run()
        except TelosError as error:
            files.write_json(temporary / PROBLEM, [error.must, error.found, error.fix])
    work.marker(bucket).unlink(missing_ok=True)


class _Pass:
    def __init__(self, work: Work, number: int, bucket: int, folder: Path):
        self.work, self.number, self.bucket, self.folder = work, number, bucket, folder
        self.account = Account()
        self.writers: dict[str, pq.ParquetWriter] = {}
        names = work.dedup_names[sum(map(len, work.groups.groups[:number])) :]
        self.observing = list(zip(names, work.groups.observing(number), strict=False))
        self.written = 0

    def run(self) -> None:
        began = time.perf_counter()
        try:
            for texts in self._earlier() if self.work.fixed(self.bucket) else self._texts():
                self._put(texts)
            self._close()
        finally:
            for writer in self.writers.values():
                writer.close()
        self.account.spend(WORK_FOLDER, time.perf_counter() - began - sum(self.account.seconds.values()))
        files.write_json(self.folder / "account.json", self.account.as_dict())

    # -- where texts come from ------------------------------------------------------------------------------------------

    def _texts(self) -> Iterator[Texts]:
        work, clean = self.work, self.work.clean
        if self.number == 0:
            reader = Reader(work.sources, clean, self.account, work.marker(self.bucket), work.quarantined())
            for texts, dropped in reader.batches(work.jobs(self.bucket)):
                self._log(dropped)
                yield self._filtered(texts, clean.filters, work.filter_names)
        else:
            clusters = work.clusters(self.number - 1, self.bucket)
            last = self.number == len(work.groups.groups)
            for start, texts in batches(work.text_file(self.number - 1, self.bucket)):
                tied = pa.array(clusters[start : start + len(texts)])
                tied_texts = Texts(texts.table.append_column("cluster", tied))
                left, dropped = carry_out(work, self.number - 1, self.bucket, tied_texts, start, self.account)
                for table in dropped:
                    self._log(table)
                yield self._filtered(left, clean.afterwards, work.afterwards_names) if last else left

    def _earlier(self) -> Iterator[Texts]:
        for _, texts in batches(self.work.text_file(0, self.bucket)):
            n = len(texts)
            missing = {"raw_bytes": pa.array(texts.sizes), "language_confidence": pa.nulls(n, pa.float32()),
                       "score": pa.nulls(n, pa.float32())}  # fmt: skip
            columns = [texts.table[name] if name in texts.table.column_names else missing.get(name, pa.nulls(n, pa.string()))
                       for name in COLUMNS.names]  # fmt: skip
            yield Texts(pa.Table.from_arrays(columns, schema=COLUMNS))

    def _filtered(self, texts: Texts, filters: Sequence[Filter], names: Sequence[str]) -> Texts:
        for rule, name in zip(filters, names, strict=True):
            texts, dropped, routed = judged(rule, name, texts, self.work, self.account)
            self._log(dropped)
            if len(routed):
                self._write("routed", routed.table.select(COLUMNS.names))
        return texts

    # -- what becomes of them -------------------------------------------------------------------------------------------

    def _log(self, dropped: pa.Table | None) -> None:
        if dropped is not None:
            self._write("dropped", dropped)

    def _put(self, texts: Texts) -> None:
        """Texts that stay: written down with facts, and observed.  Of an earlier corpus the texts are where they are."""
        if not self.work.fixed(self.bucket):
            self._write("texts", texts.table.select(COLUMNS.names))
        self._write("facts", self._facts(texts))
        for place, (name, rule) in enumerate(self.observing):
            with self.account.timed(name):
                table = rule.observe(texts)
            if "row" in table.column_names:
                rows = pc.cast(pc.add(table["row"], pa.scalar(self.written, pa.uint32())), pa.uint32())
                table = table.set_column(table.column_names.index("row"), "row", rows)
            self._write(f"seen-{place}", table)
        self.written += len(texts)

    def _facts(self, texts: Texts) -> pa.Table:
        metadata = [orjson.loads(m) if m else {} for m in texts.table["metadata"].to_pylist()]
        label = self.work.label_field
        keys = pa.array(fingerprints(texts)[:, 0])
        clusters = texts.table["cluster"] if "cluster" in texts.table.column_names else keys
        split = Path(self.work.text_file(0, self.bucket)).parent.name if self.work.fixed(self.bucket) else None
        dates = pa.array([_text(m.get("date")) for m in metadata], pa.string())
        labels = pa.array([None if label is None else _text(m.get(label)) for m in metadata], pa.string())
        characters = pc.cast(pc.utf8_length(texts.text), pa.int64())
        return pa.table([
            texts.table["id"], texts.table["source"], keys, pa.array(texts.sizes), dates, characters, clusters, labels,
            pa.array([split] * len(texts), pa.string()),
        ], schema=ALL_FACTS)  # fmt: skip

    def _write(self, name: str, table: pa.Table) -> None:
        if name not in self.writers:
            # Text is packed lightly; hashes do not pack.
            how = {"compression": "zstd", "compression_level": 1} if name == "texts" else {"compression": "none"}
            self.writers[name] = pq.ParquetWriter(self.folder / f"{name}.parquet", table.schema, use_dictionary=False,
                                                  write_statistics=False, **how)  # fmt: skip
        if table.num_rows:
            self.writers[name].write_table(table, row_group_size=table.num_rows)

    def _close(self) -> None:
        """A bucket without a document has the same files as any other."""
        if not self.writers.keys() >= {"facts"}:
            self._put(Texts(COLUMNS.empty_table()))


def judged(rule: Filter, name: str, texts: Texts, work: Work, account: Account) -> tuple[Texts, pa.Table | None, Texts]:
    """The texts that a filter leaves, as it leaves them, `DROPPED` rows of the others, and those of them that are routed
    elsewhere.  Documents out of its scope pass."""
    with account.timed(name):
        return _judged(rule, name, texts, work, account)


def _judged(rule: Filter, name: str, texts: Texts, work: Work, account: Account) -> tuple[Texts, pa.Table | None, Texts]:
    rows = texts.rows_in(rule.scope)
    inside = texts.take(rows)
    verdict = rule.judge(inside, work.prepared(name)) if len(inside) else Verdict.keep_all(inside)
    if not rows.all():
        verdict = _spread(verdict, rows, texts)
    every = changed(texts, verdict)
    after = every.take(verdict.reasons == 0)
    routed = rule.reasons.index(rule.routes) + 1 if rule.routes else None
    dropped = account.judged(name, rule.reasons, texts, verdict, after, hidden if rule.conceals else None)
    return after, dropped, every.take(verdict.reasons == routed) if routed else texts.take(np.zeros(len(texts), bool))


def changed(texts: Texts, verdict: Verdict) -> Texts:
    """All documents with the columns that a verdict changes, and spans where they stand in changed texts."""
    if not verdict.columns:
        return texts
    after = texts.replace(**verdict.columns)
    return follow(texts, after, verdict.counts) if "text" in verdict.columns else after


def _spread(verdict: Verdict, rows: np.ndarray, texts: Texts) -> Verdict:
    """A verdict on some rows as one on all."""
    reasons = np.zeros(len(texts), np.uint8)
    reasons[rows] = verdict.reasons
    places = np.flatnonzero(rows)
    columns = {}
    for name, values in verdict.columns.items():
        field = COLUMNS.field(name)
        own = texts.table[name].combine_chunks() if name in texts.table.column_names else pa.nulls(len(texts), field.type)
        own = own.chunk(0) if isinstance(own, pa.ChunkedArray) else own
        array = values if isinstance(values, pa.Array) else pa.array(values, field.type)
        both = pa.concat_arrays([own, array])
        order = np.arange(len(texts))
        order[places] = len(texts) + np.arange(len(places))
        columns[name] = both.take(pa.array(order))
    details = {int(places[row]): text for row, text in verdict.details.items()}
    return Verdict(reasons, columns, verdict.counts, details)


def carry_out(  # noqa: PLR0917
    work: Work, number: int, bucket: int, texts: Texts, start: int, account: Account
) -> tuple[Texts, list[pa.Table]]:  # fmt: skip
    """What the rules that observed in pass ``number`` have decided on a batch, whose first document is the bucket's
    ``start``-th: the texts that stay, and `DROPPED` rows."""
    rules = work.groups.observing(number)
    offset = sum(len(group) for group in work.groups.groups[:number])
    dropped: list[pa.Table] = []
    left = np.ones(len(texts), bool)
    for place, rule in enumerate(rules):
        with account.timed(work.dedup_names[offset + place]):
            decision = _slice(pq.read_table(work.decision(number, place, bucket), memory_map=True), start, len(texts))
            verdict = rule.apply(texts, decision)
            before = texts.take(left)
            texts = changed(texts, verdict)
            stays = left & (verdict.reasons == 0)
            places = np.cumsum(left) - 1
            narrowed = Verdict(verdict.reasons[left], dict.fromkeys(verdict.columns), verdict.counts,
                               {int(places[row]): text for row, text in verdict.details.items() if left[row]})  # fmt: skip
            table = account.judged(work.dedup_names[offset + place], rule.reasons, before, narrowed, texts.take(stays))
            dropped += [] if table is None else [table]
            left = stays
    return texts.take(left), dropped


def _slice(decision: pa.Table, start: int, documents: int) -> pa.Table:
    """The decisions on some documents, their rows counted from the first of them; all where they are of no single one."""
    if "row" not in decision.column_names:
        return decision
    rows = decision["row"].to_numpy()
    first, last = np.searchsorted(rows, [start, start + documents])
    part = decision.slice(int(first), int(last - first))
    shifted = pa.array(rows[first:last] - np.uint32(start), pa.uint32())
    return part.set_column(part.column_names.index("row"), "row", shifted)


def batches(file: Path) -> Iterator[tuple[int, Texts]]:
    """(first document, texts) of each row group."""
    parquet, start = pq.ParquetFile(file), 0
    for group in range(parquet.num_row_groups):
        texts = Texts(parquet.read_row_group(group))
        yield start, texts
        start += len(texts)


def _text(value: Any) -> str | None:
    return None if value is None else value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
