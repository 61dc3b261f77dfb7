"""From token stores to a trained model: what the loop is given, and what comes back; counting models are fitted."""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from telos import document_results
from telos.evaluate.score import extent, network_nll, windows
from telos.foundation import files, machine
from telos.foundation.errors import TelosError
from telos.foundation.random import generator
from telos.foundation.units import Duration
from telos.held_out import HeldOut
from telos.models.counting.counts import STARTS_DOCUMENT, STARTS_PIECE
from telos.optim.schedules import Progress
from telos.recipe import Run
from telos.stages import Prepared
from telos.start_from import start_from
from telos.tokens.batches import Batches
from telos.tokens.documents import DocumentBatches
from telos.tokens.lanes import Lanes
from telos.tokens.store import TokenStore
from telos.tokens.vocabulary import Vocabulary
from telos.train.choices import choose
from telos.train.clock import Clock
from telos.train.loop import Outcome, train
from telos.train.trainable import Trainable

CLOSING_SECONDS = 3.0
"""Saving the model, drawing samples and writing the report of a small run, on two cores with nothing beside them."""
MOST_CLOSING = 0.15
"""At most this share of a budget in time is kept for that on a slower or busy machine."""
VALIDATION_TOKENS = 16_384
"""Validation during training scores about so many tokens, from the beginnings of documents chosen by their hash; fewer where that
would take more than `MOST_VALIDATING` of a budget in time, but a whole pass."""
MOST_VALIDATING = 0.02
VALIDATION_TOKENS_PER_DOCUMENT = 2_048

MOST_SCORING = 0.15
"""At most this share of a budget in time goes to scoring the held-out text; on a slow machine less of it is scored."""
LEAST_SCORED_BYTES = 8_192
"""So much is scored however slow the machine is: four blocks, of which an interval can still be made."""
PASS_SECONDS = "scoring_pass_seconds"
"""In run.json: what one pass of scoring took when the run began."""


@dataclass
class Trained:
    """A trained model.  ``outcome``: of the loop; None for a model that counts.  ``rows``: in one forward pass of training.
    ``seconds``: stage → time, over resumes; ``spent_seconds``: of the whole run up to the end of training.  ``owned``: what the
    objective built beside it."""

    model: Any
    batches: Batches | Lanes | DocumentBatches | None
    outcome: Outcome | None
    rows: int | None
    seconds: dict[str, float]
    spent_seconds: float
    owned: Any = None

    @property
    def whole(self) -> Trainable:
        """The network with what the objective built beside it."""
        return Trainable(self.model, self.owned)

    def nll(self, tokens: np.ndarray, stride: int | None) -> np.ndarray:
        """Nats of each token of a stream; ``stride`` as in `Evaluate`."""
        if self.outcome is None:
            return self.model.nll(tokens)
        length, step = extent(self.model.spec, stride)
        return network_nll(self.model, tokens, context_length=length, stride=step, rows=self.rows, what="held-out text")

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
    objective = recipe.objective
    if recipe.model.learns_by == "gradient" or not objective.scores_text:
        objective.check(recipe.model)
    missing = [name for name in objective.annotations if name not in recipe.corpus.annotations]
    if missing:
        some = missing[0] if missing[0].endswith("s") else f"a {missing[0]}"
        raise TelosError(f"objective '{objective.kind()}' needs documents with {some}", "the corpus has none",
                         f"name the field that holds it: corpus.{missing[0]}_field=NAME")  # fmt: skip
    if "weight" in recipe.corpus.annotations and objective.weighs is None:
        raise TelosError("corpus.weight_field needs an objective that weighs tokens or documents as they come",
                         f"'{objective.kind()}' makes others of them",
                         "leave corpus.weight_field out, or choose another objective: causal, masked, prefix …")  # fmt: skip
    fraction = math.nan if recipe.training.budget.unit == "seconds" else 0.0
    objective.at(Progress(0.0, 0.0, 0.0, math.nan, fraction), generator(recipe.training.seed, "step", 0))
    begun = recipe.training.start_from
    if begun is not None and (recipe.model.learns_by == "counting" or not (begun / "model.safetensors").is_file()):
        counts = recipe.model.learns_by == "counting"
        raise TelosError("train.start_from must be the folder of a model with weights, for one that learns by gradient",
                         f"'{recipe.model.kind()}' counts" if counts else f"no model.safetensors in {begun}",
                         "leave train.start_from out" if counts else "give the folder that a run wrote as model/")  # fmt: skip
    if recipe.training.group_by_length and objective.unit != "document":
        raise TelosError("train.group_by_length needs an objective of whole documents",
                         f"'{objective.kind()}' reads the text as one stream", "leave train.group_by_length out")  # fmt: skip
    stride = recipe.evaluate.stride
    if stride is not None and hasattr(recipe.model, "context_length") and stride > extent(recipe.model)[0]:
        what = "the scoring window" if recipe.model.carries_state else "model.context_length"
        raise TelosError(f"evaluate.stride must be at most {what} ({extent(recipe.model)[0]})", str(stride),
                         "set a smaller evaluate.stride")  # fmt: skip


