"""Random spans of noise in a text, and the pairs that come of hiding them behind sentinels.

Of n tokens, round(n d) are noise, in round(noise ÷ μ) spans (at least one of each); the lengths of the spans are a random
composition of the number of noise tokens, those of the gaps before each one of the rest.  Raffel et al. 2020, "Exploring the
Limits of Transfer Learning" (T5), section 3.1.4, as their published code draws them (random_spans_noise_mask).
Tests: tests/objectives/test_span_corruption.py (lengths against transformers' collator of T5; recoverability, any text).
"""

from collections.abc import Callable

import numpy as np

from telos.objectives._paired import Pairs
from telos.tokens.vocabulary import Vocabulary

_NONE = np.zeros(0, np.int64)


def sentinel_names(count: int) -> tuple[str, ...]:
    return tuple(f"<|span_{i}|>" for i in range(count))


def sentinel_ids(vocabulary: Vocabulary, count: int) -> np.ndarray:
    """Ids of the first ``count`` sentinels, int64."""
    first, last = vocabulary.specials["<|span_0|>"], vocabulary.specials[f"<|span_{count - 1}|>"]
    if last - first == count - 1:  # appended together
        return np.arange(first, last + 1)
    return np.array([vocabulary.specials[name] for name in sentinel_names(count)])


def most(limit: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to ``limit`` that fits, where all below it do; 0 where none does."""
    low, high = 0, limit + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def spans_of(length: int, noise_density: float, mean_span: float) -> tuple[int, int]:
    """(noise tokens, spans) of a text of ``length`` tokens; none of a text of fewer than two."""
    if length < 2:
        return 0, 0
    noise = min(max(round(length * noise_density), 1), length - 1)
    return noise, min(max(round(noise / mean_span), 1), noise, length - noise)


def noise_mask(length: int, noise_density: float, mean_span: float, rng: np.random.Generator) -> np.ndarray:
    """bool (length,): where noise is.  It begins with a gap and ends with a span."""
    from telos.objectives.kernels.spans import alternating

    noise, spans = spans_of(length, noise_density, mean_span)
    if not spans:
        return np.zeros(length, bool)
    gaps = cuts(length - noise, spans, rng)
    return alternating(length, noise, gaps, cuts(noise, spans, rng))


def cuts(total: int, parts: int, rng: np.random.Generator) -> np.ndarray:
    """int64 (parts - 1,), in no order: behind which of ``total`` things a part ends and another begins, none of them empty; each
    way as likely as any other."""
    return rng.permutation(total - 1)[: parts - 1]


def hidden_behind_sentinels(  # noqa: PLR0917
    ids: np.ndarray, documents: np.ndarray, count: int, noise: np.ndarray, sentinels: np.ndarray, leading: np.ndarray = _NONE
) -> Pairs:
    """Each span of noise becomes a sentinel in the source; the target is each sentinel and what it stands for.

    ``ids``, ``documents`` (n,): a row's tokens and which of its ``count`` documents each is in; a span ends where a document
    does, and each document numbers its sentinels from the first.  Spans beyond the number of sentinels stay as they are.
    ``leading``: ids that each document's source begins with.
    """
    from telos.objectives.kernels.spans import hidden_behind

    read, read_in, written, written_in = hidden_behind(ids, documents, count, noise, sentinels, leading)
    return Pairs(read, read_in, written, written_in, count)
