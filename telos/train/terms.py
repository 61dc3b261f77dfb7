"""The terms of an objective at work: what is added to the nats of each place, and what is noted of it.

    loss of a place n:  nll_n + Σ_k c_k term_kn

What an objective gets for its places has the value of the nats alone and the gradient of the whole.  Backward, the gradient g_n
that arrives there is what the objective made of place n (its weight, its share of the mean), and Σ_n g_n term_kn the mean of the
term as the objective weighs its places: the loop notes it by name and adds c_k times it to the loss.  So an objective need not
know of terms.  Tests: tests/train/test_terms.py.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from telos.foundation.errors import TelosError
from telos.layers.over_logits import chunked
from telos.models import Hidden, Inputs
from telos.objectives import Objective
from telos.objectives.terms import Rows
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary


class Terms:
    """The terms of one training.  ``sized``: with companions that are as large as those of the run, and no more."""

    def __init__(self, objective: Objective, network: Any, vocabulary: Vocabulary, *, sized: bool = False):
        self.terms, self.vocabulary = objective.terms, vocabulary
        terms = self.terms
        self.asked = {term.beside for term in terms}
        self.wanted = reduce(frozenset.union, (term.reads for term in terms), frozenset[str]())
        built = (
            term.sized(vocabulary) if sized else term.build(network, vocabulary) for term in terms if term.beside == "teacher"
        )
        self.teacher = next(built, None)
        asked = {member.pattern(network.spec) for member in objective.members}
        if self.teacher is not None and (lacking := sorted(asked - self.teacher.spec.patterns)):
            raise TelosError(f"a teacher must be a model with {lacking[0]} attention, as the objective asks it",
                             f"it has {', '.join(sorted(self.teacher.spec.patterns))}",
                             "give another folder as the term's teacher")  # fmt: skip
        for term in terms:
            if term.beside == "teacher":
                term.check_companion(asked, self.teacher)
        self.means: Tensor | None = None

    @classmethod
    def of(cls, objective: Objective, network: Any, vocabulary: Vocabulary, *, sized: bool = False) -> "Terms | None":
        """`TelosError` where a teacher does not fit."""
        return cls(objective, network, vocabulary, sized=sized) if objective.terms else None

    # -- beside a forward pass --------------------------------------------------------------------------------------

    def beside(self, inputs: Inputs, again: Callable[[], Hidden], dtype: torch.dtype) -> dict[str, Any]:
        """What the terms need of the same inputs.  ``again``: another pass of the model."""
        found: dict[str, Any] = {}
        if "second" in self.asked:
            found["second"] = again().values_BTD
        if self.teacher is not None:
            self.teacher.compute_dtype = dtype
            with torch.no_grad():
                found["teacher"] = self.teacher.hidden(inputs).values_BTD
        if "earlier" in self.asked:
            size = inputs.tokens_BT.shape
            found["earlier"] = Earlier(
                inputs, self.vocabulary, torch.arange(size.numel(), device=inputs.tokens_BT.device).view(size)
            )
        return found

    # -- nats -------------------------------------------------------------------------------------------------------

    def nll(self, network: Any, hidden: Hidden, targets_BT: Tensor) -> Tensor:
        """As `Network.nll`, with the gradient of the terms."""
        names = [name for name in ("second", "teacher", "earlier") if name in self.asked]
        missing = [name for name in names if name not in hidden.beside]
        assert not missing, f"an objective whose nats come from elsewhere must say compares = False: {missing}"
        sides = {name: hidden.beside[name] for name in names}
        read = [side.places.flatten() if isinstance(side, Earlier) else side.flatten(0, 1) for side in sides.values()]

        def rows_of(values: Tensor, targets: Tensor, *read: Tensor) -> Tensor:
            given: dict[str, Any] = dict(zip(names, read, strict=True))
            if "second" in given:
                given["second"] = _logits(network, given["second"])
            if "teacher" in given:
                with torch.no_grad():
                    given["teacher"] = _logits(self.teacher, given["teacher"])[:, : self.vocabulary.size]
            if "earlier" in given:
                given["earlier"] = sides["earlier"].at(given["earlier"])
            return network.over_logits(Hidden(values[None]),
                                       lambda logits: self._rows(Rows(logits, targets, self.wanted, **given)))[0]  # fmt: skip

        rows = [hidden.values_BTD.flatten(0, 1), targets_BT.flatten(), *read]
        return self._carried(chunked(rows_of, rows, self.vocabulary.size)).view(targets_BT.shape)

    def class_nll(self, logits_BC: Tensor, second_BC: Tensor | None, classes_B: Tensor) -> Tensor:
        """The same from logits over a few classes."""
        return self._carried(self._rows(Rows(logits_BC, classes_B, self.wanted, second=second_BC)))

    def _rows(self, rows: Rows) -> Tensor:
        """Nats and terms of each place, (n, 1 + terms); of two passes, their mean."""
        columns = [rows.statistics.nll, *(term.of(rows) for term in self.terms)]
        if rows.second is not None:
            other = rows.of_second()
            both = [other.statistics.nll, *(None if term.beside == "second" else term.of(other) for term in self.terms)]
            columns = [one if two is None else (one + two) / 2 for one, two in zip(columns, both, strict=True)]
        return torch.stack(columns, 1)

    def _carried(self, rows: Tensor) -> Tensor:
        counts = rows.new_tensor([1.0, *(term.coefficient for term in self.terms)])
        return _Carried.apply(rows, counts, self)

    def note(self, means: Tensor) -> None:
        self.means = means if self.means is None else self.means + means

    def take(self) -> dict[str, tuple[float, float]]:
        """Each term's mean and its coefficient, since the last call."""
        means, self.means = self.means, None
        found = [0.0] * len(self.terms) if means is None else means.tolist()
        return {term.kind(): (mean, term.coefficient) for term, mean in zip(self.terms, found, strict=True)}


