"""A batch of documents as Arrow columns, and what rules look at in them, computed once a batch.

Rules are vectorised over the UTF-8 bytes of all texts: `data` and `offsets` are views of Arrow's buffers, without a copy.
Test: tests/corpus/test_texts.py.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa

Scope = Literal["all", "spaced", "han"]
"""Which documents a rule judges: those whose words are set apart by spaces, those written in Chinese characters, or all."""
SPACED, HAN = 0, 1
HAN_FRACTION = 0.3
"""A document of which at least this share of the letters is Han (or kana) is judged by rules on characters."""

COLUMNS = pa.schema([
    ("id", pa.string()), ("source", pa.string()), ("raw_bytes", pa.int64()), ("language", pa.string()),
    ("language_confidence", pa.float32()), ("score", pa.float32()), ("metadata", pa.string()), ("text", pa.large_string()),
])  # fmt: skip
"""A document between reading and the corpus.

``id``: 32 hexadecimal digits, the hash of source and raw text.  ``source``: relative path, with ``:place``.  ``raw_bytes``:
UTF-8 bytes of the text as it was read.  ``language``: ISO 639-1, null where nobody asked.  ``score``: of relevance, null
where nobody asked.  ``metadata``: fields that the source carries along, as canonical JSON, or null."""


class Texts:
    """Documents with at least the column ``text``, in their order."""

    def __init__(self, table: pa.Table):
        self.table = table.combine_chunks()
        column = self.table["text"]
        self.text: pa.LargeStringArray = column.chunk(0) if column.num_chunks else pa.array([], pa.large_string())
        assert self.text.type == pa.large_string(), self.text.type
        assert self.text.null_count == 0
        self._shared: dict[str, Any] = {}

    @classmethod
    def of(cls, texts: Sequence[str], **columns: Any) -> "Texts":
        """From strings; further columns as sequences (for tests, and for texts that belong to no corpus)."""
        arrays = {"text": pa.array(texts, pa.large_string())}
        arrays |= {name: pa.array(values, COLUMNS.field(name).type) for name, values in columns.items()}
        return cls(pa.table(arrays))

    def __len__(self) -> int:
        return len(self.text)

    @property
    def offsets(self) -> np.ndarray:
        """int64, one more than documents: text i is ``data[offsets[i]:offsets[i + 1]]``."""
        whole = np.frombuffer(self.text.buffers()[1] or b"\0" * 8, np.int64)
        return whole[self.text.offset : self.text.offset + len(self.text) + 1]

    @property
    def data(self) -> np.ndarray:
        """uint8: the UTF-8 bytes that `offsets` points into."""
        buffer = self.text.buffers()[2]
        return np.frombuffer(buffer, np.uint8) if buffer is not None else np.zeros(0, np.uint8)

    @property
    def sizes(self) -> np.ndarray:
        """UTF-8 bytes of each text, int64."""
        return np.diff(self.offsets)

    def shared(self, name: str, make: Callable[["Texts"], Any]) -> Any:
        """What ``make`` finds in these texts, computed at the first call and kept under ``name`` for the next rule: an array
        with a row a document, or what has ``take(rows)``, so that it can follow the documents that are left."""
        if name not in self._shared:
            self._shared[name] = make(self)
        return self._shared[name]

    @property
    def scripts(self) -> np.ndarray:
        """`SPACED` or `HAN` of each document, uint8."""
        return self.shared("scripts", _scripts)

    def rows_in(self, scope: Scope) -> np.ndarray:
        """Which documents a rule of that scope judges, bool."""
        if scope == "all":
            return np.ones(len(self), bool)
        return self.scripts == (HAN if scope == "han" else SPACED)

    def take(self, rows: np.ndarray) -> "Texts":
        """Those documents alone (a bool mask)."""
        if rows.all():
            return self
        taken = Texts(self.table.filter(pa.array(rows)))
        for name, value in self._shared.items():
            taken._shared[name] = value[rows] if isinstance(value, np.ndarray) else value.take(rows)
        return taken

    def replace(self, **columns: Any) -> "Texts":
        """The same documents with some columns changed."""
        table = self.table
        for name, values in columns.items():
            place = table.schema.get_field_index(name)
            field = COLUMNS.field(name)
            column = values if isinstance(values, pa.Array) else pa.array(values, field.type)
            table = table.append_column(field, column) if place < 0 else table.set_column(place, field, column)
        changed = Texts(table)
        if "text" not in columns:
            changed._shared = dict(self._shared)
        return changed


def _scripts(texts: Texts) -> np.ndarray:
    from telos.corpus.kernels.scripts import letters

    counts = letters(texts.data, texts.offsets)
    han, others = counts[:, 0], counts[:, 1]
    return np.where((han > 0) & (han >= HAN_FRACTION * (han + others)), HAN, SPACED).astype(np.uint8)