def closing_seconds(budget: Duration) -> float:
    """Time to keep for saving the model and for the report, by how slow the machine is now."""
    longest = max(CLOSING_SECONDS, MOST_CLOSING * budget.value) if budget.unit == "seconds" else math.inf
    return min(longest, CLOSING_SECONDS * machine.slowness())


def hold_out(recipe: Run, prepared: Prepared, folder: Path, clock: Clock) -> HeldOut:
    """The held-out text that is scored: where the budget is a time, at most as much as `MOST_SCORING` of it has time for, by the
    time that the untrained network takes for one pass.  What was decided stands in run.json, and time is kept for it."""
    most, record, pace = recipe.evaluate.max_bytes, folder / "run.json", 0.0
    store, length = prepared.stores["train"], getattr(recipe.model, "context_length", 1)
    timed = recipe.training.budget.unit == "seconds" and recipe.model.learns_by == "gradient"
    if timed and recipe.objective.scores_text:
        known = files.read_facts(record)
        if PASS_SECONDS not in known:
            known[PASS_SECONDS] = _pass_seconds(recipe, prepared, folder)
            files.write_json(record, known)
        window, stride = extent(recipe.model, recipe.evaluate.stride)
        scored = _rows_at_once(recipe, length) * length * stride / window
        pace = known[PASS_SECONDS] / scored * store.num_tokens / max(1, store.num_bytes)
        most = max(LEAST_SCORED_BYTES, int(MOST_SCORING * recipe.training.budget.value / pace))
    held = HeldOut.of(prepared.corpus, prepared.stores, prepared.tokenizer, min(most, recipe.evaluate.max_bytes),
                      for_time=most < recipe.evaluate.max_bytes)  # fmt: skip
    clock.reserve_seconds += pace * int(held.token_bytes.sum())
    return held


def _pass_seconds(recipe: Run, prepared: Prepared, folder: Path) -> float:
    """Time of one uncompiled pass over training text."""
    vocabulary, store = prepared.tokenizer.vocabulary, prepared.stores["train"]
    network = recipe.model.build(vocabulary.with_specials(recipe.objective.special_tokens()), recipe.training.seed)
    choices = choose(recipe.training, next(network.parameters()).device, folder / "checkpoints")
    choices.save(folder / "checkpoints")  # measured once
    network.compute_dtype = choices.dtype
    length, rows = network.context_length, _rows_at_once(recipe, network.context_length)
    tokens = np.resize(store.read(0, min(store.num_tokens, rows * length)).astype(np.int64), rows * length)
    taken = []
    for _ in range(2):  # the first pass is slow
        began = time.perf_counter()
        network_nll(network, tokens, rows=rows, what="measuring the network")
        taken.append(max(1e-9, time.perf_counter() - began))
    return min(taken) / _batches(tokens, vocabulary.end_of_text, length, length, rows)


def _rows_at_once(recipe: Run, context_length: int) -> int:
    """Rows in one forward pass of training, and so of scoring."""
    raw_length, together = recipe.objective.raw_length(context_length), recipe.objective.rows_together
    rows = recipe.training.rows(raw_length, together)
    return max(part.stop - part.start for part in recipe.training.micro_batches(rows, raw_length, together))


def train_model(recipe: Run, prepared: Prepared, held: HeldOut, folder: Path, clock: Clock) -> Trained:
    """Train (or fit) the recipe's model on the prepared tokens, going on from the run folder's checkpoints."""
    began = time.perf_counter()
    store = prepared.stores["train"]
    vocabulary = vocabulary_of(recipe, prepared)
    if recipe.model.learns_by == "counting":
        model = recipe.model.build(vocabulary, recipe.training.seed)
        model.fit(store.read(0, store.num_tokens))
        return Trained(model, None, None, None, {"training": time.perf_counter() - began}, clock.overhead_seconds)
    if store.weights is not None and not store.weights.any():
        raise TelosError("weights of the training text must not all be 0", f"{store.num_tokens} tokens, each of weight 0",
                         "mend the weights, or leave corpus.weight_field out")  # fmt: skip
    network = recipe.model.build(vocabulary, recipe.training.seed)
    owned, rows = recipe.objective.build(network, vocabulary), _rows_at_once(recipe, network.context_length)
    begun = recipe.training.start_from
    started = (
        None
        if begun is None
        else start_from(begun, network, owned, recipe.objective, prepared.tokenizer.vocabulary.tokenizer_hash)
    )
    if not recipe.objective.scores_text:
        closing = partial(closing_seconds, recipe.training.budget)
        evaluate = document_results.validation(recipe.objective, prepared, held, owned, clock=clock, closing=closing)
    else:
        scored_tokens = _validation_tokens(recipe, folder, rows * network.context_length)
        evaluate = _validation(recipe, prepared, held, clock, rows=rows, most_tokens=scored_tokens)
    batches = drawn(recipe, store, network.context_length)
    outcome = train(
        network, recipe.objective, owned, optimizer=recipe.optimizer,
        schedule=recipe.schedule, settings=recipe.training, batches=batches,
        vocabulary=vocabulary.with_tokenizer(prepared.tokenizer), folder=folder,
        data_hash=files.sha256(store.folder / files.MANIFEST)[:16], clock=clock,
        evaluate=evaluate, start_hash=started,
    )  # fmt: skip
    spent = outcome.overhead_seconds + outcome.trained_seconds
    return Trained(network, batches, outcome, rows, {"training": outcome.trained_seconds}, spent, owned)


