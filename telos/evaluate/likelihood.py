"""Nats of a text by unit, and what follows from them: bits per byte, nats per token, perplexity, with intervals.

A unit is a document, or a block of about 2 kB where there are few documents.  Units are places in the bytes of the text,
so they are the same for every model and tokenizer, and differences are paired.

    bits per byte  = Σ nats / (ln 2 · Σ bytes)         perplexity = exp(Σ nats / Σ tokens)

Intervals are percentile bootstraps of the ratio of sums over resampled units (Efron & Tibshirani 1993, sections 8 and
13.3; for language models, units rather than tokens because tokens of one document depend on one another).  Of n units the plain
percentiles are too narrow, by √((n − 1) / n) and for want of Student's t (of 10 units they hold the truth 88 times in 100); they
are taken further out, at the shares

    Φ(∓ √(n / (n − 1)) · t),   t the 97.5 % quantile of Student's distribution with n − 1 degrees of freedom

(Hesterberg 2015, "What Teachers Should Know About the Bootstrap", The American Statistician 69(4): the expanded percentile
interval).  A handful of units has no tails to read, and the interval is Student's around the ratio r of the sums, with the
jackknife's standard error, r₋ᵢ being the ratio without unit i (Efron & Tibshirani 1993, section 11):

    r ± t · √((n − 1) / n · Σ (r₋ᵢ − mean r₋)²)

Tests: tests/evaluate/test_likelihood.py (coverage on known ratios from 2 units on, a plain bootstrap by loops, any tokenizer
gives one total).
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from telos.foundation.random import generator

FEW_DOCUMENTS = 20
"""With fewer documents than this an interval over documents would say little, and units are blocks."""
BLOCK_BYTES = 2048
FEW_UNITS = 6
"""With fewer than this, all of them lean to one side by chance more often than an interval of 95 % may be wrong (5: 2 · 2⁻⁵), and
no resample tells: the interval is Student's."""
MOST_UNITS = 20_000
"""More units than this are added up into so many groups before resampling: the interval stays, the time is bounded."""
RESAMPLES = 2000
LARGEST_EXPONENT = 700.0
"""exp of more is no number of 64 bits any more."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Likelihood:
    """What one model says of one text.  Each array has one value a unit.

    ``nats``: −log p, ends of documents included.  ``bytes``: of UTF-8 text.  ``tokens``: of this model, ends of documents
    included; a token across the edge of a block counts in both by its bytes.  ``characters``: where they were given.
    ``impossible_tokens``: how many have probability 0, as a model without smoothing gives to what it has not seen: −log p is then
    infinite, and so is every sum that holds it.  A value that is undefined (no bytes, no tokens) or infinite is None, and an
    interval of fewer than two units is None.
    """

    nats: np.ndarray
    bytes: np.ndarray
    tokens: np.ndarray
    characters: np.ndarray | None = None
    impossible_tokens: int = 0

    @classmethod
    def of(
        cls, nll: np.ndarray, token_bytes: np.ndarray, edges: np.ndarray, characters: np.ndarray | None = None
    ) -> "Likelihood":
        """From a stream's nats of each token, the bytes that each stands for (0 for an end of text) and `unit_edges`.

        ``characters``: how many characters begin in each token.
        """
        before = _Before(edges, token_bytes)
        shared = None if characters is None else before.units(characters)
        impossible = np.isinf(nll)
        nats = before.units(np.where(impossible, 0.0, nll))
        if impossible.any():
            nats[before.units(impossible) > 0] = math.inf
        counts = before.units(np.ones(len(nll)))
        return cls(nats, np.diff(edges).astype(np.float64), counts, shared, impossible_tokens=int(impossible.sum()))

    # -- values -----------------------------------------------------------------------------------------------------

    @property
    def bits_per_byte(self) -> float | None:
        return _ratio(self.nats / math.log(2), self.bytes)

    @property
    def nats_per_token(self) -> float | None:
        return _ratio(self.nats, self.tokens)

    @property
    def perplexity(self) -> float | None:
        """exp of nats per token, and so comparable between models of one tokenizer only."""
        nats = self.nats_per_token
        return None if nats is None or nats > LARGEST_EXPONENT else math.exp(nats)

    @property
    def nats_per_character(self) -> float | None:
        return None if self.characters is None else _ratio(self.nats, self.characters)

    # -- 95 % intervals ---------------------------------------------------------------------------------------------

    def bits_per_byte_interval(self, seed: int = 1) -> Interval | None:
        return _not_below_zero(bootstrap(self.nats / math.log(2), self.bytes, seed=seed))

    def nats_per_token_interval(self, seed: int = 1) -> Interval | None:
        return _not_below_zero(bootstrap(self.nats, self.tokens, seed=seed))

    def perplexity_interval(self, seed: int = 1) -> Interval | None:
        found = self.nats_per_token_interval(seed)
        return None if found is None or found[1] > LARGEST_EXPONENT else (math.exp(found[0]), math.exp(found[1]))

    def nats_per_character_interval(self, seed: int = 1) -> Interval | None:
        return None if self.characters is None else _not_below_zero(bootstrap(self.nats, self.characters, seed=seed))

    @property
    def impossible(self) -> str | None:
        """What there is to say where the text's likelihood is 0; None where it is not."""
        if not self.impossible_tokens:
            return None
        share = f"{self.impossible_tokens:,} of {round(self.tokens.sum()):,} tokens"
        return f"The bits per byte are infinite: the model gives probability 0 to {share} of the text."


@dataclass(frozen=True, slots=True)
class Difference:
    """a − b in bits per byte with its 95 % interval over the same units; below zero, a needs fewer bits."""

    value: float
    interval: Interval | None


