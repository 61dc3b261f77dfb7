"""The side of `telos.objectives.mix` that deals with batches: which columns and rows are a part's, and the model as it sees it.

A part's columns stand in the batch under its name and a dot, so that no two parts meet and each keeps its own width.
Tests: tests/objectives/test_mix.py.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from telos.models import Hidden, Inputs
from telos.objectives import Batch, Example

if TYPE_CHECKING:
    from telos.models import Role

WEIGHTS = "parts"
"""Column (B, P) float64: what each row weighs for each part; 0 where it does not serve it."""
SHARES, SERVED = "part_shares", "part_rows"
"""Columns (B, P) float64, the same in each row of a step: the mean of its rows' weights, and how much of them serve each part."""


def prefixed(name: str, example: Example) -> Example:
    return {f"{name}.{column}": array for column, array in example.items()}


def rows_of(batch: Batch, place: int, name: str) -> "Tensor | slice | None":
    """The rows that serve a part, None where there are none."""
    if not any(column.startswith(f"{name}.") for column in batch.columns):
        return None
    rows = (batch[WEIGHTS][:, place] > 0).nonzero()[:, 0]
    if len(rows) == batch.rows:
        return slice(None)
    return rows if len(rows) else None


def own(batch: Batch, name: str, rows: "Tensor | slice") -> Batch:
    """A part's batch: its own columns of its rows."""
    start = len(name) + 1
    return Batch({column[start:]: values[rows] for column, values in batch.columns.items() if column.startswith(f"{name}.")})


def spread(values: Tensor, rows: "Tensor | slice", count: int) -> Tensor:
    """What is of some rows as what is of all ``count``, with 0 for the others."""
    if isinstance(rows, slice):
        return values
    whole = values.new_zeros((count, *values.shape[1:]))
    whole[rows] = values
    return whole


def with_shares(batch: Batch) -> Batch:
    """A step's whole batch with the two columns that a micro-batch alone could not tell."""
    means = {name: column.expand(batch.rows, -1) for name, column in ((SHARES, _shares(batch)), (SERVED, _served(batch)))}
    return Batch(batch.columns | means)


def share(batch: Batch, place: int) -> float:
    """The mean weight of the step's rows for a part: what its loss counts."""
    return float(batch[SHARES][0, place] if SHARES in batch.columns else _shares(batch)[place])


def of_its_rows(batch: Batch, place: int, rows: int) -> float:
    """How much of a part's rows, per row of the step, are in this micro-batch: 1 where it has its share of them."""
    served = float(batch[SERVED][0, place] if SERVED in batch.columns else _served(batch)[place])
    return rows / batch.rows / (served or 1.0)


def _shares(batch: Batch) -> Tensor:
    return batch[WEIGHTS].mean(0)


def _served(batch: Batch) -> Tensor:
    return (batch[WEIGHTS] > 0).double().mean(0)


class Owned(nn.Module):
    """What the parts own, by name."""

    def __init__(self, parts: Mapping[str, nn.Module]):
        super().__init__()
        # Some names of objectives would hide what every module has.
        self.of = nn.ModuleDict({f"{name}_": module for name, module in parts.items()})

    def part(self, name: str) -> nn.Module | None:
        return dict(self.of.items()).get(f"{name}_")

    def roles(self) -> "dict[str, Role]":
        stated = {key: module.roles() for key, module in self.of.items() if hasattr(module, "roles")}  # type: ignore[operator]
        return {f"of.{key}.{name}": role for key, roles in stated.items() for name, role in roles.items()}


class PartOf:
    """The model as one part sees it: what it owns is the part's, and its penalties count by the part's share of the rows."""

    def __init__(self, model: Any, batch: Batch, place: int, name: str):
        self.model, self.batch, self.place = model, batch, place
        owned = getattr(model, "owned", None)
        self.owned = owned.part(name) if isinstance(owned, Owned) else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def hidden(self, inputs: Inputs, state: Any = None) -> Hidden:
        kept = getattr(self.model, "penalties", None)  # of a bare network there are none
        if kept is None:
            return self.model.hidden(inputs, state)
        self.model.penalties = {}
        hidden = self.model.hidden(inputs, state)
        if self.model.penalties:
            weights_P = self.batch[WEIGHTS].sum(0)
            fraction = float(weights_P[self.place] / weights_P.sum())
            for name, value in self.model.penalties.items():
                kept[name] = kept[name] + fraction * value if name in kept else fraction * value
        self.model.penalties = kept
        return hidden

    def penalize(self, penalties: "Mapping[str, Tensor]") -> None:
        """What a part notes itself, of what it read, in the same share."""
        weights_P = self.batch[WEIGHTS].sum(0)
        fraction = float(weights_P[self.place] / weights_P.sum())
        self.model.penalize({name: fraction * value for name, value in penalties.items()})
