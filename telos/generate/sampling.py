"""From logits to the next token: what is changed in the distribution, in which order, and how a token is drawn.

The order is that of transformers: repetition penalty, temperature, top-k, top-p, min-p.  Each function takes logits
(B, V) or (V,) and gives logits of the same shape; a token that is ruled out has −inf.  At least one token always remains.
Tests: tests/generate/test_sampling.py (transformers' logits processors, over settings moved off their defaults).
"""

import math
from collections.abc import Callable, Sequence

import torch
from pydantic import Field, field_validator
from torch import Tensor

from telos.foundation.random import generator
from telos.foundation.spec import Spec

SMALLEST_TEMPERATURE = 1e-5
"""Logits divided by less come near the end of fp32; from here on the most probable token is all but certain anyway."""


class Sampling(Spec):
    """How tokens are chosen and when to stop.

    ``temperature``: logits are divided by it; 0 takes the most probable token (greedy).  ``top_k``, ``top_p``, ``min_p``:
    see the functions of these names; None leaves the distribution whole.  ``repetition_penalty``: above 1 makes tokens
    that were read or written less probable.  ``seed``: with equal seed, prompt and settings the text is the same.
    ``max_tokens``: at most so many new tokens.  ``stop``: the text ends before the first of these strings.
    ``whole_characters``: where tokens are drawn, those that would break a UTF-8 character are ruled out first (see
    `telos.generate.characters`); the greedy choice is always the model's own, and its broken bytes are not shown.
    """

    temperature: float = Field(1.0, ge=0)
    top_k: int | None = Field(None, ge=1)
    top_p: float | None = Field(None, gt=0, le=1)
    min_p: float | None = Field(None, ge=0, le=1)
    repetition_penalty: float = Field(1.0, ge=0.01, le=100)
    seed: int = Field(1, ge=0)
    max_tokens: int = Field(256, ge=1)
    stop: tuple[str, ...] = ()
    whole_characters: bool = True

    @field_validator("temperature")
    @classmethod
    def _logits_stay_finite(cls, temperature: float) -> float:
        if 0 < temperature < SMALLEST_TEMPERATURE:
            raise ValueError(f"must be 0, which takes the most probable token, or at least {SMALLEST_TEMPERATURE}")
        return temperature

    @field_validator("stop")
    @classmethod
    def _not_empty(cls, stop: tuple[str, ...]) -> tuple[str, ...]:
        if "" in stop:
            raise ValueError("a stop string must have at least one character")
        return stop

    @property
    def greedy(self) -> bool:
        return self.temperature == 0

    def shape(self, logits: Tensor, seen: Tensor) -> Tensor:
        """All changes in their order.  ``seen``: bool, shape of ``logits``, the tokens read or written so far."""
        if self.repetition_penalty != 1:
            logits = repetition_penalty(logits, seen, self.repetition_penalty)
        if self.greedy:
            return logits
        steps: list[tuple[Callable[[Tensor, float], Tensor], float | None]] = [
            (temperature, self.temperature), (top_k, self.top_k), (top_p, self.top_p), (min_p, self.min_p)]  # fmt: skip
        for change, value in steps:
            if value is not None:
                logits = change(logits, value)
        return logits

    def choose(self, logits_BV: Tensor, seen_BV: Tensor, sequences: Sequence[tuple[int, ...]], position: int) -> list[int]:
        """The next token of each row: the most probable one, or one drawn with the row's own number, see `draw`.

        Row b's number comes from the generator keyed (seed, "generate", *sequences[b], position), so it does not depend
        on the other rows.
        """
        shaped = self.shape(logits_BV, seen_BV)
        if self.greedy:
            return shaped.argmax(-1).tolist()
        numbers = [generator(self.seed, "generate", *key, position).random() for key in sequences]
        return draw(shaped, torch.tensor(numbers, dtype=torch.float64)).tolist()


def repetition_penalty(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """z ÷ penalty where z > 0, z · penalty where z < 0, for tokens of ``seen`` (bool, shape of ``logits``) alone.

    Keskar et al. 2019, "CTRL", section 4.1, with the sign of z respected as transformers does.
    """
    return torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def temperature(logits: Tensor, value: float) -> Tensor:
    """z ÷ value: below 1 sharpens, above 1 flattens.  Ackley, Hinton and Sejnowski 1985."""
    return logits / value


def top_k(logits: Tensor, k: float) -> Tensor:
    """Only the k most probable tokens, and those equal to the last of them.  Fan, Lewis and Dauphin 2018, section 5.1."""
    least = logits.topk(min(int(k), logits.shape[-1]), dim=-1).values[..., -1:]
    return logits.masked_fill(logits < least, -math.inf)


def top_p(logits: Tensor, p: float) -> Tensor:
    """Only the smallest set of most probable tokens whose probabilities add up to at least p.

    Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", section 3.1.  A token stays when those more
    probable than it add up to less than p, that is, when it and those less probable add up to more than 1 − p: summed
    from the small end, rounding cannot drop a rare token at p = 1.
    """
    ordered, at = logits.sort(dim=-1)
    dropped = ordered.softmax(-1).cumsum(-1) <= 1 - p
    dropped[..., -1] = False
    return logits.masked_fill(torch.zeros_like(dropped).scatter(-1, at, dropped), -math.inf)


def min_p(logits: Tensor, p: float) -> Tensor:
    """Only tokens at least p times as probable as the most probable one.  Nguyen et al. 2024, "Min-p", section 3."""
    if p == 0:
        return logits
    return logits.masked_fill(logits < logits.amax(-1, keepdim=True) + math.log(p), -math.inf)


def draw(logits_BV: Tensor, numbers_B: Tensor) -> Tensor:
    """One token of each row by inverting the distribution: the first v with Σ_{u ≤ v} p_u > number, number in [0, 1).

    float64 sums, so that a vocabulary of any size is drawn to the precision of its logits.  Gives (B,) int64.
    """
    wide = logits_BV.double()
    sums = torch.exp(wide - wide.amax(-1, keepdim=True)).cumsum(-1)
    return torch.searchsorted(sums, (numbers_B.to(sums) * sums[:, -1])[:, None], right=True)[:, 0]
