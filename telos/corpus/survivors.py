"""The documents that all rules have left: what splitting looks at, and their texts in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from telos.corpus import shards
from telos.corpus.account import DROPPED, Account
from telos.corpus.passes import batches, carry_out
from telos.corpus.split import SPLITS, Assignment, Documents, Split
from telos.corpus.work import Work
from telos.corpus.writing import with_sizes

DROPPED_FILE = "dropped.parquet"


class DropLog:
    """Every document that was dropped, without its text: one Parquet file of the corpus."""

    def __init__(self, file: Path):
        self.writer = pq.ParquetWriter(file, DROPPED, compression="zstd", write_statistics=["id", "source"])

    def write(self, table: pa.Table) -> None:
        if table.num_rows:
            self.writer.write_table(table.cast(DROPPED))

    def copy(self, work: Work) -> None:
        """What the passes have written down, in the order of buckets, so that their number changes nothing."""
        for number in range(work.last_pass + 1):
            for bucket in range(work.buckets - work.earlier):
                file = work.bucket(number, bucket) / "dropped.parquet"
                if file.exists():
                    self.write(pq.read_table(file))

    def close(self) -> None:
        self.writer.close()


@dataclass(slots=True)
class Survivors:
    """Over all documents of the last pass, in their order.  ``keep``: bool; the others are dropped by what was decided last."""

    ends: np.ndarray
    keep: np.ndarray
    facts: pa.Table
    clusters: np.ndarray
    recorded: dict[int, int]
    """Cluster → place in `SPLITS` of documents in earlier corpora."""

    @classmethod
    def of(cls, work: Work) -> "Survivors":
        number, own = work.last_pass, work.buckets - work.earlier
        columns = ["source", "bytes", "characters", "label"]
        facts = [work.facts(number, bucket, columns) for bucket in range(own)]
        keep = [np.ones(table.num_rows, bool) for table in facts]
        if work.undone is not None:
            for bucket in range(own):
                for rule in range(len(work.groups.observing(number))):
                    keep[bucket][pq.read_table(work.decision(number, rule, bucket))["row"].to_numpy()] = False
        clusters = [work.clusters(number, bucket) for bucket in range(own)]
        recorded: dict[int, int] = {}
        for bucket in range(own, work.buckets):
            if work.bucket(0, bucket).exists():
                table = work.facts(0, bucket, ["key", "split"])
                recorded |= zip(table["key"].to_pylist(), map(SPLITS.index, table["split"].to_pylist()), strict=True)
        ends = np.cumsum([table.num_rows for table in facts])
        return cls(ends, np.concatenate(keep), pa.concat_tables(facts), np.concatenate(clusters), recorded)

    def documents(self) -> Documents:
        kept = self.facts.filter(pa.array(self.keep))
        labels = kept["label"].to_pylist() if kept["label"].null_count < kept.num_rows else None
        return Documents(self.clusters[self.keep], kept["bytes"].to_numpy(), kept["characters"].to_numpy(), labels)

    def assign(self, split: Split, documents: Documents, seed: int) -> Assignment:
        """As the split says, but near copies of documents in an earlier corpus go where those are."""
        made = split.assign(documents, seed)
        if made.split is not None and self.recorded:
            places = np.array([self.recorded.get(key, 255) for key in documents.keys.tolist()], np.uint8)
            made = Assignment(np.where(places == 255, made.split, places).astype(np.uint8), made.note)
        return made

    def sources(self) -> pa.ChunkedArray:
        """Of the documents that stay."""
        return self.facts["source"].filter(pa.array(self.keep))

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values of the documents that stay, as values of all; 0 for the others."""
        whole = np.zeros(len(self.keep), values.dtype)
        whole[self.keep] = values
        return whole

    def tables(self, work: Work, account: Account, dropped: DropLog) -> Iterator[tuple[np.ndarray, pa.Table]]:
        """(places, documents with `shards.COLUMNS`) a batch at a time; what was decided last is carried out here."""
        number, undone = work.last_pass, work.undone
        for bucket in range(work.buckets - work.earlier):
            first = int(self.ends[bucket - 1]) if bucket else 0
            for start, texts in batches(work.text_file(number, bucket)):
                places = np.arange(first + start, first + start + len(texts))
                if undone is not None:
                    texts, tables = carry_out(work, undone, bucket, texts, start, account)  # noqa: PLW2901
                    for table in tables:
                        dropped.write(table)
                places = places[self.keep[places]]
                yield places, with_sizes(texts).select([*shards.COLUMNS, "language_confidence"])