def vocabulary_of(recipe: Run, prepared: Prepared) -> Vocabulary:
    """The tokenizer's, with its special tokens, the names of classes or tags, and the scale of numbers."""
    store = prepared.stores["train"]
    names = store.annotations.tags if recipe.objective.annotation == "tags" else store.labels
    vocabulary = prepared.tokenizer.vocabulary.with_specials(recipe.objective.special_tokens())
    return vocabulary.with_labels(names or ()).with_value_scale(store.annotations.value_scale())


def drawn(recipe: Run, store: TokenStore, context_length: int) -> Batches | Lanes | DocumentBatches:
    """The rows of training: pieces of the stream, or whole documents."""
    objective, training = recipe.objective, recipe.training
    raw_length, together = objective.raw_length(context_length), objective.rows_together
    if objective.unit == "document":
        return DocumentBatches(store, raw_length, training.batch_tokens, training.seed, together,
                               group_by_length=training.group_by_length)  # fmt: skip
    kind = Lanes if _in_lanes(recipe) else Batches
    return kind(store, raw_length, training.rows(raw_length, together), training.seed)


def _in_lanes(recipe: Run) -> bool:
    """Whether the model's state goes on from row to row: the rows must then be the stream itself, in order."""
    objective = recipe.objective
    return recipe.model.carries_state and objective.needs == ("causal",) and objective.rows_together == 1


def _validation_tokens(recipe: Run, folder: Path, pass_tokens: int) -> int:
    if recipe.training.budget.unit != "seconds":
        return VALIDATION_TOKENS
    passes = MOST_VALIDATING * recipe.training.budget.value / files.read_facts(folder / "run.json")[PASS_SECONDS]
    return min(VALIDATION_TOKENS, max(1, int(passes)) * pass_tokens)


def _validation(
    recipe: Run, prepared: Prepared, held: HeldOut, clock: Clock, *, rows: int, most_tokens: int = VALIDATION_TOKENS
) -> Callable[[Any], dict[str, float]] | None:
    """Scores a part of the validation text, and by the time that takes keeps enough of the budget for the held-out text."""
    store = prepared.stores.get("validation")
    if store is None:
        return None
    tokens = _some(store, most_tokens)
    whole = extent(recipe.model, recipe.evaluate.stride)
    # While training goes on, windows that do not overlap; a state needs the usual ones.
    quick = whole if recipe.model.carries_state else (whole[0], whole[0])
    taken: deque[float] = deque(maxlen=3)

    def evaluate(network: Any) -> dict[str, float]:
        began = time.perf_counter()
        nats = network_nll(network, tokens, context_length=quick[0], stride=quick[1], rows=rows, what="validation")
        taken.append(time.perf_counter() - began)
        # The middle one of the last: a moment in which something else ran must not end the training early.
        seconds = sorted(taken)[(len(taken) - 1) // 2]
        end = network.vocabulary.end_of_text
        at_once = 1 if recipe.model.carries_state else rows  # a state is read in as many rows as there are windows
        ahead, read = (_batches(text, end, *window, at_once) for text, window in ((held.tokens, whole), (tokens, quick)))
        clock.reserve_seconds = closing_seconds(recipe.training.budget) + seconds * ahead / read
        return {"nats_per_token": float(nats.mean(dtype=np.float64))}

    return evaluate


def _batches(tokens: np.ndarray, end: int, length: int, stride: int, rows: int) -> int:
    """Forward passes that scoring a stream takes."""
    return -(-len(windows(tokens, end, length, stride)[0]) // rows)


def _some(store: TokenStore, most_tokens: int) -> np.ndarray:
    """A stream of the beginnings of some documents, each ended as a whole one is."""
    pieces: list[np.ndarray] = []
    room = most_tokens
    for i in np.argsort(store.document_ids, kind="stable"):
        most = room if store.num_documents == 1 else min(room, VALIDATION_TOKENS_PER_DOCUMENT)
        pieces.append(store.document(int(i))[:most].astype(np.int64))
        pieces[-1][-1] = store.end_of_text
        room -= len(pieces[-1])
        if room <= 0:
            break
    return np.concatenate(pieces)
