"""From token stores to a trained model: what the loop is given, and what comes back; counting models are fitted."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from telos.evaluate.score import network_nll, windows
from telos.foundation import files
from telos.foundation.errors import TelosError
from telos.held_out import HeldOut
from telos.models.counting.kneser_ney import STARTS_DOCUMENT, STARTS_PIECE
from telos.recipe import Run
from telos.stages import Prepared
from telos.tokens.batches import Batches
from telos.tokens.store import TokenStore
from telos.train.clock import Clock
from telos.train.loop import Outcome, train

CLOSING_SECONDS = 3.0
"""Saving the model, drawing samples and writing the report of a small run, on two cores."""
VALIDATION_TOKENS = 16_384
"""Validation during training scores about so many tokens, from the beginnings of documents chosen by their hash."""
VALIDATION_TOKENS_PER_DOCUMENT = 2_048

Waiting = Callable[[float], float]


@dataclass
class Trained:
    """A trained model.  ``outcome``: of the loop; None for a model that counts.  ``rows``: in one forward pass of training.
    ``seconds``: stage → time, over resumes; ``spent_seconds``: of the whole run up to the end of training."""

    model: Any
    batches: Batches | None
    outcome: Outcome | None
    rows: int | None
    seconds: dict[str, float]
    spent_seconds: float

    def nll(self, tokens: np.ndarray, stride: int | None) -> np.ndarray:
        """Nats of each token of a stream; ``stride`` as in `Evaluate`."""
        if self.outcome is None:
            return self.model.nll(tokens)
        half = max(1, self.model.context_length // 2)
        return network_nll(self.model, tokens, stride=stride or half, rows=self.rows, what="held-out text")

    def seen(self) -> tuple[np.ndarray, np.ndarray] | None:
        """(tokens, starts) of the rows that were drawn, each once; None where they are all of the training text."""
        if self.outcome is None or self.batches is None or self.outcome.epochs >= 1:
            return None
        rows = [row for step in range(self.outcome.step) for row in self.batches.batch_at(step)]
        pieces = [_with_context(row.tokens, row.previous, self.model.vocabulary.end_of_text) for row in rows]
        return np.concatenate([p[0] for p in pieces]), np.concatenate([p[1] for p in pieces])


def _with_context(tokens: np.ndarray, previous: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """A row as a piece of a stream: the token before it goes with it where it is the same document's."""
    cut = previous != end
    piece = np.concatenate([[previous], tokens]) if cut else tokens
    starts = np.zeros(len(piece), np.int8)
    starts[0] = STARTS_PIECE if cut else STARTS_DOCUMENT
    return piece.astype(np.int64), starts


def check(recipe: Run) -> None:
    """Refuse, before anything is done, what could only fail at the end."""
    if recipe.model.learns_by == "gradient":
        recipe.objective.check(recipe.model)
    length, stride = getattr(recipe.model, "context_length", None), recipe.evaluate.stride
    if length is not None and stride is not None and stride > length:
        raise TelosError(f"evaluate.stride must be at most model.context_length ({length})", str(stride),
                         "set a smaller evaluate.stride")  # fmt: skip


def train_model(
    recipe: Run, prepared: Prepared, held: HeldOut, folder: Path, clock: Clock, *, waiting: Waiting | None = None
) -> Trained:
    """Train (or fit) the recipe's model on the prepared tokens, going on from the run folder's checkpoints.

    ``waiting``: how much of so many seconds that are left to keep for what is waited for after the training.
    """
    began = time.perf_counter()
    vocabulary = prepared.tokenizer.vocabulary.with_specials(recipe.objective.special_tokens())
    store = prepared.stores["train"]
    if recipe.model.learns_by == "counting":
        model = recipe.model.build(vocabulary)
        model.fit(store.read(0, store.num_tokens))
        return Trained(model, None, None, None, {"training": time.perf_counter() - began}, clock.overhead_seconds)
    network = recipe.model.build(vocabulary, recipe.training.seed)
    raw_length = recipe.objective.raw_length(network.context_length)
    together = recipe.objective.rows_together
    batches = Batches(store, raw_length, recipe.training.rows(raw_length, together), recipe.training.seed)
    rows = max(part.stop - part.start for part in recipe.training.micro_batches(batches.rows, raw_length, together))
    outcome = train(
        network, recipe.objective, recipe.objective.build(network, vocabulary), optimizer=recipe.optimizer,
        schedule=recipe.schedule, settings=recipe.training, batches=batches, vocabulary=vocabulary, folder=folder,
        data_hash=files.sha256(store.folder / files.MANIFEST)[:16], clock=clock,
        evaluate=_validation(recipe, prepared, held, clock, rows, waiting=waiting),
    )  # fmt: skip
    spent = outcome.overhead_seconds + outcome.trained_seconds
    return Trained(network, batches, outcome, rows, {"training": outcome.trained_seconds}, spent)


def _validation(
    recipe: Run, prepared: Prepared, held: HeldOut, clock: Clock, rows: int, *, waiting: Waiting | None
) -> Callable[[Any], dict[str, float]] | None:
    """Scores a part of the validation text, and by the time that takes keeps enough of the budget for the held-out text and
    for what is waited for."""
    store = prepared.stores.get("validation")
    if store is None:
        return None
    tokens = _some(store)
    taken: deque[float] = deque(maxlen=3)

    def evaluate(network: Any) -> dict[str, float]:
        began = time.perf_counter()
        nats = network_nll(network, tokens, rows=rows, what="validation")
        taken.append(time.perf_counter() - began)
        # The middle one of the last: a moment in which something else ran must not end the training early.
        seconds = sorted(taken)[(len(taken) - 1) // 2]
        length, end = network.context_length, network.vocabulary.end_of_text
        ahead = _batches(held.tokens, end, length, recipe.evaluate.stride or max(1, length // 2), rows)
        clock.reserve_seconds = CLOSING_SECONDS + seconds * ahead / _batches(tokens, end, length, length, rows)
        if waiting is not None and clock.available_seconds is not None:
            clock.reserve_seconds += waiting(clock.available_seconds - clock.trained_seconds)
        return {"nats_per_token": float(nats.mean(dtype=np.float64))}

    return evaluate


def _batches(tokens: np.ndarray, end: int, length: int, stride: int, rows: int) -> int:
    """Forward passes that scoring a stream takes."""
    return -(-len(windows(tokens, end, length, stride)[0]) // rows)


def _some(store: TokenStore) -> np.ndarray:
    """A stream of the beginnings of some documents, each ended as a whole one is."""
    pieces: list[np.ndarray] = []
    room = VALIDATION_TOKENS
    for i in np.argsort(store.document_ids, kind="stable"):
        most = room if store.num_documents == 1 else min(room, VALIDATION_TOKENS_PER_DOCUMENT)
        pieces.append(store.document(int(i))[:most].astype(np.int64))
        pieces[-1][-1] = store.end_of_text
        room -= len(pieces[-1])
        if room <= 0:
            break
    return np.concatenate(pieces)
