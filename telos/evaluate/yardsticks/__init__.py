"""The family of yardsticks: what models that were trained with different objectives can be compared on.

A yardstick says which models it can measure, and gives one value an item (a document, a pair, a hidden word):

    figure = Σ_i value_i ÷ Σ_i weight_i

so that two models are compared on the items that both have.  What is no likelihood is never set beside one: two figures compare
only where `Measured.comparable` is the same.  Members: one file each.  Tests: tests/evaluate/yardsticks/.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from telos.evaluate.likelihood import Interval, bootstrap
from telos.evaluate.metrics.accuracy import wilson
from telos.evaluate.yardsticks._subject import Subject
from telos.foundation.errors import TelosError
from telos.foundation.progress import progress
from telos.foundation.random import generator
from telos.foundation.spec import Spec

Needed = Literal["texts", "pairs", "labelled"]
_MISSING = {
    "texts": ("held-out texts", "give a file or folder of text that the model has not read (--texts PATH)"),
    "pairs": ("a file of minimal pairs", "give a JSON Lines file in BLiMP's form (--pairs FILE)"),
    "labelled": ("a labelled set", "give a table or JSON Lines file with text and label (--labelled FILE)"),
}


@dataclass(frozen=True, slots=True)
class Context:
    """What a model is measured on: the same for all models that are to be compared.

    ``texts``: held-out documents, ``names`` their ids (by default their numbers).  ``pairs``: a file of minimal pairs.
    ``labelled``: a table or JSON Lines file with a text and a label, in the fields ``text_field`` and ``label_field``
    (``columns``: names, where a table has no header line).  ``judge``: a model folder whose likelihood judges what others write.
    ``seed``: keys what is drawn.  ``threads``: of torch (None: as they are).  ``budget_seconds``: no new items are begun
    afterwards; those that were measured are the first of an order that depends on the seed alone, so those of two models
    overlap.  ``batch_tokens``: about how many tokens go through a network at once; figures do not depend on it.
    """

    texts: Sequence[str] = ()
    names: Sequence[str] = ()
    pairs: Path | None = None
    labelled: Path | None = None
    text_field: str = "text"
    label_field: str = "label"
    columns: tuple[str, ...] = ()
    judge: Path | None = None
    seed: int = 1
    threads: int | None = None
    budget_seconds: float | None = None
    batch_tokens: int = 8192

    def name(self, document: int) -> str:
        """The id of a held-out document."""
        return self.names[document] if self.names else str(document)

    def require(self, kind: str, needs: Sequence[Needed]) -> None:
        """`TelosError` where a yardstick's material is missing."""
        for need in needs:
            if not getattr(self, need):
                what, fix = _MISSING[need]
                raise TelosError(f"yardstick '{kind}' needs {what}", "none", fix)

    def chunks(self, items: int, at_once: int, what: str | None, unit: str, limit: int | None = None) -> Iterator[np.ndarray]:
        """Numbers of items, at most ``limit``, some at a time, in an order keyed by the seed, while there is time: the first ones
        always.  ``what``: None where the measuring of each chunk shows its own progress."""
        order = generator(self.seed, "yardstick", items).permutation(items)[:limit]
        began = time.monotonic()
        with progress(what, len(order), unit) if what else contextlib.nullcontext(lambda by: None) as advance:
            for at in range(0, len(order), at_once):
                if at and self.budget_seconds is not None and time.monotonic() - began > self.budget_seconds:
                    return
                yield order[at : at + at_once]
                advance(len(order[at : at + at_once]))


@dataclass(frozen=True, slots=True)
class Measured:
    """What a yardstick found of a model.

    ``items``: ids; ``values`` and ``weights``: of each, float64.  ``kind``: in which sense the figure is one ("exact", "bound",
    "pseudo", "accuracy" …).  ``comparable``: figures with other words here are of another kind.  ``sees``: what the model was
    shown, a sentence.  ``beside``: figures without which this one says little.
    """

    items: list[str]
    values: np.ndarray
    weights: np.ndarray
    kind: str
    comparable: str
    sees: str = ""
    beside: dict[str, float] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The figure."""
        return float(self.values.sum() / self.weights.sum())

    @property
    def interval(self) -> Interval | None:
        """Its 95 % interval over items: Wilson's of a share, else a bootstrap (`telos.evaluate.likelihood`)."""
        if np.all(self.weights == 1) and np.all((self.values == 0) | (self.values == 1)):
            return wilson(float(self.values.sum()), len(self.values))
        return bootstrap(self.values, self.weights)


class Yardstick(Spec, family="telos.evaluate.yardsticks", default="bits_per_byte"):
    """Settings of a yardstick, and its behaviour."""

    title: ClassVar[str]
    unit: ClassVar[str]
    better: ClassVar[Literal["lower", "higher"]]
    measures: ClassVar[str]
    """What it measures, in one sentence."""
    comparable: ClassVar[str]
    """The scale; where one has figures of several kinds, `Measured.comparable` says more."""
    needs: ClassVar[tuple[Needed, ...]] = ("texts",)
    """What `Context` must hold."""

    def applies(self, model: Subject) -> str | None:
        """None where it can measure this model, else the reason why not."""
        raise NotImplementedError

    def measure(self, model: Subject, context: Context) -> Measured:
        """The figure; `TelosError` where it does not apply or the context lacks what it needs."""
        reason = self.applies(model)
        if reason is not None:
            raise TelosError(f"yardstick '{self.kind()}' must apply to the model", reason, "leave it out, or take another model")
        context.require(self.kind(), self.needs)
        with model.still(context.threads):
            return self.measured(model, context)

    def measured(self, model: Subject, context: Context) -> Measured:
        """`measure`, where all is there; what a member defines."""
        raise NotImplementedError


__all__ = ["Context", "Measured", "Subject", "Yardstick"]
