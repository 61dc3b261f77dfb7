"""By label where documents have one, by content where there are enough, else by position, which the report then says."""

from typing import ClassVar

import numpy as np

from telos.corpus.split import by_content
from telos.corpus.splits import SPLITS, Assignment, Documents, Split
from telos.corpus.splits.position import Position
from telos.corpus.splits.stratified import Stratified

MIN_DOCUMENTS = 4
"""Fewer held-out documents give no interval."""
_MIN_SHARE_OF_WANTED = 0.25


class Auto(Split):
    """A held-out split is too small when it has fewer than `MIN_DOCUMENTS` documents, or less than a quarter of the
    bytes that it should have.  Documents with a label are never cut, and every label has its share in each split."""

    field: ClassVar[str] = "label"

    def assign(self, documents: Documents, seed: int) -> Assignment:
        if documents.labels is not None:
            fractions = {"validation_fraction": self.validation_fraction, "test_fraction": self.test_fraction}
            return Stratified(field=self.field, **fractions).assign(documents, seed)
        split = by_content(documents, self, seed)
        small = [name for name in self.wanted if self._is_small(name, split, documents)]
        if not small:
            return Assignment(split)
        found = Position(validation_fraction=self.validation_fraction, test_fraction=self.test_fraction).assign(documents, seed)
        few = f"{len(documents)} document{'' if len(documents) == 1 else 's'} {'are' if len(documents) > 1 else 'is'} too few"
        return Assignment(None, f"{found.note} ({few} to hold out whole ones)")

    def _is_small(self, name: str, split: np.ndarray, documents: Documents) -> bool:
        chosen = split == SPLITS.index(name)  # type: ignore[arg-type]
        fraction = {"train": 1 - self.validation_fraction - self.test_fraction, "validation": self.validation_fraction,
                    "test": self.test_fraction}[name]  # fmt: skip
        enough = _MIN_SHARE_OF_WANTED * fraction * documents.size_bytes.sum()
        return int(chosen.sum()) < MIN_DOCUMENTS or int(documents.size_bytes[chosen].sum()) < enough
