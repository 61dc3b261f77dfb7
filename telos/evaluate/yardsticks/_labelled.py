"""A labelled set: texts with their classes, a part to learn from and a part to be told.

Tests: tests/evaluate/yardsticks/test_labelled.py.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from telos.corpus.sources.files import Files
from telos.foundation.errors import TelosError
from telos.foundation.random import generator

if TYPE_CHECKING:
    from telos.evaluate.yardsticks import Context


@dataclass(frozen=True, slots=True)
class Labelled:
    """``texts``, and ``classes`` (n,): the number of each one's label among ``labels``."""

    texts: list[str]
    classes: np.ndarray
    labels: tuple[str, ...]

    @classmethod
    def read(cls, context: "Context") -> "Labelled":
        """The file's texts that have a label, in its order; `TelosError` where there are no two classes."""
        assert context.labelled is not None
        source = Files(path=str(context.labelled), text_field=context.text_field, label_field=context.label_field,
                       columns=context.columns)  # fmt: skip
        found = [raw for item in source.inputs() for raw in source.read(item) if not raw.skipped and "label" in raw.metadata]
        found = [raw for raw in found if raw.text.strip()]
        labels = tuple(sorted({str(raw.metadata["label"]) for raw in found}))
        if len(labels) < 2:
            raise TelosError("a labelled set must have texts of at least two classes",
                             f"{len(labels)}{': ' * bool(labels)}{', '.join(labels)}",
                             "give another file, or name the field with the class (--label-field NAME)")  # fmt: skip
        numbers = {name: number for number, name in enumerate(labels)}
        classes = np.array([numbers[str(raw.metadata["label"])] for raw in found])
        return cls([raw.text for raw in found], classes, labels)

    def split(self, training: int, test: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """(numbers of the texts to learn from, of those to be told): a quarter is for the test, at most so many of each."""
        order = generator(seed, "labelled", len(self.texts)).permutation(len(self.texts))
        apart = max(1, len(order) // 4)
        return order[apart : apart + training], np.sort(order[:apart][:test])

    @property
    def commonest_share(self) -> float:
        """What a guess of the commonest class gets right."""
        return float(np.bincount(self.classes).max() / len(self.classes))
