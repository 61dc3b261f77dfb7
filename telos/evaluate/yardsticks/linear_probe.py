"""A linear probe: what of a text's class a logistic regression reads off the values that the network makes of it.

    p(class | text) = softmax(W z + b),   z the mean of the last values, each coordinate standardised;   network unchanged

fitted by scikit-learn with the penalty ‖W‖² ÷ (2 C).  Alain and Bengio 2017, "Understanding intermediate layers using linear
classifier probes" (arXiv:1610.01644), section 3.  Applies to every network that has values, whatever it was trained for.
Tests: tests/evaluate/yardsticks/test_linear_probe.py.
"""

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from telos.evaluate.yardsticks import Context, Measured, Subject, Yardstick
from telos.evaluate.yardsticks._labelled import Labelled
from telos.evaluate.yardsticks._pooled import has_values, pattern_of, pooled
from telos.evaluate.yardsticks._rows import batches
from telos.foundation.errors import require
from telos.foundation.progress import progress


class LinearProbe(Yardstick):
    """``training``, ``test``: at most so many texts of each.  ``inverse_penalty``: C."""

    title: ClassVar[str] = "linear probe"
    unit: ClassVar[str] = "share right"
    better: ClassVar[Literal["lower", "higher"]] = "higher"
    measures: ClassVar[str] = "How well a linear classifier tells classes from the unchanged network's values."
    comparable: ClassVar[str] = "accuracy of a linear probe"
    needs: ClassVar = ("labelled",)

    training: int = Field(2000, ge=2)
    test: int = Field(1000, ge=1)
    inverse_penalty: float = Field(0.1, gt=0)

    def applies(self, model: Subject) -> str | None:
        return has_values(model)

    def measured(self, model: Subject, context: Context) -> Measured:
        linear: Any = require("sklearn.linear_model", extra="evaluate", feature="the yardstick linear_probe")
        labelled = Labelled.read(context)
        train, test = labelled.split(self.training, self.test, context.seed)
        values = values_of(model, [labelled.texts[i] for i in [*train, *test]], context.batch_tokens)
        seen, told = values[: len(train)], values[len(train) :]
        centre, spread = seen.mean(0), seen.std(0)
        spread[spread == 0] = 1
        classes = labelled.classes
        if len(np.unique(classes[train])) < 2:
            said = np.full(len(test), classes[train][0])
        else:
            probe = linear.LogisticRegression(C=self.inverse_penalty, max_iter=2000)
            said = probe.fit((seen - centre) / spread, classes[train]).predict((told - centre) / spread)
        right = (said == classes[test]).astype(np.float64)
        return Measured([str(i) for i in test], right, np.ones(len(test)), "accuracy", self.comparable,
                        f"{len(train)} labelled texts; reads them {pattern_of(model)}",
                        {"commonest_class": labelled.commonest_share})  # fmt: skip


def values_of(subject: Subject, texts: list[str], batch_tokens: int) -> np.ndarray:
    """`pooled` of each text, (texts, D) float64."""
    import torch

    ids = subject.tokenizer.encode_batch(texts)
    found: np.ndarray | None = None
    longest = subject.longest or max(map(len, ids))
    with torch.no_grad(), progress("values", len(ids), "texts") as advance:
        for chosen in batches([min(len(one), longest) + 1 for one in ids], batch_tokens):
            values = pooled(subject, [ids[i] for i in chosen]).double().cpu().numpy()
            found = np.zeros((len(ids), values.shape[1])) if found is None else found
            found[chosen] = values
            advance(len(chosen))
    assert found is not None
    return found
