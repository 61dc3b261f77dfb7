"""A model that is measured, with what it was trained for: that decides how it can be asked.

    left_to_right   how probable is this token after those            causal, multi_token, prefix, all models that count
    infill          the same, and the middle after both sides         infill
    masked          what stands in this hidden place                  masked, masked_diffusion
    permuted        what stands in this place, of those seen          permutation
    spans           what stood behind this sentinel                   span_corruption, mixture_of_denoisers
    detection       which of these tokens was replaced                replaced_token

A model that was trained for anything else (classes, pairs of texts) gives values for a probe and can be trained further; one that
was trained for several objectives at once is asked by one of them, that of a likelihood first.
Tests: tests/evaluate/yardsticks/test_subject.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from telos.foundation.errors import TelosError
from telos.foundation.files import read_json
from telos.models import Counting
from telos.objectives import Objective

Way = Literal["left_to_right", "infill", "masked", "permuted", "spans", "detection"]


class Whole:
    """A network with what its objective owns, as an objective is handed it."""

    def __init__(self, network: Any, owned: Any):
        self.network, self.owned = network, owned

    def __getattr__(self, name: str) -> Any:
        return getattr(self.network, name)

    @property
    def device(self) -> Any:
        return next(self.network.parameters()).device


@dataclass(frozen=True, slots=True)
class Subject:
    """``model``: a network or a counting model.  ``objective``: what it was trained with, None where nobody says.  ``owned``: the
    parts of its objective that were saved."""

    model: Any
    tokenizer: Any
    objective: Objective | None = None
    owned: Any = None

    @classmethod
    def load(cls, folder: Path) -> "Subject":
        """From a model folder; `TelosError` for one that is none."""
        from telos.models.saved import load_model
        from telos.objectives import _saved

        folder = Path(folder)
        model, tokenizer = load_model(folder)
        objective, owned = _objective(folder), None
        if objective is None or isinstance(model, Counting):
            return cls(model, tokenizer)
        objective = objective.fitted(model.spec)
        parts = [part.objective.fitted(model.spec) for part in getattr(objective, "parts", ())]
        if parts:
            return cls(model, tokenizer, asked_of(model, parts) or objective)
        if (folder / _saved.WEIGHTS).is_file():
            found = _saved.read(folder)
            assert found is not None
            # The mean and the deviation of the numbers that it tells are saved with the head.
            vocabulary = model.vocabulary.with_labels(found[1]).with_value_scale((0.0, 1.0))
            owned = objective.build(model, vocabulary)
            assert owned is not None, "an objective that saved parts has some"
            _saved.fill(folder, owned)
            owned.eval()
        return cls(model, tokenizer, objective, owned)

    @property
    def counts(self) -> bool:
        """Whether it learned by counting."""
        return isinstance(self.model, Counting)

    @property
    def whole(self) -> Whole:
        return Whole(self.model, self.owned)

    @property
    def way(self) -> Way | None:
        """How it can be asked; None where it cannot."""
        return way_of(self.model, self.objective)

    @property
    def longest(self) -> int | None:
        """Tokens that it reads at once; None where there is no end to them."""
        if self.counts or self.model.spec.carries_state:
            return None
        return self.model.context_length

    @property
    def likelihood(self) -> str | None:
        """None where it says how probable a text is, from left to right; else the reason why not."""
        from telos.objectives.infill import Infill

        if self.way == "left_to_right" or (isinstance(self.objective, Infill) and self.objective.rate < 1):
            return None
        return f"{self.described} gives no likelihood of a text"

    @property
    def described(self) -> str:
        """Its family and objective, for messages."""
        kind = self.model.spec.kind()
        return f"'{kind}'" if self.objective is None else f"'{kind}' trained with objective={self.objective.kind()}"

    @contextmanager
    def still(self, threads: int | None = None) -> Iterator[None]:
        """Dropout off, and so many threads of torch; afterwards as they were."""
        import torch

        before, training = torch.get_num_threads(), getattr(self.model, "training", False)
        if threads is not None:
            torch.set_num_threads(threads)
        if training:
            self.model.eval()
        try:
            yield
        finally:
            torch.set_num_threads(before)
            if training:
                self.model.train()


def way_of(model: Any, objective: Objective | None) -> Way | None:
    """How a model of this objective can be asked."""
    from telos.objectives.causal import Causal
    from telos.objectives.infill import Infill
    from telos.objectives.masked import Masked
    from telos.objectives.masked_diffusion import MaskedDiffusion
    from telos.objectives.mixture_of_denoisers import MixtureOfDenoisers
    from telos.objectives.permutation import Permutation
    from telos.objectives.prefix import Prefix
    from telos.objectives.replaced_token import ReplacedToken
    from telos.objectives.span_corruption import SpanCorruption

    ways: list[tuple[type | tuple[type, ...], Way]] = [
        ((Causal, Prefix), "left_to_right"), (Infill, "infill"), ((Masked, MaskedDiffusion), "masked"),
        (Permutation, "permuted"), ((SpanCorruption, MixtureOfDenoisers), "spans"), (ReplacedToken, "detection"),
    ]  # fmt: skip
    if objective is None:
        return "left_to_right" if model.spec.has_likelihood and "causal" in model.spec.patterns else None
    return next((way for kinds, way in ways if isinstance(objective, kinds)), None)


def asked_of(model: Any, objectives: list[Objective]) -> Objective | None:
    """By which of the objectives that a model was trained for it is asked: from left to right if by any, else the first that can
    be asked without parts of its own."""
    ways = [(one, way_of(model, one)) for one in objectives]
    whole = [one for one, way in ways if way in ("left_to_right", "infill")]
    return next(iter([*whole, *(one for one, way in ways if way not in (None, "detection"))]), None)


def _objective(folder: Path) -> Objective | None:
    """What a model was trained with: as its folder says, else the recipe in its lineage."""
    from telos.objectives import _saved

    found = _saved.read(folder)
    if found is not None:
        return found[0]
    lineage = folder / "lineage.json"
    settings = read_json(lineage).get("settings") if lineage.is_file() else None
    if not isinstance(settings, dict) or "objective" not in settings:
        return None
    try:
        return Objective.parse(settings["objective"])
    except TelosError:  # of a version that had other settings; then as an imported model
        return None
