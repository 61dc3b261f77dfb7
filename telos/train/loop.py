"""The training loop: it knows neither the model nor the objective.

A step is: rows → examples (in a thread, one step ahead) → the objective's loss over micro-batches → clip → update → record.
All of it is a function of (seed, step), so a run that is killed and resumed has the bits of one that was not
(tests/faults/test_kill.py), for budgets in steps, tokens and epochs.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from telos.foundation.allocation import freed_memory_kept
from telos.foundation.progress import say
from telos.objectives import Objective
from telos.optim.optimizers import Optimizer
from telos.optim.schedules import Progress, Schedule
from telos.tokens.vocabulary import Vocabulary
from telos.train import compilation
from telos.train.checkpoint import Checkpoints
from telos.train.choices import Choices, choose, least_step_seconds
from telos.train.clock import Clock
from telos.train.early_stopping import Best
from telos.train.gradients import StepLoss, accumulate, clip
from telos.train.loader import Drawn, Loader
from telos.train.nonfinite import NonFinite
from telos.train.settings import Train
from telos.train.signals import EXIT_CODES, Signals
from telos.train.terms import Terms
from telos.train.trainable import Trainable
from telos.train.watchers import Start, Watchers

WRITTEN_BYTES_PER_SECOND = 2e8
"""A guess at how fast a checkpoint is written and hashed, until one has been."""

MOST_VALIDATING = 0.05
"""Validations take at most this share of the training under a budget in time; on a slow machine there are fewer."""

Evaluation = Callable[[Any], Mapping[str, float]]
"""Called with the network in evaluation mode and without gradient; gives name → number."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How training ended.  ``step``: completed updates; ``loss``: of the last one here (None if there was none);
    ``checkpoint``: where it is saved; ``resumed_from``: the step that this process went on from; ``stopped_by``: the
    signal, or None where the budget was used up or validation got no better; ``best``: with early stopping, the step and figure
    of the weights that were kept."""

    step: int
    tokens: int
    epochs: float
    trained_seconds: float
    overhead_seconds: float
    loss: float | None
    checkpoint: Path
    resumed_from: int | None
    stopped_by: str | None
    choices: dict[str, Any]
    best: dict[str, Any] | None = None

    @property
    def exit_code(self) -> int:
        """0; 130 after SIGINT, 143 after SIGTERM."""
        return EXIT_CODES[self.stopped_by] if self.stopped_by else 0


def train(
    network: Any,
    objective: Objective,
    owned: nn.Module | None = None,
    *,
    optimizer: Optimizer,
    schedule: Schedule,
    settings: Train,
    batches: Drawn,
    vocabulary: Vocabulary,
    folder: Path,
    data_hash: str,
    clock: Clock | None = None,
    evaluate: Evaluation | None = None,
    start_hash: str | None = None,
) -> Outcome:
    """Train ``network`` (and the objective's ``owned`` parts) to the end of the budget, going on from the newest good checkpoint
    in ``folder``/checkpoints.

    ``data_hash``: of the tokens behind ``batches``, ``start_hash``: of the weights that the network came with (None: drawn); a
    checkpoint made from others is refused.  ``evaluate`` runs every ``settings.evaluate_every``.  The weights are left as the
    last checkpoint has them, with early stopping as its best evaluation had them, in evaluation mode.  Raises `TelosError` for
    a budget too short for a step, a loss that is not finite, a disk without room, another recipe's checkpoint, early stopping
    without a figure to watch.
    """
    clock = clock or Clock(settings.budget)
    model = Trainable(network, owned, batches.rows if batches.in_lanes else None, Terms.of(objective, network, vocabulary))
    checkpoints_folder = Path(folder) / "checkpoints"
    choices = choose(settings, model.device, checkpoints_folder)
    network.compute_dtype = choices.dtype
    identity = {"model": network.spec.hash(), "objective": objective.hash(), "optimizer": optimizer.hash(),
                "tokenizer": vocabulary.tokenizer_hash, "data": data_hash,
                "batches (train.seed, train.batch_tokens)": f"{settings.seed} {batches.rows} {batches.raw_length}"
                                                            + " grouped" * settings.group_by_length}  # fmt: skip
    if start_hash is not None:
        identity["weights at the start (train.start_from)"] = start_hash
    checkpoints = Checkpoints(checkpoints_folder, identity, settings.keep_checkpoints)
    loader = Loader(batches, objective, vocabulary, settings.seed, model.device,
                    total_steps=clock.total_steps(batches))  # fmt: skip
    training = _Training(model, objective, optimizer, schedule, settings, loader, checkpoints, choices, clock, evaluate)
    with freed_memory_kept(), loader.open(), Signals() as signals:
        return training.run(signals)


@dataclass
class _Training:
    """The state of one call of `train`."""

    model: Trainable
    objective: Objective
    optimizer: Optimizer
    schedule: Schedule
    settings: Train
    loader: Loader
    checkpoints: Checkpoints
    choices: Choices
    clock: Clock
    evaluate: Evaluation | None

    def __post_init__(self) -> None:
        self.batches = self.loader.batches
        self.updater = self.optimizer.build(self.model)
        self.parameters = list(self.updater.parameters.values())
        rows, raw_length = self.batches.rows, self.batches.raw_length
        self.micro_batches = self.settings.micro_batches(rows, raw_length, self.objective.rows_together)
        self.best = Best(self.settings.early_stopping)
        self.step = 0
        self.loss: float | None = None
        self.saved_step: int | None = None
        self.validation_seconds = self.validated_seconds = 0.0  # the last one took; all of them since training began

    def run(self, signals: Signals) -> Outcome:
        resumed_from = self._resume()
        if not self._over() or self.step == 0:
            self._prepare()
            start = Start(self.checkpoints.folder.parent, self.step, self._progress())
            watchers = Watchers(self.settings.watchers, start)
            try:
                self._train(signals, watchers)
            finally:
                watchers.close()
        self.model.train(False)
        if self.saved_step != self.step:
            self._save()
        if signals.received is None:
            self.best.restore(self.model)
        return self._outcome(resumed_from, signals.received)

    def _train(self, signals: Signals, watchers: Watchers) -> None:
        self.model.train()
        before, logged, logged_at = self._progress(), self.step, self.clock.now()
        while signals.received is None and not self._over():
            scale, began = self.schedule.scale(self.clock.progress(self.step, self.batches, middle=True)), self.clock.now()
            losses, norm = self._update(scale)
            now = self.clock.now()
            self.clock.step_took(now - began)
            after = self._progress()
            if self.step % self.settings.log_every == 0:
                tokens = self.batches.tokens_at(self.step) - self.batches.tokens_at(logged)
                watchers.step(self._line(losses, norm, scale, tokens / max(1e-9, now - logged_at)), after)
                logged, logged_at = self.step, now
            if self.evaluate is not None and (after.crossed(self.settings.evaluate_every, before) or self._last_is_judged()):
                if self._affords_validation():
                    values = self._validate()
                    watchers.validation(self._validation_line(values, after))
                    self.best.observe(self.step, values, self.model)
                    logged, logged_at = self.step, self.clock.now()
                self.clock.look_ahead()
            # After the lines of this step: those up to a checkpoint's step are kept when training goes on from it.
            if after.crossed(self.settings.checkpoint_every, before):
                self._save()
            before = after

    def _update(self, scale: float) -> tuple[StepLoss, float]:
        """One step: loss, gradient norm."""
        rows, batch = self.loader.at(self.step)
        self.updater.zero_grad()
        losses = accumulate(self.model, self.objective, batch, self.micro_batches, seed=self.settings.seed, step=self.step)
        norm = clip(self.parameters, self.settings.gradient_clip)
        if not (math.isfinite(losses.loss) and math.isfinite(norm)):
            found = NonFinite(self.step, losses.loss, norm, rows, batch)
            raise found.explain(self.model, self.objective, self.settings.seed, self.checkpoints.steps())
        self.updater.step(scale)
        self.step, self.loss = self.step + 1, losses.loss
        return losses, norm

    # -- before and between -----------------------------------------------------------------------------------------

    def _resume(self) -> int | None:
        restored = self.checkpoints.restore(self.model, self.updater)
        if restored is None:
            return None
        self.step = self.saved_step = restored.step
        self.loss = restored.state["loss"]
        self.best.load(restored.state.get("best"), restored.best)
        self.clock.resume(restored.state["clock"])
        say(f"training goes on from step {self.step}")
        return self.step

    def _prepare(self) -> None:
        """Everything before the first step that can refuse, and compilation; then the clock of training starts."""
        tokens = self.batches.rows * self.batches.raw_length
        flops = 3 * self.model.network.flops_per_token(self.model.network.context_length) * tokens
        least_seconds = least_step_seconds(self.choices, flops) if self.step == 0 else 0.0
        if self.step == 0:
            self.clock.require_a_step(least_seconds)
        room = self.checkpoints.require_room(self.model, self.updater, with_best=self.best.watches)
        self.clock.closing_seconds = room / WRITTEN_BYTES_PER_SECOND
        if self.choices.compile is None:
            # Rows of documents are of every length: compiled code, made for one, would hardly run.
            asked = False if self.objective.unit == "document" and self.settings.compile == "auto" else self.settings.compile
            self.choices.compile = compilation.decide(asked, self.model.network, self._training_seconds)
        self._choose_attention()
        if self.choices.compile:
            seconds = compilation.compile_network(self.model.network, self._rehearse)
            self.choices.compile = seconds is not None
            self.choices.facts["compile_seconds"] = seconds or 0.0
        self.choices.save(self.checkpoints.folder)
        if self.best.watches and (self.evaluate is None or self.step == 0):
            self.best.require(None if self.evaluate is None else self._validate())
        if self.evaluate is not None and self.clock.available_seconds is not None:
            # An evaluation may learn what the end will take and keep time for it: better before the schedule begins.
            self._validate()
            self.clock.look_ahead()
            if self.step == 0:
                self.clock.require_a_step(least_seconds)
        self.validated_seconds = 0.0
        self.clock.begin()

    def _choose_attention(self) -> None:
        """The network's faster attention kernel, recorded or measured."""
        network = self.model.network
        if not hasattr(network, "choose_attention"):
            return
        if self.choices.attention is None:
            rows = max(part.stop - part.start for part in self.micro_batches)
            compiled = bool(self.choices.compile)
            self.choices.attention = network.choose_attention(rows, network.context_length, compiled)
        network.use_attention(self.choices.attention)

    def _training_seconds(self) -> float:
        """How long training takes uncompiled: what the budget leaves, or its steps times the time of one."""
        available, total = self.clock.available_seconds, self.clock.total_steps(self.batches)
        if available is not None:
            return available - self.clock.trained_seconds
        assert total is not None
        self._rehearse()
        began = self.clock.now()
        self._rehearse()
        seconds = self.clock.now() - began
        self.choices.facts["uncompiled_step_seconds"] = seconds
        return (total - self.step) * seconds

    def _rehearse(self) -> None:
        """A step without an update, to measure or compile it."""
        self.model.train()
        _, batch = self.loader.build(self.step)
        with self.model.lanes_as_they_were():
            accumulate(self.model, self.objective, batch, self.micro_batches, seed=self.settings.seed, step=self.step)
        self.updater.zero_grad()

    def _progress(self) -> Progress:
        return self.clock.progress(self.step, self.batches)

    # -- what is written --------------------------------------------------------------------------------------------

    def _line(self, losses: StepLoss, norm: float, scale: float, rate: float) -> dict[str, Any]:
        text = self.objective.text_term
        terms = {f"loss_{name}": value for name, value in losses.terms.items() if name != text}
        nats = {"nats_per_token": losses.terms[text]} if text in losses.terms else {}
        return {"step": self.step, "loss": losses.loss, **nats, **terms, **losses.metrics, "learning_rate_scale": scale,
                "tokens": self.batches.tokens_at(self.step), "seconds": self.clock.trained_seconds, "tokens_per_second": rate,
                "gradient_norm": norm}  # fmt: skip

    def _affords_validation(self) -> bool:
        """Of a budget in time, whether validations stay within `MOST_VALIDATING` of the training so far with one more."""
        if self.clock.available_seconds is None:
            return True
        return self.validated_seconds + self.validation_seconds <= MOST_VALIDATING * self.clock.trained_seconds

    def _over(self) -> bool:
        """Whether no further step is to start: the budget is used up, or validation gets no better."""
        return self.clock.over(self.step, self.batches) or self.best.gives_up

    def _last_is_judged(self) -> bool:
        """Whether this is the last step and early stopping must know how good its weights are; a budget in time has none left."""
        return self.best.watches and self.clock.available_seconds is None and self.clock.over(self.step, self.batches)

    def _validate(self) -> Mapping[str, float]:
        assert self.evaluate is not None
        self.model.train(False)
        began = self.clock.now()
        with torch.no_grad():
            values = self.evaluate(self.model.network)
        self.validation_seconds = self.clock.now() - began
        self.validated_seconds += self.validation_seconds
        self.model.train()
        return values

    def _validation_line(self, values: Mapping[str, float], progress: Progress) -> dict[str, Any]:
        return {"step": self.step, "tokens": self.batches.tokens_at(self.step), "seconds": progress.seconds,
                **{f"validation_{name}": value for name, value in values.items()}}  # fmt: skip

    def _save(self) -> None:
        state = {"loss": self.loss, "tokens": self.batches.tokens_at(self.step), "clock": self.clock.state(),
                 "choices": asdict(self.choices)}  # fmt: skip
        began = self.clock.now()
        self.checkpoints.save(self.step, self.model, self.updater, state | {"best": self.best.state()}, self.best.tensors)
        self.saved_step, self.clock.closing_seconds = self.step, self.clock.now() - began

    def _outcome(self, resumed_from: int | None, stopped_by: str | None) -> Outcome:
        return Outcome(self.step, self.batches.tokens_at(self.step), self.batches.epoch_at(self.step), self.clock.trained_seconds,
                       self.clock.overhead_seconds, self.loss, self.checkpoints.path(self.step), resumed_from, stopped_by,
                       asdict(self.choices), self.best.told())  # fmt: skip
