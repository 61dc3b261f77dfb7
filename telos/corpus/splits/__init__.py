"""The family of splits: which text is trained on, which is held out."""

from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
from pydantic import Field, model_validator

from telos.foundation.spec import Spec

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)


@dataclass(frozen=True, slots=True)
class Documents:
    """What a split may look at, one value a document: ``keys`` uint64, the first half of the content's fingerprint;
    ``size_bytes`` and ``characters`` int64; ``labels``: of each document, where a split goes by them."""

    keys: np.ndarray
    size_bytes: np.ndarray
    characters: np.ndarray
    labels: list[str | None] | None = None

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class Assignment:
    """``split``: uint8, the place in `SPLITS` of each document; None where each is cut in parts by position.
    ``note``: what a report must say about it, or None."""

    split: np.ndarray | None
    note: str | None = None


class Split(Spec, family="telos.corpus.splits", default="auto"):
    """``validation_fraction`` and ``test_fraction``: the shares that are held out, in 0–1; no test set with 0."""

    validation_fraction: float = Field(0.05, gt=0, lt=1)
    test_fraction: float = Field(0.05, ge=0, lt=1)

    @model_validator(mode="after")
    def _leaves_training_text(self) -> Self:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction and test_fraction together must be less than 1")
        return self

    @property
    def wanted(self) -> tuple[SplitName, ...]:
        """The splits that must not be empty."""
        return SPLITS if self.test_fraction else SPLITS[:2]

    def assign(self, documents: Documents, seed: int) -> Assignment:
        """Where each document goes; `TelosError` where a wanted split would be empty."""
        raise NotImplementedError
