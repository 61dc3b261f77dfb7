"""Mixture of denoisers: span corruption of several kinds, each behind a token that says which.

    R   regular: short spans, little noise             X   extreme: long spans or much noise
    S   sequential: the end of the text is one span, as in prefix language modelling
    loss = −Σ_t log p(y_t | y_<t, x) ÷ Σ |y|          (nats per target token)

Tay et al. 2023, "UL2: Unifying Language Learning Paradigms", section 3.1 and table 1, whose seven denoisers are the default.
Tests: tests/objectives/test_mixture_of_denoisers.py (the table's densities and spans, recoverability, shares of each denoiser).
"""

from bisect import bisect_right
from itertools import accumulate
from typing import Literal

import numpy as np
from pydantic import Field, field_validator

from telos.foundation.spec import Spec
from telos.objectives._paired import Paired, Pairs
from telos.objectives._spans import hidden_behind_sentinels, most, noise_mask, sentinel_ids, sentinel_names, spans_of
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary

Mode = Literal["R", "S", "X"]


class Denoiser(Spec):
    """``noise_density``: share of the tokens that is hidden.  ``mean_span``: tokens of a span on average; null: one span, the
    end.  ``weight``: how often it is drawn, relative to the others."""

    mode: Mode
    noise_density: float = Field(gt=0, lt=1)
    mean_span: float | None = Field(None, ge=1)
    weight: float = Field(1.0, gt=0)

    def mask(self, documents: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """bool (n,): where noise is, in a row's tokens of these documents."""
        if self.mean_span is not None:
            return noise_mask(len(documents), self.noise_density, self.mean_span, rng)
        lengths = np.bincount(documents, minlength=count)
        hidden = np.minimum(np.maximum(np.rint(lengths * self.noise_density).astype(np.int64), 1), np.maximum(lengths - 1, 0))
        places = np.arange(len(documents)) - (np.cumsum(lengths) - lengths)[documents]
        return places >= (lengths - hidden)[documents]

    def sizes(self, length: int) -> tuple[int, int]:
        """(tokens hidden, spans) of a text of so many."""
        noise, spans = spans_of(length, self.noise_density, self.mean_span or max(1, length))
        return noise, spans


UL2 = (
    Denoiser(mode="R", noise_density=0.15, mean_span=3),
    Denoiser(mode="R", noise_density=0.15, mean_span=8),
    Denoiser(mode="S", noise_density=0.25),
    Denoiser(mode="X", noise_density=0.5, mean_span=3),
    Denoiser(mode="X", noise_density=0.5, mean_span=8),
    Denoiser(mode="X", noise_density=0.15, mean_span=64),
    Denoiser(mode="X", noise_density=0.5, mean_span=64),
)


class MixtureOfDenoisers(Paired):
    """``denoisers``: one is drawn for each row.  ``mode_tokens``: whether the source begins with its ``<|mode_R|>``,
    ``<|mode_S|>`` or ``<|mode_X|>``.  ``max_spans``: how many sentinels there are; of a text with more spans the last stay as
    they are."""

    denoisers: tuple[Denoiser, ...] = UL2
    mode_tokens: bool = True
    max_spans: int = Field(100, ge=1)

    @field_validator("denoisers")
    @classmethod
    def _are_some(cls, denoisers: tuple[Denoiser, ...]) -> tuple[Denoiser, ...]:
        if not denoisers:
            raise ValueError("must name at least one denoiser")
        return denoisers

    def special_tokens(self) -> tuple[str, ...]:
        modes = sorted({denoiser.mode for denoiser in self.denoisers}) if self.mode_tokens else []
        return (*sentinel_names(self.max_spans), *map(_mode_name, modes))

    @property
    def least_tokens(self) -> int:
        """One to hide and one to see."""
        return 2

    def raw_length(self, context_length: int) -> int:
        """The most tokens of one document whose source and target fit under every denoiser."""

        def room(raw: int) -> int:
            sizes = [denoiser.sizes(raw) for denoiser in self.denoisers]
            sources = [raw - noise + spans + 1 + self.mode_tokens for noise, spans in sizes]
            targets = [noise + spans + 1 for noise, spans in sizes]
            if self.layout == "encoder_decoder":
                return max(*sources, *targets)
            return max(source + target for source, target in zip(sources, targets, strict=True))

        return most(2 * context_length, lambda raw: room(raw) <= context_length)

    def pairs(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Pairs:
        from telos.objectives.kernels.pieces import pieces

        weights = [*accumulate(denoiser.weight for denoiser in self.denoisers)]
        denoiser = self.denoisers[bisect_right(weights, rng.random() * weights[-1])]
        ids, documents, count = pieces(row.tokens, row.documents, vocabulary.end_of_text)
        noise = denoiser.mask(documents, count, rng)
        modes = [vocabulary.specials[_mode_name(denoiser.mode)]] if self.mode_tokens else []
        return hidden_behind_sentinels(ids, documents, count, noise, sentinel_ids(vocabulary, self.max_spans),
                                       np.array(modes, np.int64))  # fmt: skip


def _mode_name(mode: Mode) -> str:
    return f"<|mode_{mode}|>"
