"""`telos evaluate`: a saved model on sets of minimal pairs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from telos.evaluate.minimal_pairs import Accuracy, accuracies, mean, read_pairs
from telos.evaluate.score import extent, network_nll
from telos.foundation import files, machine
from telos.foundation.errors import TelosError
from telos.models import Counting


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A model on pairs.  ``model_hash``: SHA-256 of its weights, first 16 digits; ``groups``: name → accuracy."""

    model: Path
    model_hash: str
    pairs: Path
    groups: dict[str, Accuracy]

    def summary(self) -> dict[str, Any]:
        """The facts that one JSON line holds."""
        value, interval = mean(self.groups)
        return {
            "accuracy": value,
            "accuracy_ci95": interval,
            "pairs": sum(one.n for one in self.groups.values()),
            "ties": sum(one.ties for one in self.groups.values()),
            "groups": {
                name: {"accuracy": one.value, "accuracy_ci95": one.interval, "pairs": one.n} for name, one in self.groups.items()
            },
            "chance": 0.5,
            "model": str(self.model),
            "model_hash": self.model_hash,
            "file": str(self.pairs),
        }

    def describe(self) -> str:
        """The same for people: groups from the best to the worst, then the mean."""
        rows = sorted(self.groups.items(), key=lambda item: (-item[1].value, item[0]))
        width = max(len(name) for name, _ in rows)
        lines = [
            f"{name:<{width}}  {one.value:6.1%}  ({one.interval[0]:.1%} to {one.interval[1]:.1%}, {one.n:,} pairs)"
            for name, one in rows
        ]
        if len(rows) == 1 and not rows[0][0]:
            lines = []
        value, (low, high) = mean(self.groups)
        many = f", mean of {len(rows)} groups" if len(rows) > 1 else ""
        count = sum(one.n for one in self.groups.values())
        return "\n".join([*lines, f"{value:.1%} of pairs right (95 % interval {low:.1%} to {high:.1%}; {count:,} pairs{many}; "
                                  "chance 50 %)"])  # fmt: skip


def evaluate(load: Callable[[Path], tuple[Any, Any]], model: Path, pairs: Path) -> Evaluated:
    """Accuracy of a model folder on a file of minimal pairs."""
    known = list(read_pairs(pairs))
    built, tokenizer = load(model)
    if not built.spec.has_likelihood:
        raise TelosError("minimal pairs need a model that gives likelihoods", f"'{built.spec.kind()}' gives none",
                         "choose a language model (telos list models)")  # fmt: skip
    counting = isinstance(built, Counting)
    window = 0 if counting else extent(built.spec)[0]
    longest = None if counting else max(1, window // 2)

    def nll(tokens: np.ndarray) -> np.ndarray:
        if counting:
            return built.nll(tokens)
        import torch

        torch.set_num_threads(machine.cores())
        # Windows that overlap by half: a sentence of at most half a window is seen from its start.
        return network_nll(built, tokens, context_length=window, stride=longest, what="minimal pairs")

    groups = accuracies(known, tokenizer.encode_batch, nll, built.vocabulary.end_of_text, longest)
    return Evaluated(model, files.sha256(model / "model.safetensors")[:16], pairs, groups)
