"""A loss or gradient that is not finite: training stops before the update, and says where it came from."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from telos.foundation.errors import TelosError
from telos.foundation.random import generator
from telos.objectives import Batch, Objective
from telos.tokens.batches import Row
from telos.train.gradients import part
from telos.train.trainable import Trainable

SHOWN = 3


@dataclass(frozen=True, slots=True)
class NonFinite:
    """What the step after ``step`` completed ones gave: its loss or gradient norm is infinite or not a number."""

    step: int
    loss: float
    norm: float
    rows: list[Row]
    batch: Batch

    def explain(self, model: Trainable, objective: Objective, seed: int, saved: list[int]) -> TelosError:
        """The error that names the step, the documents (by number in the token store) of the rows whose own loss is not
        finite, and the checkpoint that is still good (``saved``: newest first)."""
        what = f"loss {self.loss}" if not math.isfinite(self.loss) else f"loss {self.loss:.4g}, gradient norm {self.norm}"
        bad = _bad_rows(model, objective, self.batch, seed, self.step)
        rows = [self.rows[row] for row in bad] or self.rows
        documents = sorted({int(d) for row in rows for d in np.unique(row.documents)})
        names = ", ".join(map(str, documents[:SHOWN])) + (" …" if len(documents) > SHOWN else "")
        where = f"in {len(bad)} of {self.batch.rows} rows" if bad else f"by no single one of {self.batch.rows} rows"
        where += f", of training document{'s' * (len(documents) > 1)} {names}"
        kept = f"the checkpoint of step {saved[0]} is good" if saved else "nothing was saved yet"
        return TelosError("the loss must be a finite number", f"{what} at step {self.step + 1}, {where}; {kept}",
                          "run with a lower optimizer.learning_rate into another --out, or look at what is named")  # fmt: skip


@torch.no_grad()
def _bad_rows(model: Trainable, objective: Objective, batch: Batch, seed: int, step: int) -> list[int]:
    """Rows whose loss alone is not finite, by groups that belong together."""
    bad: list[int] = []
    for start in range(0, batch.rows, objective.rows_together):
        group = slice(start, start + objective.rows_together)
        rows = part(batch, group)
        with model.reading(group, rows):
            loss = objective.loss(model, rows, generator(seed, "loss", step, 0))
        if not all(math.isfinite(float(total)) for total, _ in loss.terms.values()):
            bad += range(group.start, group.stop)
    return bad
