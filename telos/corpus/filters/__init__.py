"""The family of filters: rules that look at one document at a time and keep, change or drop it.

A filter sees a batch (`telos.corpus.texts.Texts`) and answers with a `Verdict`.  It is a pure function of the documents, its
settings, the files that it names and what `prepare` found, so that batches, workers and machines change nothing.
A member states its ``reasons`` and the ``scope`` of documents that it judges; others pass.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from telos.corpus.texts import Scope, Texts
from telos.foundation.spec import Spec

Prepared = Mapping[str, np.ndarray]
"""What a filter learnt before the first batch: arrays by name, kept in a file beside the corpus while it is being built."""


@dataclass(slots=True)
class Verdict:
    """What becomes of each document of a batch.

    ``reasons``: uint8, 0 stays, r > 0 is dropped for the filter's ``reasons[r - 1]``.  ``columns``: those that change, whole
    Arrow arrays by name (``text``, ``language``, ``score`` …).  ``counts``: what was found in the batch, by name, for the
    report.  ``details``: row → a few words on why it was dropped, for `telos corpus inspect`."""

    reasons: np.ndarray
    columns: dict[str, Any] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    details: dict[int, str] = field(default_factory=dict)

    @classmethod
    def keep_all(cls, texts: Texts, **columns: Any) -> "Verdict":
        return cls(np.zeros(len(texts), np.uint8), columns)


class Filter(Spec, family="telos.corpus.filters"):
    """Settings of a filter, and its behaviour."""

    reasons: ClassVar[tuple[str, ...]] = ()
    """Names of what it drops for, in snake case, as the funnel shows them."""
    scope: ClassVar[Scope] = "all"
    routes: ClassVar[str | None] = None
    """The one of its reasons for which a document is written to ``routed/LANGUAGE/`` in the corpus's folder, not lost."""
    conceals: ClassVar[bool] = False
    """Whether what it takes out of texts is private, so that no report may show it."""

    def files(self) -> list[str]:
        """Files of the user's that it reads; their content is part of a corpus's identity."""
        return []

    def prepare(self, sample: Callable[[int], list[str]]) -> dict[str, np.ndarray]:
        """Once, before the first batch: check what settings name, and learn from ``sample(n)``, about n texts of the corpus,
        cleaned, chosen by a hash.  `TelosError` for what a user can mend."""
        return {}

    def judge(self, texts: Texts, prepared: Prepared) -> Verdict:
        """The verdict on documents of its scope."""
        raise NotImplementedError


def first_reason(*failed: np.ndarray) -> np.ndarray:
    """uint8 of `Verdict.reasons`: of several bool arrays, one a reason in their order, the place (from 1) of the first that
    holds for a document, or 0."""
    found = np.zeros(len(failed[0]), np.uint8)
    for place in range(len(failed), 0, -1):
        found[failed[place - 1]] = place
    return found