def paired_difference(a: Likelihood, b: Likelihood, seed: int = 1) -> Difference | None:
    """How many bits per byte a needs more than b on the same units of one text; None where there are no bytes, and where either
    has an infinite sum."""
    assert np.allclose(a.bytes, b.bytes), "a paired difference is over the same units of the same text"
    if a.impossible_tokens or b.impossible_tokens:
        return None
    bits = (a.nats - b.nats) / math.log(2)
    value = _ratio(bits, a.bytes)
    return None if value is None else Difference(value, bootstrap(bits, a.bytes, seed=seed))


def bootstrap(above: np.ndarray, below: np.ndarray, *, seed: int = 1, resamples: int = RESAMPLES) -> Interval | None:
    """95 % interval of Σ above / Σ below over units drawn with replacement; None for fewer than two units.

    The draws depend on ``seed`` and the number of units alone, so two models are compared on the same resamples.
    """
    above, below = _grouped(above), _grouped(below)
    units = len(above)
    if units < 2 or not below.sum() > 0 or not np.isfinite(above).all():
        return None
    if units < FEW_UNITS:
        return _students_interval(above, below)
    rng = generator(seed, "bootstrap", units)
    ratios = np.empty(resamples)
    at_once = max(1, 2_000_000 // units)
    for first in range(0, resamples, at_once):
        drawn = rng.integers(0, units, (min(at_once, resamples - first), units), dtype=np.int32)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios[first : first + len(drawn)] = above[drawn].sum(1) / below[drawn].sum(1)
    tail = NormalDist().cdf(-math.sqrt(units / (units - 1)) * student(units - 1))
    low, high = np.nanquantile(ratios, [tail, 1 - tail])
    return (float(low), float(high)) if np.isfinite([low, high]).all() else None


def _students_interval(above: np.ndarray, below: np.ndarray) -> Interval | None:
    units, ratio = len(above), float(above.sum() / below.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        without = (above.sum() - above) / (below.sum() - below)
    if not np.isfinite(without).all():
        return None
    half = student(units - 1) * math.sqrt((units - 1) * without.var())
    return ratio - half, ratio + half


def _not_below_zero(interval: Interval | None) -> Interval | None:
    """No text costs less than nothing, though Student's interval of two units may say so."""
    return None if interval is None else (max(0.0, interval[0]), interval[1])


def student(freedom: int) -> float:
    """The 97.5 % quantile of Student's distribution, to 0.001: from a table, and from 5 degrees of freedom on by its expansion
    (Abramowitz & Stegun 1964, 26.7.5)."""
    if freedom < 5:
        return (12.7062, 4.3027, 3.1824, 2.7764)[freedom - 1]
    z = NormalDist().inv_cdf(0.975)
    terms = (z, (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
             (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160)  # fmt: skip
    return sum(term / freedom**i for i, term in enumerate(terms))


def unit_edges(document_bytes: np.ndarray, *, few: int = FEW_DOCUMENTS, block_bytes: int = BLOCK_BYTES) -> np.ndarray:
    """Byte positions where units begin and the last one ends, int64, from the lengths of the documents in order.

    Documents where there are at least ``few`` (empty ones belong to a neighbour); else each document in equal blocks of
    about ``block_bytes``.
    """
    ends = np.cumsum(np.asarray(document_bytes, np.int64))
    edges = np.concatenate([[0], ends])
    if len(document_bytes) < few:
        pieces = [np.linspace(a, b, max(1, round((b - a) / block_bytes)) + 1).round() for a, b in zip(edges, ends, strict=False)]
        edges = np.concatenate([[0], *pieces]).astype(np.int64)
    return np.unique(edges)


def document_bytes(token_bytes: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Bytes of each document of a stream, int64; a last document without its end counts too."""
    through = np.cumsum(token_bytes, dtype=np.int64)
    last = np.flatnonzero(ends)
    if len(through) and (not len(last) or last[-1] != len(through) - 1):
        last = np.append(last, len(through) - 1)
    return np.diff(through[last], prepend=0)


class _Before:
    """Sums, before each edge, of values that tokens have; a token across an edge is shared by its bytes.

    The end of a document has no bytes and belongs to the unit that it closes."""

    def __init__(self, edges: np.ndarray, token_bytes: np.ndarray):
        through = np.cumsum(token_bytes, dtype=np.int64)
        covered = int(through[-1]) if len(through) else 0
        assert edges[-1] == covered, f"the units must cover the text: they end at byte {edges[-1]}, the tokens at {covered}"
        self.whole = np.searchsorted(through, edges, side="right")
        """How many tokens end at or before each edge."""
        self.whole[0], self.whole[-1] = 0, len(through)
        rest = edges - np.concatenate([[0], through])[self.whole]
        size = np.append(token_bytes, 0)[self.whole]
        self.share = np.divide(rest, size, out=np.zeros(len(edges)), where=size > 0)
        """Which fraction of the next token's bytes stands before the edge."""

    def units(self, values: np.ndarray) -> np.ndarray:
        """Sum of the values in each unit, float64."""
        values = np.asarray(values, np.float64)
        sums = np.concatenate([[0.0], np.cumsum(values)])[self.whole] + self.share * np.append(values, 0.0)[self.whole]
        return np.diff(sums)


def _ratio(above: np.ndarray, below: np.ndarray) -> float | None:
    whole, total = float(above.sum()), float(below.sum())
    return whole / total if total > 0 and math.isfinite(whole) else None


def _grouped(values: np.ndarray) -> np.ndarray:
    if len(values) <= MOST_UNITS:
        return values
    return np.bincount(np.arange(len(values)) % MOST_UNITS, weights=values)
