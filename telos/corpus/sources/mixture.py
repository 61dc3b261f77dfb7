"""Several sources in given proportions: weights, or a temperature over their sizes, with a cap on how often text is repeated.

Shares are of training text after cleaning and deduplication (`telos.corpus.mixing`); validation and test hold whatever was held
out of each part, once.  Test: tests/corpus/test_mixing.py.
"""

from collections.abc import Iterator

import numpy as np
from pydantic import Field, field_validator, model_validator

from telos.corpus.sources import Input, RawDocument, Source
from telos.foundation.spec import Spec, stable_hash


class Part(Spec):
    """``name``: the first part of its documents' paths.  ``weight``: its share beside the others', or null for all."""

    name: str = Field(min_length=1, pattern="^[^/:]+$")
    source: Source
    weight: float | None = Field(None, gt=0)


class Mixture(Source):
    """``parts``: sources with names.  ``temperature``: where no weights are given, 1 keeps the proportions of their sizes and
    larger ones even them out.  ``max_epochs``: how often a document is taken at most."""

    parts: list[Part] = Field(min_length=1)
    temperature: float = Field(1.0, ge=1)
    max_epochs: float = Field(4.0, ge=1)

    @field_validator("parts")
    @classmethod
    def _names_differ(cls, parts: list[Part]) -> list[Part]:
        names = [part.name for part in parts]
        if len(set(names)) < len(names):
            raise ValueError("parts of a mixture must have different names")
        return parts

    @model_validator(mode="after")
    def _all_weights_or_none(self) -> "Mixture":
        if len({part.weight is None for part in self.parts}) > 1:
            raise ValueError("give every part of a mixture a weight, or none")
        return self

    def inputs(self) -> list[Input]:
        """The inputs of all parts, their paths behind the part's name."""
        return [Input(f"{part.name}/{item.path}", item.location, item.size_bytes, item.modified_ns)
                for part in self.parts for item in part.source.inputs()]  # fmt: skip

    def read(self, item: Input) -> Iterator[RawDocument]:
        name, _, path = item.path.partition("/")
        part = next(part for part in self.parts if part.name == name)
        yield from part.source.read(Input(path, item.location, item.size_bytes, item.modified_ns))

    def fingerprint(self) -> str:
        return stable_hash([[part.name, part.source.fingerprint()] for part in self.parts])

    @property
    def annotations(self) -> frozenset[str]:
        return frozenset().union(*(part.source.annotations for part in self.parts))

    @property
    def num_negatives(self) -> int:
        return max(part.source.num_negatives for part in self.parts)

    def weights(self) -> list[float] | None:
        given = [part.weight for part in self.parts if part.weight is not None]
        return given or None

    def part_of(self, sources: list[str]) -> np.ndarray:
        """The place of each document's part, int64."""
        places = {part.name: place for place, part in enumerate(self.parts)}
        return np.array([places[source.partition("/")[0]] for source in sources], np.int64)
