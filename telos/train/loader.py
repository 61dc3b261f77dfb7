"""The examples of a step, built one step ahead in a thread while the network computes."""

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

import torch
from torch.nn.functional import pad

from telos.foundation.random import generator
from telos.objectives import Batch, Objective, collate
from telos.optim.schedules import Progress
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary
from telos.train.clock import Counted

SAMPLED_ROWS = 16
"""Rows that tell how wide batches are."""


class Drawn(Counted, Protocol):
    """What training asks of batches; `telos.tokens.batches.Batches` and `telos.tokens.lanes.Lanes` are it."""

    raw_length: int
    rows: int

    @property
    def in_lanes(self) -> bool: ...

    def batch_at(self, step: int) -> list[Row]: ...

    def row_at(self, number: int) -> Row: ...


class Loader:
    """The batch of any step, a pure function of (seed, step); the next one is built while this one is used.

    ``total_steps``: of the whole budget, where it is known beforehand; None: no example may follow the share that is done."""

    def __init__(
        self,
        batches: Drawn,
        objective: Objective,
        vocabulary: Vocabulary,
        seed: int,
        device: torch.device,
        *,
        total_steps: int | None = None,
    ):
        self.batches, self.objective, self.vocabulary, self.seed, self.device = batches, objective, vocabulary, seed, device
        self.total_steps = total_steps
        self._widths: dict[str, int] = {}
        if objective.unit == "stream":
            # Short rows are padded to the width of others, so that compiled code meets one shape but for rare wider batches.
            for number in range(SAMPLED_ROWS):
                example = objective.examples(batches.row_at(number), generator(seed, "examples", 0, number), vocabulary)
                for name, array in example.items():
                    if array.ndim:
                        self._widths[name] = max(self._widths.get(name, 0), array.shape[0])
        self._pool = ThreadPoolExecutor(1, "telos-loader")
        self._ahead: tuple[int, Future[tuple[list[Row], Batch]]] | None = None

    def build(self, step: int) -> tuple[list[Row], Batch]:
        """The rows of the step after ``step`` completed ones, and their examples as one batch."""
        rows = self.batches.batch_at(step)
        make = self.objective.at(self._progress(step), generator(self.seed, "step", step))
        drawn = [make(row, generator(self.seed, "examples", step, row.number), self.vocabulary) for row in rows]
        examples = [self.objective.weighted(example, row) for example, row in zip(drawn, rows, strict=True)]
        columns = collate(examples).columns
        if self.batches.in_lanes:  # a state is kept as it stands behind the last token, not behind padding
            columns["lengths"] = torch.tensor([len(example["tokens"]) for example in examples])
        for name, width in self._widths.items():
            column = columns.get(name)
            if column is not None and column.ndim > 1 and column.shape[1] < width:
                columns[name] = pad(column, (*[0, 0] * (column.ndim - 2), 0, width - column.shape[1]))
        return rows, Batch({name: column.to(self.device) for name, column in columns.items()})

    def _progress(self, step: int) -> Progress:
        """In the middle of the step, in what follows from its number alone."""
        batches, middle = self.batches, step + 0.5
        tokens = (batches.tokens_at(step) + batches.tokens_at(step + 1)) / 2
        epochs = (batches.epoch_at(step) + batches.epoch_at(step + 1)) / 2
        return Progress(middle, tokens, epochs, math.nan, middle / self.total_steps if self.total_steps else math.nan)

    def at(self, step: int) -> tuple[list[Row], Batch]:
        """`build`, taken from the thread where it was foreseen; an error there is raised here."""
        ahead, self._ahead = self._ahead, None
        built = ahead[1].result() if ahead is not None and ahead[0] == step else self.build(step)
        self._ahead = (step + 1, self._pool.submit(self.build, step + 1))
        return built

    @contextmanager
    def open(self) -> Iterator["Loader"]:
        try:
            yield self
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)