def _logits(network: Any, values: Tensor) -> Tensor:
    return network.over_logits(Hidden(values[None]), lambda logits: logits)[0]


class _Carried(torch.autograd.Function):
    """The nats of each place, with the gradient of nats and terms."""

    @staticmethod
    def forward(ctx, rows: Tensor, counts: Tensor, terms: Terms) -> Tensor:
        ctx.save_for_backward(rows, counts)
        ctx.terms = terms
        return rows[:, 0].clone()

    @staticmethod
    def backward(ctx, g: Tensor):
        rows, counts = ctx.saved_tensors
        ctx.terms.note(g.double() @ rows[:, 1:].double())
        return g[:, None] * counts, None, None


class Earlier:
    """Which tokens of a batch stand before a place, in its document: each once, and no special ones.  ``places``: numbers of some
    of the batch's places, of any shape; `x[i]` picks among them as a tensor does."""

    def __init__(self, inputs: Inputs, vocabulary: Vocabulary, places: Tensor):
        tokens, segments = inputs.tokens_BT, inputs.segments_BT
        self.tokens_BT = tokens
        self.segments_BT = torch.zeros_like(tokens) if segments is None else segments.long()
        ordinary = (tokens < vocabulary.size_ordinary) & (tokens != vocabulary.specials[END_OF_TEXT])
        self.counts_BT = ordinary & _firsts(self.segments_BT * vocabulary.size + tokens)
        self.places = places

    def __getitem__(self, chosen: Any) -> "Earlier":
        picked = object.__new__(Earlier)
        picked.tokens_BT, picked.segments_BT, picked.counts_BT = self.tokens_BT, self.segments_BT, self.counts_BT
        picked.places = self.places[chosen]
        return picked

    def at(self, places_N: Tensor) -> tuple[Tensor, Tensor]:
        """(ids (n, T), whether each counts (n, T)) for these places of the batch."""
        length = self.tokens_BT.shape[1]
        rows, at = places_N // length, places_N % length
        before = torch.arange(length, device=at.device) <= at[:, None]
        same = self.segments_BT[rows] == self.segments_BT[rows, at][:, None]
        return self.tokens_BT[rows], self.counts_BT[rows] & before & same


def _firsts(keys_BT: Tensor) -> Tensor:
    """Whether a value is the first of its kind in its row."""
    ordered, order = keys_BT.sort(dim=1, stable=True)
    new = torch.ones_like(ordered, dtype=torch.bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return torch.zeros_like(new).scatter_(1, order, new)
