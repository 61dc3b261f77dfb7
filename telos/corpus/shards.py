"""A split's documents on disk: Parquet parts under our own names, the same bytes for the same documents."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

PART_BYTES = 1 << 26
"""A part is closed when its text has reached this size, so it is at most one row group larger."""
ROW_GROUP_BYTES = 1 << 23
COLUMNS = ("id", "source", "bytes", "characters", "language", "score", "metadata", "text")


def schema() -> Any:
    import pyarrow as pa

    return pa.schema([("id", pa.string()), ("source", pa.string()), ("bytes", pa.int64()), ("characters", pa.int64()),
                      ("language", pa.string()), ("score", pa.float32()), ("metadata", pa.string()),
                      ("text", pa.large_string())])  # fmt: skip


class ShardWriter:
    """Appends documents to ``part-00000.parquet``, ``part-00001.parquet`` … of a folder; cuts depend on the documents
    and their order alone."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.parts = folder, 0
        self._waiting: list[Any] = []
        self._waiting_bytes = self._part_bytes = 0
        self._file: Any = None

    def append(self, table: Any) -> None:
        """Documents as an Arrow table with (at least) `COLUMNS`."""
        table = table.select(list(COLUMNS)).cast(schema())
        sizes = np.cumsum(table["bytes"].to_numpy())
        start = 0
        while start < table.num_rows:
            before = int(sizes[start - 1]) if start else 0
            room = ROW_GROUP_BYTES - self._waiting_bytes
            end = min(int(np.searchsorted(sizes, before + room)) + 1, table.num_rows)
            self._waiting.append(table.slice(start, end - start))
            self._waiting_bytes += int(sizes[end - 1]) - before
            start = end
            if self._waiting_bytes >= ROW_GROUP_BYTES:
                self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._waiting:
            return
        if self._file is None:
            name = self.folder / f"part-{self.parts:05d}.parquet"
            self._file = pq.ParquetWriter(name, schema(), compression="zstd", compression_level=1, use_dictionary=False,
                                          write_statistics=["bytes", "characters"])  # fmt: skip
            self.parts += 1
        self._file.write_table(pa.concat_tables(self._waiting).combine_chunks())
        self._part_bytes += self._waiting_bytes
        self._waiting, self._waiting_bytes = [], 0
        if self._part_bytes >= PART_BYTES:
            self._close_part()

    def _close_part(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._part_bytes = None, 0

    def close(self) -> None:
        self._flush()
        self._close_part()


def parts(folder: Path) -> list[Path]:
    """The parts of a split in their order."""
    return sorted(folder.glob("part-*.parquet"))


def rows(folder: Path, columns: list[str]) -> Iterator[dict[str, Any]]:
    """The documents of a split in their order, with these columns; a few hundred are held at a time."""
    import pyarrow.parquet as pq

    for part in parts(folder):
        for batch in pq.ParquetFile(part).iter_batches(256, columns=columns):
            yield from batch.to_pylist()
