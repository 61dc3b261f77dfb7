"""Tensor names of a network here and of the same network in transformers, in both directions."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".weight", ".bias")


@dataclass(frozen=True, slots=True)
class Rename:
    """``theirs`` holds ``ours``, several joined along the first axis; ``transposed``: matrices are kept the other way round
    there.  A ``*`` stands for a number, the same on both sides."""

    theirs: str
    ours: tuple[str, ...]
    transposed: bool = False


def modules(names: Mapping[str, str | tuple[str, ...]], *, transposed: bool = False) -> tuple[Rename, ...]:
    """Renames of weights and biases of whole modules, theirs → ours."""
    return tuple(
        Rename(theirs + suffix, tuple(one + suffix for one in ([ours] if isinstance(ours, str) else ours)), transposed)
        for theirs, ours in names.items()
        for suffix in SUFFIXES
    )


def to_theirs(renames: Iterable[Rename], tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """Tensors under transformers' names; what no rename speaks of has the same name there."""
    import torch

    left, found = dict(tensors), dict[str, "Tensor"]()
    for rename in renames:
        for numbers in list(_matching(rename.ours[0], left)):
            parts = [left.pop(_fill(one, numbers)) for one in rename.ours]
            joined = parts[0] if len(parts) == 1 else torch.cat(parts)
            found[_fill(rename.theirs, numbers)] = joined.t() if rename.transposed and joined.ndim == 2 else joined
    return left | found


def to_ours(renames: Iterable[Rename], tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """The way back."""
    left, found = dict(tensors), dict[str, "Tensor"]()
    for rename in renames:
        for numbers in list(_matching(rename.theirs, left)):
            joined = left.pop(_fill(rename.theirs, numbers))
            if rename.transposed and joined.ndim == 2:
                joined = joined.t()
            parts = joined.chunk(len(rename.ours))
            found |= {_fill(one, numbers): part for one, part in zip(rename.ours, parts, strict=True)}
    return left | found


def _matching(pattern: str, names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """The numbers that stand for ``*`` in each name that fits."""
    compiled = re.compile(re.escape(pattern).replace(r"\*", r"(\d+)"))
    return (match.groups() for name in names if (match := compiled.fullmatch(name)))


def _fill(pattern: str, numbers: Iterable[str]) -> str:
    for number in numbers:
        pattern = pattern.replace("*", number, 1)
    return pattern
