"""By document, by a hash of its content, so that every label has its share in each split.

Of the n documents with a label the first ⌊n·v + ½⌋ by a hash keyed with the seed are validation, the next ⌊n·t + ½⌋ test;
documents without the label are a group of their own.  Copies that must stay together go where the first of them goes.  The
shares are exact where the content split's are right on average; a corpus that grows may move documents.
Tests: tests/corpus/test_stratified.py.
"""

import numpy as np
from pydantic import Field

from telos.corpus.split import uniform
from telos.corpus.splits import SPLITS, Assignment, Documents, Split
from telos.foundation.errors import TelosError


class Stratified(Split):
    """``field``: the label, one of the fields that the source keeps (``corpus.keep``)."""

    field: str = Field("label", min_length=1)

    def assign(self, documents: Documents, seed: int) -> Assignment:
        """`TelosError` where no document has the label, or a wanted split would be empty."""
        if documents.labels is None:
            raise TelosError(f"a stratified split needs documents with the field '{self.field}'", "none has it",
                             f"let the source keep it: corpus.keep={self.field}, or name another: split.field=NAME")  # fmt: skip
        _, group = np.unique(
            np.array([f"={label}" if label is not None else "" for label in documents.labels]), return_inverse=True
        )
        # Of documents that are tied together the first speaks for all.
        keys, first, tied = np.unique(documents.keys, return_index=True, return_inverse=True)
        split = np.zeros(len(keys), np.uint8)
        u = uniform(keys, seed, "split")
        for one in range(int(group.max()) + 1):
            members = np.flatnonzero(group[first] == one)
            members = members[np.lexsort((members, u[members]))]
            validation = int(len(members) * self.validation_fraction + 0.5)
            test = int(len(members) * self.test_fraction + 0.5)
            split[members[:validation]] = 1
            split[members[validation : validation + test]] = 2
        counts = np.bincount(split, minlength=3)
        if any(counts[SPLITS.index(name)] == 0 for name in self.wanted):
            found = ", ".join(f"{counts[SPLITS.index(name)]} in {name}" for name in self.wanted)
            raise TelosError("a stratified split must leave documents in " + ", ".join(self.wanted), found,
                             "add documents, or hold out larger fractions")  # fmt: skip
        return Assignment(split[tied])
