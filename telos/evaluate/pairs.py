"""An encoder-decoder on pairs of texts: what the targets cost it, and how often its own answer is the target.

    nats per target token = −Σ log p(y_t | y_<t, x) ÷ Σ |y|          (the end of each target included)
    exact match           = share of sources whose most probable answer, token by token, is the target

Tests: tests/evaluate/test_pairs.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from telos.evaluate.likelihood import Likelihood
from telos.evaluate.metrics import Value
from telos.evaluate.metrics.exact_match import ExactMatch
from telos.foundation.errors import TelosError
from telos.foundation.progress import progress
from telos.generate.engine import Engine
from telos.generate.sampling import Sampling
from telos.objectives import collate
from telos.objectives.sequence_to_sequence import SequenceToSequence
from telos.tokens.batches import Row


@dataclass(frozen=True, slots=True)
class Pairs:
    """``likelihood``: of the targets, each pair a unit, its bytes those of the target.  ``exact_match``: None where no answers
    were asked for.  ``answers``: of each pair, in order."""

    likelihood: Likelihood
    exact_match: Value | None
    answers: list[str]


def score_pairs(
    engine: Engine, pairs: Sequence[tuple[str, str]], *, rows_at_once: int = 64, answers: bool = True, what: str = "pairs"
) -> Pairs:
    """Score (source, target) pairs.  ``answers=False`` leaves out generation, which takes most of the time.

    An answer is stopped one token behind the longest target of its batch: by then it is not the target.  Raises `TelosError` for
    a source or target that does not fit into the model's context.
    """
    rows = [_row(engine, *pair, number) for number, pair in enumerate(pairs)]
    order = sorted(range(len(rows)), key=lambda i: _length(rows[i]))  # little padding
    nats, said, finished = np.zeros(len(rows)), [""] * len(rows), np.zeros(len(rows), bool)
    with torch.no_grad(), progress(what, len(rows), "pairs") as advance:
        for at in range(0, len(rows), rows_at_once):
            chosen = order[at : at + rows_at_once]
            nats[chosen] = target_nats(engine.model, [rows[i] for i in chosen])
            if answers:
                longest = max(_length(rows[i]) for i in chosen)
                greedy = Sampling(temperature=0, max_tokens=longest + 1)
                made = engine.generate([pairs[i][0] for i in chosen], greedy, rows_at_once=rows_at_once)
                for i, one in zip(chosen, made, strict=True):
                    said[i], finished[i] = one.text, one.finish_reason == "end_of_text"
            advance(len(chosen))
    sizes = np.array([len(target.encode()) for _, target in pairs], np.float64)
    tokens = np.array([_length(row) + 1 for row in rows], np.float64)
    meter = ExactMatch().build()
    meter.update(([one if ended else None for one, ended in zip(said, finished, strict=True)], [target for _, target in pairs]))
    return Pairs(Likelihood(nats, sizes, tokens), meter.compute() if answers else None, said)


def target_nats(network: Any, rows: Sequence[Row]) -> np.ndarray:
    """Nats of each row's whole target, its end included, in one forward pass; float64 (rows,)."""
    objective = SequenceToSequence(max_target_tokens=max(1, network.context_length))
    rng = np.random.default_rng(0)  # nothing is drawn
    device = next(network.parameters()).device
    training = network.training
    network.eval()
    try:
        batch = collate([objective.examples(row, rng, network.vocabulary) for row in rows], str(device))
        nats_B, _ = objective.measure(network, batch, rng)["nats_per_target_token"]
    finally:
        network.train(training)
    return nats_B.cpu().numpy()


def _row(engine: Engine, source: str, target: str, number: int) -> Row:
    """A pair as training has it; one token of the context is for the end."""
    ids, wanted, most = engine.tokenizer.encode(source), engine.tokenizer.encode(target), engine.model.context_length - 1  # type: ignore[union-attr]
    for what, found in (("source", ids), ("target", wanted)):
        if len(found) > most:
            raise TelosError(f"a {what} must fit into the model's context of {most + 1} tokens, its end among them",
                             f"{len(found) + 1} tokens in pair {number + 1}",
                             "leave it out, or train with a larger model.context_length")  # fmt: skip
    return Row(ids, engine.model.vocabulary.end_of_text, np.full(max(1, len(ids)), number), number, target=wanted)


def _length(row: Row) -> int:
    assert row.target is not None
    return len(row.target)
