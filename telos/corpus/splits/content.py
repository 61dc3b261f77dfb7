"""By document, by a hash of its normalised content: stable when the corpus grows."""

import numpy as np

from telos.corpus.split import by_content
from telos.corpus.splits import SPLITS, Assignment, Documents, Split
from telos.foundation.errors import TelosError


class Content(Split):
    """Every document is in one split as a whole."""

    def assign(self, documents: Documents, seed: int) -> Assignment:
        split = by_content(documents, self, seed)
        counts = dict(zip(SPLITS, np.bincount(split, minlength=3).tolist(), strict=True))
        if any(counts[name] == 0 for name in self.wanted):
            raise TelosError("a split by content must leave documents in " + ", ".join(self.wanted),
                             ", ".join(f"{counts[name]} in {name}" for name in self.wanted),
                             "add documents, or cut each one by position: split.kind=position")  # fmt: skip
        return Assignment(split)
