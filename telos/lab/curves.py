"""Learning curves of all runs over the compute that they were given.

Validation figures of metrics.jsonl; nats per token are turned to bits per byte, so that tokenizers compare,

    bits per byte = nats per token · tokens ÷ (ln 2 · bytes)          of the whole validation split

(the text that is validated on is a part of it, so that a curve is near the measured figure and not equal to it).
Tests: tests/lab/test_curves.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from telos.foundation import files, record
from telos.lab.budget import Unit
from telos.lab.entries import Entry
from telos.lab.folder import COMPUTE, Folder
from telos.tokens.store import TokenStore

VALIDATION = "validation_"
NATS, BITS = "nats_per_token", "bits_per_byte"


@dataclass(frozen=True, slots=True)
class Curve:
    """One run: ``compute`` (in the budget's unit) → ``values``."""

    name: str
    seed: int
    compute: list[float]
    values: list[float]


def curves(folder: Folder, entries: Sequence[Entry], seeds: Sequence[int], unit: Unit) -> dict[str, list[Curve]]:
    """Figure → curves of it: bits per byte, and others that at least two recipes have and that mean the same for all
    tokenizers (those are no nats of something)."""
    found: dict[str, list[Curve]] = {}
    for entry in entries:
        for seed in seeds:
            if folder.is_trained(entry.name, seed):
                for figure, curve in _of_run(folder, entry.name, seed, unit).items():
                    found.setdefault(figure, []).append(curve)
    return {figure: drawn for figure, drawn in found.items()
            if figure == BITS or (not figure.startswith("nats") and len({one.name for one in drawn}) > 1)}  # fmt: skip


def _of_run(folder: Folder, name: str, seed: int, unit: Unit) -> dict[str, Curve]:
    run = folder.run(name, seed)
    flops = files.read_facts(folder.measured(name, seed) / COMPUTE)["flops_per_step"]
    per_nat = _bits_per_byte_of_a_nat(folder, name, seed)
    found: dict[str, Curve] = {}
    for line in record.read(run / "metrics.jsonl"):
        for column, value in line.items():
            if not column.startswith(VALIDATION) or not isinstance(value, (int, float)):
                continue
            figure, scale = column.removeprefix(VALIDATION), 1.0
            if figure == NATS:
                if per_nat is None:
                    continue
                figure, scale = BITS, per_nat
            curve = found.setdefault(figure, Curve(name, seed, [], []))
            curve.compute.append(line["step"] * flops if unit == "FLOPs" else float(line[unit]))
            curve.values.append(scale * value)
    return found


def _bits_per_byte_of_a_nat(folder: Folder, name: str, seed: int) -> float | None:
    tokens = folder.run(name, seed) / "tokens" / "validation"
    if not tokens.is_dir():
        return None
    store = TokenStore.open(tokens)
    return store.num_tokens / (math.log(2) * store.num_bytes) if store.num_bytes else None


def costs(folder: Folder, name: str, seeds: Sequence[int]) -> dict[str, Any]:
    """What the runs of a recipe took, the mean over seeds: parameters, seconds, steps, tokens, FLOPs, where there are any."""
    facts = [files.read_facts(folder.run(name, seed) / "report.json") for seed in seeds]
    per_step = [files.read_facts(folder.measured(name, seed) / COMPUTE)["flops_per_step"] for seed in seeds]
    columns: dict[str, list[Any]] = {
        "parameters": [one.get("parameters") for one in facts],
        "seconds": [one["cost"].get("total_seconds") for one in facts],
        "steps": [one["cost"].get("steps") for one in facts],
        "tokens": [one["cost"].get("tokens") for one in facts],
        "FLOPs": [None if flops is None else flops * one["cost"]["steps"] for flops, one in zip(per_step, facts, strict=True)],
        "peak_memory_bytes": [one["cost"].get("peak_memory_bytes") for one in facts],
    }  # fmt: skip
    return {column: sum(values) / len(values) for column, values in columns.items() if None not in values}
