"""Settings of training: how long, how much at once, how often to save, and what to watch."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, StrictBool, field_validator, model_validator

from telos.foundation.spec import Spec
from telos.foundation.units import Duration
from telos.train.early_stopping import EarlyStopping
from telos.train.watchers import Watcher


class Train(Spec):
    """How to train.

    ``budget``: one of a time (from process start, all included), steps, tokens or epochs.
    ``batch_tokens``: tokens drawn for a step; ``micro_batch_tokens``: at most so many in one forward pass, gradients add up
    (None: all).  ``group_by_length``: where rows are whole documents, those of a batch are of about one length, so that less is
    padding.  ``gradient_clip``: the gradient's norm is scaled down to this (None: never).
    ``checkpoint_every``, ``evaluate_every``: in steps, tokens, epochs, time or as a share of the budget; 0 steps: never (the end
    is always saved).  Under a budget in time there are fewer evaluations where they would take more than a few percent of it.
    ``early_stopping``: keep the weights of the best evaluation, and stop where it gets no better (None: train to the end of the
    budget and keep the last).
    ``keep_checkpoints``: older ones are removed once a newer one is safely on disk.
    ``precision``: type of activations and matrix products, "auto" measures which is faster; weights are always fp32.
    ``compile``: "auto" compiles where the budget is long enough for it to pay.  ``threads``: None for all cores.
    ``start_from``: the folder of a model whose weights training begins with (None: they are drawn).
    ``log_every``: steps between two lines of metrics.jsonl.  ``watchers``: what is told of each of them.
    """

    budget: Duration = Duration(180, "seconds")
    batch_tokens: int = Field(4096, ge=1)
    micro_batch_tokens: int | None = Field(None, ge=1)
    group_by_length: StrictBool = False
    gradient_clip: float | None = Field(1.0, gt=0)
    checkpoint_every: Duration = Duration(60, "seconds")
    keep_checkpoints: int = Field(2, ge=1)
    evaluate_every: Duration = Duration(0.2, "fraction")
    early_stopping: EarlyStopping | None = None
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: Literal["auto"] | StrictBool = "auto"
    threads: int | None = Field(None, ge=1)
    seed: int = Field(1, ge=0)
    start_from: Path | None = None
    log_every: int = Field(1, ge=1)
    watchers: tuple[Watcher, ...] = Field(default_factory=lambda: (Watcher.parse("metrics_jsonl"), Watcher.parse("progress_bar")))

    @field_validator("budget", mode="before")
    @classmethod
    def _one_budget(cls, value: Any) -> Duration:
        if isinstance(value, (list, tuple, dict)):
            raise ValueError("a run has one budget: a time, steps, tokens or epochs")
        parts = [part for part in str(value).replace(" and ", ",").split(",") if part.strip()]
        if len(parts) > 1:
            raise ValueError("a run has one budget: a time, steps, tokens or epochs")
        return Duration.parse(value)

    @model_validator(mode="after")
    def _possible(self) -> "Train":
        if self.budget.unit == "fraction":
            raise ValueError("budget must be a time, steps, tokens or epochs, not a share of itself")
        if self.budget.value <= 0:
            raise ValueError("budget must be more than nothing")
        if self.early_stopping is not None and self.evaluate_every.value == 0:
            raise ValueError("early_stopping must have evaluations: evaluate_every above 0")
        if self.micro_batch_tokens is not None and self.micro_batch_tokens > self.batch_tokens:
            raise ValueError(f"micro_batch_tokens ({self.micro_batch_tokens}) must be at most batch_tokens ({self.batch_tokens})")
        return self

    def rows(self, raw_length: int, rows_together: int = 1) -> int:
        """Rows of a step: as many as ``batch_tokens`` has room for, at least one group of ``rows_together``."""
        return max(1, self.batch_tokens // (raw_length * rows_together)) * rows_together

    def micro_batches(self, rows: int, raw_length: int, rows_together: int = 1) -> list[slice]:
        """The rows of each micro-batch: as few as ``micro_batch_tokens`` allows, of nearly equal size, no group parted."""
        groups = rows // rows_together
        largest = max(1, (self.micro_batch_tokens or self.batch_tokens) // (raw_length * rows_together))
        count = -(-groups // largest)
        ends = [groups * (i + 1) // count * rows_together for i in range(count)]
        return [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
