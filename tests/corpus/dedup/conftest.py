"""Buckets of documents in memory, as the pipeline shows them to a deduplication."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from telos.corpus.clean import document_id, fingerprint
from telos.corpus.dedup import FACTS, Bucket, Deduplication
from telos.corpus.texts import Texts


class Memory:
    """`Observed` over lists of texts: what ``rule`` observes in each, and its facts."""

    def __init__(
        self,
        rule: Deduplication,
        texts: list[list[str]],
        *,
        dates: Any = None,
        fixed: Any = (),
        dead: Any = (),
        names: Any = None,
    ):
        self.rule = rule
        self.columns = [pa.array(t, pa.large_string()) for t in texts]
        self.buckets, self.known = [], []
        self.observed: dict[int, pa.Table] = {}
        for n, bucket in enumerate(texts):
            alive = np.array([(n, row) not in dead for row in range(len(bucket))], bool)
            self.buckets.append(Bucket(n, len(bucket), alive, fixed=n in fixed))
            sources = names[n] if names else [f"{n}/{row}.txt" for row in range(len(bucket))]
            keys = [int(fingerprint(t)[:16], 16) for t in bucket]
            self.known.append(pa.table([
                [document_id(s, t) for s, t in zip(sources, bucket, strict=True)], sources, pa.array(keys, pa.uint64()),
                [len(t.encode()) for t in bucket], pa.array(dates[n] if dates else [None] * len(bucket), pa.string()),
            ], schema=FACTS))  # fmt: skip

    def table(self, bucket, columns=None):
        if bucket.number not in self.observed:
            self.observed[bucket.number] = self.rule.observe(Texts(pa.table({"text": self.columns[bucket.number]})))
        made = self.observed[bucket.number]
        return made.select(columns) if columns else made

    def facts(self, bucket, columns=None):
        made = self.known[bucket.number]
        return made.select(columns) if columns else made

    def texts(self, bucket, rows):
        return self.columns[bucket.number].take(pa.array(rows))


@pytest.fixture
def decide() -> Callable[..., dict[str, tuple[str, float | None]]]:
    """``decide(rule, [[text, …], …])``: source → (keeper, similarity) of what is dropped."""

    def run(rule: Deduplication, texts: list[list[str]], **more: Any) -> dict[str, Any]:
        dropped = {}
        for decision in rule.decide(Memory(rule, texts, **more)):
            for row in decision.table.to_pylist():
                dropped[f"{decision.bucket}/{row['row']}.txt"] = (row["keeper"], row["similarity"])
        return dropped

    return run
