"""Beam search: the most probable continuations, as far as a few that are carried side by side lead to them.

    score(y) = log p(y | prompt) ÷ penalty(|y|),   penalty(n) = ((5 + n) ÷ 6)^α  ("wu"),   n^α  ("power")

log p and |y| count the end of text.  At each step every hypothesis is continued with every token; of the candidates the first
``beams`` go on, and those among the first ``beams`` that end are results.  The search stops where nothing that goes on can still
become one of the ``n_best``: what goes on has at most its log p ÷ penalty(longest).  With as many beams as there are texts it is
exhaustive search.  Wu et al. 2016, "Google's Neural Machine Translation System", section 7, equation 14; "power" and the steps
are those of transformers (``early_stopping="never"``).  Tests: tests/generate/test_beam.py (every text enumerated; transformers).
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from telos.foundation.spec import Spec
from telos.generate.lanes import Lanes


class Beam(Spec):
    """``beams``: hypotheses that are carried.  ``length_penalty``: α, 0 for the most probable text whatever its length, more for
    longer ones; ``penalty``: its form.  ``n_best``: results a prompt, at most ``beams``.  ``max_tokens``: at most so many new
    tokens, the end of text among them."""

    beams: int = Field(4, ge=1)
    length_penalty: float = Field(0.6, ge=0)
    penalty: Literal["wu", "power"] = "wu"
    n_best: int = Field(1, ge=1)
    max_tokens: int = Field(256, ge=1)

    @model_validator(mode="after")
    def _enough_beams(self) -> "Beam":
        if self.n_best > self.beams:
            raise ValueError(f"n_best ({self.n_best}) must be at most beams ({self.beams})")
        return self

    def score(self, log_probability: float, length: int) -> float:
        """The formula; ``length`` at least 1."""
        base = (5 + length) / 6 if self.penalty == "wu" else length
        return log_probability / base**self.length_penalty


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """``tokens``: without the end of text; ``log_probabilities``: of each.  ``total``: log p, in nats, the end of text among it
    where the text ``ended``; else it was cut."""

    tokens: tuple[int, ...] = ()
    log_probabilities: tuple[float, ...] = ()
    total: float = 0.0
    ended: bool = False
    score: float = -math.inf


class _Search:
    """The beams of one prompt."""

    def __init__(self, beam: Beam, end: int, limit: int):
        self.beam, self.end, self.limit = beam, end, limit
        self.running = [Hypothesis()]
        self.finished: list[Hypothesis] = []

    def step(self, log_p_NV: Tensor) -> list[tuple[int, int]]:
        """One token more, by the log-probabilities of each running hypothesis' next token.

        Gives (number of the hypothesis before, its new token) of each that goes on; none where the search is over.
        """
        before, length = self.running, len(self.running[0].tokens) + 1
        totals_NV = log_p_NV + torch.tensor([one.total for one in before], dtype=log_p_NV.dtype)[:, None]
        best = totals_NV.flatten().topk(min(2 * self.beam.beams, totals_NV.numel()))
        going: list[tuple[int, int]] = []
        self.running = []
        for rank, (total, place) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
            number, token = divmod(place, log_p_NV.shape[1])
            if total == -math.inf:
                break
            if token == self.end or length == self.limit:
                if rank < self.beam.beams:
                    self._finish(before[number], token, float(log_p_NV[number, token]), total)
            elif len(going) < self.beam.beams:
                going.append((number, token))
                self.running.append(self._longer(before[number], token, float(log_p_NV[number, token]), total))
        if self._nothing_better():
            self.running, going = [], []
        return going

    def _longer(self, one: Hypothesis, token: int, log_probability: float, total: float) -> Hypothesis:
        return Hypothesis((*one.tokens, token), (*one.log_probabilities, log_probability), total)

    def _finish(self, one: Hypothesis, token: int, log_probability: float, total: float) -> None:
        score = self.beam.score(total, len(one.tokens) + 1)
        if token == self.end:
            done = Hypothesis(one.tokens, one.log_probabilities, total, ended=True, score=score)
        else:
            longer = self._longer(one, token, log_probability, total)
            done = Hypothesis(longer.tokens, longer.log_probabilities, total, score=score)
        self.finished = sorted([*self.finished, done], key=lambda h: -h.score)[: self.beam.beams]

    def _nothing_better(self) -> bool:
        if len(self.finished) < self.beam.n_best or not self.running:
            return not self.running
        return self.beam.score(self.running[0].total, self.limit) <= self.finished[self.beam.n_best - 1].score


def search(lanes: Lanes, beam: Beam, end: int, limits: list[int]) -> list[list[Hypothesis]]:
    """The ``n_best`` hypotheses of each prompt, best first.  ``lanes``: one row a prompt, which was read; ``limits``: of each,
    the most new tokens."""
    searches = [_Search(beam, end, limit) for limit in limits]
    while True:
        log_p_BV = lanes.logits_BV.double().log_softmax(-1)
        rows: list[int] = []
        tokens: list[int] = []
        at = 0
        for one in searches:
            count = len(one.running)
            if count:
                going = one.step(log_p_BV[at : at + count])
                rows += [at + number for number, _ in going]
                tokens += [token for _, token in going]
                at += count
        if not rows:
            return [one.finished[: beam.n_best] for one in searches]
        if rows != list(range(at)):
            lanes.select(rows)
        lanes.grow(tokens)
