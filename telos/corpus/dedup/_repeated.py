"""What `paragraph` and `line` have in common: a passage that already stood in an earlier document, or earlier in the same
one, is removed where it is long enough.

Documents are gone through in the order of the corpus, an earlier corpus first.  A document that loses nearly everything is
dropped, and what only it had in common with later ones then stays in those: text is never lost from all of its places but for
the remains of dropped documents.  Documents of an earlier corpus lose nothing.

Cost: `observe` stores 24 bytes a passage that is long enough; `decide` holds a quarter of a gigabyte while it counts, then 16
bytes a different passage that recurs, and one bucket's observations.  No text is read back.
"""

from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from telos.corpus.dedup import Bucket, Decision, Deduplication, Observed
from telos.corpus.filters import Verdict
from telos.corpus.passages import numbers_in, passages, recurring, without
from telos.corpus.places import Places
from telos.corpus.texts import HAN, Texts


class _Repeated(Deduplication):
    """``min_characters``, ``min_han_characters``: shorter passages always stay (white space not counted; the second in documents
    written in Chinese).  ``min_left_fraction``: a document that keeps less of its characters is dropped."""

    changes_text: ClassVar[bool] = True
    by_line: ClassVar[bool]

    min_characters: int = Field(1, ge=1)
    min_han_characters: int = Field(1, ge=1)
    min_left_fraction: float = Field(0.1, ge=0, le=1)

    def observe(self, texts: Texts) -> pa.Table:
        """Of each passage that is long enough: ``row``; ``passage``, its number in the document; ``hash``; ``characters``; and
        ``document_characters`` of the whole document."""
        found = passages(texts, by_line=self.by_line)
        least = np.where(texts.scripts == HAN, self.min_han_characters, self.min_characters)
        long = found.characters >= least[found.rows]
        rows = found.rows[long]
        return pa.table({
            "row": rows, "passage": found.numbers()[long].astype(np.uint32), "hash": found.hashes[long],
            "characters": found.characters[long], "document_characters": found.totals(len(texts))[rows].astype(np.uint32),
        })  # fmt: skip

    def decide(self, seen: Observed) -> Iterator[Decision]:
        """For each bucket ``row`` and ``passage`` of what is removed; a null passage stands for the whole document."""
        from telos.corpus.kernels.passages import sweep

        places = Places(seen)
        known = recurring(
            lambda: (_alive(bucket, seen.table(bucket, ["row", "hash"]))["hash"].to_numpy() for bucket in places.buckets), 2
        )
        owners = np.zeros(len(known), np.int64)
        for bucket, start, _ in places.spans():
            table = _alive(bucket, seen.table(bucket))
            rows, characters = table["row"].to_numpy(), table["characters"].to_numpy()
            removed, dropped = np.zeros(len(rows), bool), np.zeros(bucket.documents, bool)
            numbers = numbers_in(known, table["hash"].to_numpy())
            totals = table["document_characters"].to_numpy()
            sweep(rows, numbers, characters, totals, bucket.fixed, self.min_left_fraction, start, owners, removed, dropped)
            if not bucket.fixed:
                gone = np.flatnonzero(dropped).astype(np.uint32)
                whole = pa.table({"row": gone, "passage": pa.nulls(len(gone), pa.uint32())})
                yield Decision(
                    bucket.number, pa.concat_tables([table.select(["row", "passage"]).filter(pa.array(removed)), whole])
                )

    def apply(self, texts: Texts, decision: pa.Table) -> Verdict:
        verdict = Verdict(np.zeros(len(texts), np.uint8))
        whole = decision["passage"].is_null().to_numpy()
        rows = decision["row"].to_numpy()
        verdict.reasons[rows[whole]] = 1
        if whole.all():
            return verdict
        found = passages(texts, by_line=self.by_line)
        firsts = np.searchsorted(found.rows, rows[~whole])
        removed = np.zeros(len(found.rows), bool)
        removed[firsts + decision["passage"].drop_null().to_numpy()] = True
        text = without(texts, found, removed)
        verdict.columns["text"] = text
        kind = self.kind()
        verdict.counts = Counter({
            f"{kind}s_removed": int(removed.sum()), "characters_removed": int(found.characters[removed].sum()),
            "documents_changed": len(np.unique(rows[~whole])),
        })  # fmt: skip
        return verdict


def _alive(bucket: Bucket, table: pa.Table) -> pa.Table:
    rows = bucket.alive[table["row"].to_numpy()]
    return table if rows.all() else table.filter(pa.array(rows))
