"""A short fine-tuning: how well the whole network tells classes after a fixed number of steps on a labelled set.

    loss = −Σ_d log softmax(W pool(h_1 … h_n) + b)_{y_d} ÷ documents

as `classification` has it, with the head at zero, every model with the same texts in the same order, the same steps and rate: a
linear rise over the first tenth and a linear fall to zero (Devlin et al. 2019, "BERT", appendix A.3 and section 5.1).  The model
is copied; what is measured stays as it is.  The number of steps is the budget: time does not change it.
Tests: tests/evaluate/yardsticks/test_fine_tuning.py.
"""

import copy
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from telos.evaluate.yardsticks import Context, Measured, Subject, Yardstick
from telos.evaluate.yardsticks._labelled import Labelled
from telos.evaluate.yardsticks._pooled import has_values, pattern_of, pooled
from telos.evaluate.yardsticks._rows import batches
from telos.foundation.progress import progress
from telos.foundation.random import generator, key


class FineTuning(Yardstick):
    """``steps`` of ``rows`` texts each, drawn without replacement from at most ``training``; ``test``: at most so many are told.
    ``learning_rate``: the highest, of AdamW with ``weight_decay``."""

    title: ClassVar[str] = "short fine-tuning"
    unit: ClassVar[str] = "share right"
    better: ClassVar[Literal["lower", "higher"]] = "higher"
    measures: ClassVar[str] = "How well the network tells classes after a short fine-tuning, the same for all."
    comparable: ClassVar[str] = "accuracy after fine-tuning"
    needs: ClassVar = ("labelled",)

    steps: int = Field(100, ge=1)
    rows: int = Field(16, ge=1)
    training: int = Field(2000, ge=2)
    test: int = Field(1000, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)

    def applies(self, model: Subject) -> str | None:
        return has_values(model)

    def measured(self, model: Subject, context: Context) -> Measured:
        import torch

        labelled = Labelled.read(context)
        train, test = labelled.split(self.training, self.test, context.seed)
        with torch.random.fork_rng():  # dropout knows only torch's global generators
            tuned, head = self._tuned(model, labelled, train, context)
        said = _told(tuned, head, [labelled.texts[i] for i in test], context.batch_tokens)
        right = (said == labelled.classes[test]).astype(np.float64)
        scale = f"{self.comparable}: {self.steps} steps of {self.rows}"
        return Measured([str(i) for i in test], right, np.ones(len(test)), "accuracy", scale,
                        f"{len(train)} labelled texts; reads them {pattern_of(model)}",
                        {"commonest_class": labelled.commonest_share})  # fmt: skip

    def _tuned(self, model: Subject, labelled: Labelled, train: np.ndarray, context: Context) -> tuple[Subject, Any]:
        """A copy of the network that has learned, and its head."""
        import torch
        from torch.nn import functional

        from telos.objectives.classification import Head

        tuned = Subject(copy.deepcopy(model.model), model.tokenizer, model.objective)
        ids = model.tokenizer.encode_batch([labelled.texts[i] for i in train])
        classes = torch.from_numpy(labelled.classes[train])
        tuned.model.requires_grad_(True).train()
        device = tuned.whole.device
        with torch.no_grad():
            width = pooled(tuned, ids[:1]).shape[1]
        head = Head(width, len(labelled.labels), 0.0).to(device)
        learned = [*tuned.model.parameters(), *head.parameters()]
        optimizer = torch.optim.AdamW(learned, lr=self.learning_rate, weight_decay=self.weight_decay)
        order = np.concatenate([generator(context.seed, "fine-tuning", epoch).permutation(len(ids))
                                for epoch in range(-(-self.steps * self.rows // len(ids)))])  # fmt: skip
        with progress(self.title, self.steps, "steps") as advance:
            for step in range(self.steps):
                chosen = order[step * self.rows : (step + 1) * self.rows]
                torch.manual_seed(key(context.seed, "dropout", step) & (2**63 - 1))
                for group in optimizer.param_groups:
                    group["lr"] = self.learning_rate * self._rate(step)
                logits_BC = head(pooled(tuned, [ids[i] for i in chosen]))
                loss = functional.cross_entropy(logits_BC, classes[chosen].to(device))
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(learned, 1.0)
                optimizer.step()
                advance(1)
        tuned.model.eval()
        return tuned, head

    def _rate(self, step: int) -> float:
        """Share of the highest rate at this step: up over the first tenth, then down to zero."""
        rise = max(1, self.steps // 10)
        return min((step + 1) / rise, (self.steps - step) / max(1, self.steps - rise))


def _told(subject: Subject, head: Any, texts: list[str], batch_tokens: int) -> np.ndarray:
    """The class that is told of each text."""
    import torch

    ids = subject.tokenizer.encode_batch(texts)
    said, longest = np.zeros(len(ids), np.int64), subject.longest or max(map(len, ids))
    with torch.no_grad():
        for chosen in batches([min(len(one), longest) + 1 for one in ids], batch_tokens):
            said[chosen] = head(pooled(subject, [ids[i] for i in chosen])).argmax(1).cpu().numpy()
    return said
