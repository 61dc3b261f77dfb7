"""Minimal pairs: does a model find the grammatical sentence of two the likelier one?

    accuracy of a group = share of its pairs with Σ_t log p(good_t | good_<t) > Σ_t log p(bad_t | bad_<t)

over the whole sentence, its end not counted, each sentence standing at the start of a document; the overall figure is the mean
over groups, as Warstadt et al. 2020 have it ("BLiMP", arXiv:1912.00582, section 4: 67 paradigms of 1,000 pairs).  Pairs of equal
likelihood are no hits, and are counted.  Intervals: Wilson's for a group (Wilson 1927), normal for a mean of independent shares,

    mean ± 1.96 · √(Σ_g a_g (1 − a_g) / n_g) ÷ G

Tests: tests/evaluate/test_minimal_pairs.py (a model whose likelihoods are known; Wilson's interval by hand; cut sentences).
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from telos.corpus.compression import Stream
from telos.corpus.formats.json_lines import parse
from telos.corpus.lines import utf8_lines
from telos.evaluate.likelihood import Interval
from telos.foundation.errors import TelosError

GOOD, BAD, GROUP = "sentence_good", "sentence_bad", "UID"
Z = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sentences that differ in what makes the second ungrammatical; ``group``: what is tested, "" where nobody says."""

    good: str
    bad: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """``hits`` and ``ties`` of ``n`` pairs."""

    hits: int
    ties: int
    n: int

    @property
    def value(self) -> float:
        return self.hits / self.n

    @property
    def interval(self) -> Interval:
        """Wilson's score interval, 95 %."""
        centre = (self.value + Z**2 / (2 * self.n)) / (1 + Z**2 / self.n)
        half = Z / (1 + Z**2 / self.n) * math.sqrt(self.value * (1 - self.value) / self.n + Z**2 / (4 * self.n**2))
        return max(0.0, centre - half), min(1.0, centre + half)


def read_pairs(path: Path) -> Iterator[Pair]:
    """The pairs of a JSON Lines file (also .gz, .zst) with the fields ``sentence_good``, ``sentence_bad`` and, if there are
    groups, ``UID``.  `TelosError` with file and line where one is missing or no text."""
    if not path.is_file():
        raise TelosError("minimal pairs must be a file", f"a folder, {path}" if path.is_dir() else f"no file {path}",
                         "give a JSON Lines file in BLiMP's form")  # fmt: skip
    with Stream(str(path)) as stream:
        for number, line, _ in utf8_lines(stream):
            if not line or line.isspace():
                continue
            place = f"{path}:{number}"
            value = parse(line, place)
            for field in (GOOD, BAD):
                if not (isinstance(value, dict) and isinstance(value.get(field), str) and value[field]):
                    found = f"fields {', '.join(value) or '(none)'}" if isinstance(value, dict) else type(value).__name__
                    raise TelosError(f"{place} must be a pair: an object with text in '{GOOD}' and '{BAD}'", found,
                                     "give a file of minimal pairs in BLiMP's form")  # fmt: skip
            yield Pair(value[GOOD], value[BAD], str(value.get(GROUP, "")))


def accuracies(
    pairs: Iterable[Pair],
    encode: Callable[[list[str]], list[np.ndarray]],
    nll: Callable[[np.ndarray], np.ndarray],
    end_of_text: int,
    longest: int | None,
) -> dict[str, Accuracy]:
    """Group → accuracy.  ``encode``: texts to ids; ``nll``: nats of each token of a stream of documents; ``longest``: tokens of a
    sentence that the model reads at once (None: any number), `TelosError` for a longer one."""
    pairs = list(pairs)
    if not pairs:
        raise TelosError("a file of minimal pairs must hold at least one", "none", "give another file")
    sentences = [text for pair in pairs for text in (pair.good, pair.bad)]
    ids = encode(sentences)
    lengths = np.array([len(one) + 1 for one in ids])
    if longest is not None and lengths.max() - 1 > longest:
        text = sentences[int(lengths.argmax())]
        raise TelosError(f"a sentence must have at most {longest} tokens, what this model reads at once",
                         f"{lengths.max() - 1}: '{text[:60]}…'", "leave that pair out, or take a model with a longer context"
                         )  # fmt: skip
    stream = np.concatenate([np.append(one.astype(np.int64), end_of_text) for one in ids])
    nats = nll(stream).astype(np.float64)
    ends = np.cumsum(lengths) - 1
    nats[ends] = 0.0
    sums = np.add.reduceat(nats, ends + 1 - lengths)
    good, bad = sums[0::2], sums[1::2]
    groups: dict[str, list[int]] = {}
    for place, pair in enumerate(pairs):
        groups.setdefault(pair.group, []).append(place)
    return {name: Accuracy(int((good[p] < bad[p]).sum()), int((good[p] == bad[p]).sum()), len(p)) for name, p in groups.items()}


def mean(groups: dict[str, Accuracy]) -> tuple[float, Interval]:
    """Mean over groups and its 95 % interval."""
    values = [one.value for one in groups.values()]
    half = Z * math.sqrt(sum(one.value * (1 - one.value) / one.n for one in groups.values())) / len(groups)
    middle = sum(values) / len(values)
    return middle, (max(0.0, middle - half), min(1.0, middle + half))
