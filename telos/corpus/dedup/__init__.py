"""The family of deduplications: rules that compare documents with each other.

They work in three steps, so that text never enters a sort, a join or a group-by and any number of workers can share them:
``observe`` takes hashes from each bucket of documents as it passes; ``decide`` looks at the hashes of all buckets, in one
process, and says bucket by bucket what goes; ``apply`` carries that out on the bucket's documents as they pass again.
Ties are broken by content and id, never by arrival.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import pyarrow as pa

from telos.corpus.filters import Verdict
from telos.corpus.texts import Texts
from telos.foundation.spec import Spec

DROP = pa.schema([("row", pa.uint32()), ("reason", pa.uint8()), ("keeper", pa.string()), ("similarity", pa.float32())])
"""Documents of a bucket that go: ``row`` in the bucket, ``reason`` (from 1) as in `Verdict.reasons`, ``keeper`` the source of
the document that stays in their place (or null), ``similarity`` to it in 0–1 (or null)."""
FACTS = pa.schema(
    [("id", pa.string()), ("source", pa.string()), ("key", pa.uint64()), ("bytes", pa.int64()), ("date", pa.string())]
)
"""What is known of each document of a bucket without its text.  ``key``: the first half of the content's fingerprint
(`telos.corpus.clean.fingerprint`).  ``date``: the field "date" of its metadata, or null."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """``alive``: bool, documents that no rule before this one drops.  ``fixed``: its documents belong to an earlier corpus:
    they stay, whatever is found, and of two copies the one in the earlier corpus is the one that is kept."""

    number: int
    documents: int
    alive: np.ndarray
    fixed: bool = False


class Observed(Protocol):
    """The observations of one rule over all buckets, on disk; each call reads."""

    buckets: list[Bucket]

    def table(self, bucket: Bucket, columns: list[str] | None = None) -> pa.Table:
        """What ``observe`` returned for that bucket."""
        ...

    def facts(self, bucket: Bucket, columns: list[str] | None = None) -> pa.Table:
        """`FACTS` of its documents, in their order."""
        ...

    def texts(self, bucket: Bucket, rows: np.ndarray) -> pa.LargeStringArray:
        """The texts of some of its documents (sorted row numbers)."""
        ...


@dataclass(slots=True)
class Decision:
    """For one bucket.  ``table``: `DROP`, or what the rule's own ``apply`` reads: decisions on single documents have a column
    ``row``, by which a batch gets its part; a table without one holds for every document.  ``clusters``: uint64, one a document,
    equal for documents that must be in one split: the smallest content key among them; None where nothing ties documents."""

    bucket: int
    table: pa.Table
    clusters: np.ndarray | None = None


class Deduplication(Spec, family="telos.corpus.dedup", default="exact"):
    """Settings of a deduplication, and its behaviour."""

    reasons: ClassVar[tuple[str, ...]] = ()
    changes_text: ClassVar[bool] = False
    """Whether ``apply`` changes texts, so that rules after it must look again."""

    def observe(self, texts: Texts) -> pa.Table:
        """Hashes of a batch.  One row a document, or several with a column ``row`` (uint32) that says which document's; the
        batches of a bucket are joined, with ``row`` counted through."""
        raise NotImplementedError

    def decide(self, seen: Observed) -> Iterator[Decision]:
        """What goes, for every bucket that is not fixed, in their order."""
        raise NotImplementedError

    def apply(self, texts: Texts, decision: pa.Table) -> Verdict:
        """Carry out the decision on a batch of documents, whose ``row`` is counted from the first of them."""
        verdict = Verdict(np.zeros(len(texts), np.uint8))
        rows = decision["row"].to_numpy()
        verdict.reasons[rows] = decision["reason"].to_numpy()
        for row, keeper, similarity in zip(
            rows.tolist(), *(decision[c].to_pylist() for c in ("keeper", "similarity")), strict=True
        ):
            if keeper is not None:
                alike = "" if similarity is None else f" (similarity {similarity:.2f})"
                verdict.details[row] = f"copy of {keeper}{alike}"
        return verdict


def drop_table(rows: np.ndarray, reason: int, keepers: list[str | None], similarities: Any = None) -> pa.Table:
    """A `DROP` table of documents that all go for one reason."""
    return pa.table([
        pa.array(rows, pa.uint32()), pa.array(np.full(len(rows), reason, np.uint8)), pa.array(keepers, pa.string()),
        pa.nulls(len(rows), pa.float32()) if similarities is None else pa.array(similarities, pa.float32()),
    ], schema=DROP)  # fmt: skip
