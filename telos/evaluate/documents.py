"""What an objective measures of whole documents, one value a document: accuracy, nats per label, nats per target token.

    figure = Σ_d sum_d ÷ Σ_d weight_d

with Wilson's interval where every document is right or wrong, else a bootstrap over documents (`telos.evaluate.likelihood`).
Tests: tests/evaluate/test_documents.py.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from telos.evaluate.likelihood import Interval, bootstrap
from telos.evaluate.metrics.accuracy import wilson
from telos.foundation.progress import progress
from telos.foundation.random import generator
from telos.objectives import Batch, Objective, collate
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary

BATCH_TOKENS = 16_384


@dataclass(frozen=True, slots=True)
class Measured:
    """``sums`` and ``weights``: name → one value a document, float64, the headline first."""

    sums: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]

    def value(self, name: str) -> float | None:
        """The figure; None where it is undefined."""
        weight = float(self.weights[name].sum())
        return float(self.sums[name].sum()) / weight if weight > 0 else None

    def interval(self, name: str) -> Interval | None:
        """Its 95 % interval."""
        above, below = self.sums[name], self.weights[name]
        if np.all(below == 1) and np.all((above == 0) | (above == 1)):
            return wilson(float(above.sum()), len(above))
        return bootstrap(above, below)

    def headline(self) -> dict[str, Any]:
        """Each figure with its interval under ``NAME_ci95``, and how many documents they stand on."""
        found: dict[str, Any] = {}
        for name in self.sums:
            if (value := self.value(name)) is not None:
                found[name] = value
                if (interval := self.interval(name)) is not None:
                    found[f"{name}_ci95"] = interval
        units = len(next(iter(self.sums.values()), ()))
        return found | {"test_documents": units, "units": units, "unit_kind": "documents"}


def in_batches(
    objective: Objective, rows: Sequence[Row], vocabulary: Vocabulary, *, seed: int, device: str = "cpu", what: str = "documents"
) -> Iterator[tuple[list[int], Batch]]:
    """(places among the rows, their batch): documents of about one length together, at most about `BATCH_TOKENS` a batch."""
    order = np.argsort([len(row.tokens) for row in rows], kind="stable")[::-1].tolist()
    with progress(what, len(rows), "documents") as advance:
        while order:
            most = max(1, BATCH_TOKENS // max(1, len(rows[order[0]].tokens) + 1))
            places, order = order[:most], order[most:]
            drawn = [objective.examples(rows[i], generator(seed, "measured", i), vocabulary) for i in places]
            yield places, collate(drawn, device)
            advance(len(places))


def measure(
    model: Any, objective: Objective, rows: Sequence[Row], vocabulary: Vocabulary, *, seed: int = 1, what: str = "held-out text"
) -> Measured:
    """Each document's figures, those of its rows together.  ``model``: the network with the objective's parts as ``owned``, both
    in evaluation mode."""
    import torch

    sums: dict[str, np.ndarray] = {}
    weights: dict[str, np.ndarray] = {}
    rng = generator(seed, "measured")
    with torch.no_grad():
        for places, batch in in_batches(objective, rows, vocabulary, seed=seed, device=str(model.device), what=what):
            for name, (above, below) in objective.measure(model, batch, rng).items():
                for kept, values in ((sums, above), (weights, below)):
                    kept.setdefault(name, np.zeros(len(rows)))[places] = values.double().cpu().numpy()
    of = np.array([int(row.documents[0]) if len(row.documents) else -1 - i for i, row in enumerate(rows)])
    return Measured(*({name: _by_document(values, of) for name, values in found.items()} for found in (sums, weights)))


def _by_document(values: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Rows of one document added up, in the order in which documents come first; the bootstrap is over documents."""
    _, first, number = np.unique(of, return_index=True, return_inverse=True)
    return values if len(first) == len(values) else np.bincount(number, values)[np.argsort(first, kind="stable")]


def told(model: Any, objective: Any, rows: Sequence[Row], vocabulary: Vocabulary, *, seed: int = 1) -> list[np.ndarray]:
    """What an objective tells of every row (its ``told``), as long as the longest row of its batch."""
    import torch

    found: list[np.ndarray] = [np.zeros(0)] * len(rows)
    with torch.no_grad():
        for places, batch in in_batches(objective, rows, vocabulary, seed=seed, device=str(model.device), what="documents"):
            for place, values in zip(places, objective.told(model, batch).cpu().numpy(), strict=True):
                found[place] = values
    return found


def answers(
    model: Any, objective: Any, rows: Sequence[Row], vocabulary: Vocabulary, function: "Callable[[Any], Any]", *, seed: int = 1
) -> np.ndarray:
    """``function`` of the logits (B, C) of every row, (rows, …), for an objective that tells classes."""
    import torch

    found: np.ndarray | None = None
    with torch.no_grad():
        for places, batch in in_batches(objective, rows, vocabulary, seed=seed, device=str(model.device), what="classes"):
            values = function(objective.logits(model, batch)).cpu().numpy()
            found = np.zeros((len(rows), *values.shape[1:]), values.dtype) if found is None else found
            found[places] = values
    return np.zeros(0) if found is None else found
