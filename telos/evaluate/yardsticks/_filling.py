"""How well candidates fill a gap in a text, asked of each model in its own way.

    left_to_right   log p(candidate, right | left)
    infill          log p(candidate, end | left, right)                  the middle behind both sides
    spans           log p(candidate, end | left, sentinel, right)        the answer behind the sentinel
    masked          Σ_i log p(c_i | left, c_<i, hidden c_≥i, right)
    permuted        Σ_i log p(c_i | left, c_<i, right)                   at the place of c_i
    detection       Σ_t log p(token t was not replaced)                  of the whole text

The masked sum hides what is left of the candidate: Kauf and Ivanova 2023, "A Better Way to Do Masked Language Model Scoring"
(arXiv:2305.10588), section 3 (PLL-word-l2r); hiding one token at a time would tell the others of a rare word.
Tests: tests/evaluate/yardsticks/test_filling.py (each sum by hand, one row at a time; any batch size).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from telos.evaluate.yardsticks._rows import Partial, distributions, originals, span_nats, text_nats
from telos.evaluate.yardsticks._subject import Subject, Way

SEES: dict[Way, str] = {
    "left_to_right": "both sides: how probable word and right side are behind the left side",
    "infill": "both sides: how probable the word and its end are as the middle",
    "spans": "both sides: how probable the word and its end are behind the sentinel",
    "masked": "both sides, and how many tokens the word has",
    "permuted": "both sides, and how many tokens the word has",
    "detection": "both sides and the word: how surely no token was replaced",
}
_OVERHEAD: dict[Way, int] = {"left_to_right": 0, "infill": 4, "spans": 5, "masked": 1, "permuted": 2, "detection": 0}
"""Tokens that a way puts around text and candidate."""


@dataclass(frozen=True, slots=True)
class Gap:
    """``left`` and ``right``: ids around a gap; ``candidates``: ids of what may stand in it."""

    left: np.ndarray
    right: np.ndarray
    candidates: tuple[np.ndarray, ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """``both``: of each gap, a score of each candidate, the higher the better.  ``left_alone``: log p(candidate | left), where a
    model reads from left to right."""

    both: list[np.ndarray]
    left_alone: list[np.ndarray] | None = None


def scores(subject: Subject, gaps: Sequence[Gap], batch_tokens: int, seed: int = 1) -> Scores:
    """The scores of all candidates of all gaps; of long texts the nearest tokens count that the model can read."""
    way = subject.way
    assert way is not None
    gaps = [fitting(subject, gap) for gap in gaps]
    if way == "left_to_right":
        return _rescored(subject, gaps, batch_tokens)
    if way in ("masked", "permuted"):
        return Scores(_hidden(subject, gaps, batch_tokens, seed))
    flat = [(gap, candidate) for gap in gaps for candidate in gap.candidates]
    if way == "infill":
        rows = [infill_prompt(subject, gap.left, gap.right) for gap, _ in flat]
        end = subject.model.vocabulary.end_of_text
        whole = [np.concatenate([row, c, [end]]) for row, (_, c) in zip(rows, flat, strict=True)]
        nats = text_nats(subject, whole, batch_tokens)
        found = np.array([-one[len(row) :].sum() for one, row in zip(nats, rows, strict=True)])
    elif way == "spans":
        sources = [span_source(subject, gap.left, gap.right) for gap, _ in flat]
        found = -span_nats(subject, sources, [span_target(subject, c) for _, c in flat], batch_tokens, ends=True)
    else:
        found = originals(subject, [np.concatenate([gap.left, c, gap.right]) for gap, c in flat], batch_tokens)
    return Scores(np.split(found, np.cumsum([len(gap.candidates) for gap in gaps])[:-1]))


def fitting(subject: Subject, gap: Gap) -> Gap:
    """The gap with as much of both sides as the model can read beside the longest candidate, the nearest tokens."""
    assert subject.way is not None
    if subject.longest is None:
        return gap
    room = max(0, subject.longest - _OVERHEAD[subject.way] - max(len(c) for c in gap.candidates))
    left, right = len(gap.left), len(gap.right)
    kept = min(left, max(room - room // 2, room - right))
    return Gap(gap.left[left - kept :], gap.right[: room - kept], gap.candidates)


def infill_prompt(subject: Subject, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Both sides as `infill` shows them, the middle comes next: the suffix first where it was learned so, since the middle then
    goes on from the prefix without a jump (Bavarian et al. 2022, section 4.3, finds that order the better one)."""
    from telos.objectives.infill import MIDDLE, PREFIX, SUFFIX

    prefix, suffix, middle = (subject.model.vocabulary.specials[name] for name in (PREFIX, SUFFIX, MIDDLE))
    if getattr(subject.objective, "suffix_first", 0) > 0:
        return np.concatenate([[prefix, suffix], right, [middle], left]).astype(np.int64)
    return np.concatenate([[prefix], left, [suffix], right, [middle]]).astype(np.int64)


def span_source(subject: Subject, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Both sides as span corruption shows them, a sentinel between; behind the token of regular noise, where there is one."""
    specials, objective = subject.model.vocabulary.specials, subject.objective
    mode = [specials["<|mode_R|>"]] if getattr(objective, "mode_tokens", False) and "<|mode_R|>" in specials else []
    return np.concatenate([mode, left, [specials["<|span_0|>"]], right]).astype(np.int64)


def span_target(subject: Subject, ids: np.ndarray) -> np.ndarray:
    """What stands behind the first sentinel."""
    return np.append(subject.model.vocabulary.specials["<|span_0|>"], ids).astype(np.int64)


def _rescored(subject: Subject, gaps: Sequence[Gap], batch_tokens: int) -> Scores:
    texts = [np.concatenate([gap.left, c, gap.right]).astype(np.int64) for gap in gaps for c in gap.candidates]
    nats = iter(text_nats(subject, texts, batch_tokens))
    both, left_alone = [], []
    for gap in gaps:
        at, of_gap = len(gap.left), [(next(nats), len(c)) for c in gap.candidates]
        both.append(np.array([-one[at:].sum() for one, _ in of_gap]))
        left_alone.append(np.array([-one[at : at + size].sum() for one, size in of_gap]))
    return Scores(both, left_alone)


def _hidden(subject: Subject, gaps: Sequence[Gap], batch_tokens: int, seed: int) -> list[np.ndarray]:
    """Candidates of one length that begin alike are asked for together."""
    rows: list[Partial] = []
    wanted: list[list[tuple[int, int, int]]] = []
    """Of each row: (gap, candidate, token)."""
    known: dict[tuple[int, int, tuple[int, ...]], int] = {}
    for number, gap in enumerate(gaps):
        for which, candidate in enumerate(gap.candidates):
            for place, token in enumerate(candidate.tolist()):
                named = (number, len(candidate), tuple(candidate[:place].tolist()))
                if named not in known:
                    known[named] = len(rows)
                    rows.append(partial(gap, candidate, place))
                    wanted.append([])
                wanted[known[named]].append((number, which, token))
    found = [np.zeros(len(gap.candidates)) for gap in gaps]
    parts: list[Any] = sorted(distributions_of(subject, rows, wanted, batch_tokens, seed))
    for gap_number, which, value in (one for _, row in parts for one in row):
        found[gap_number][which] += value
    return found


def distributions_of(
    subject: Subject, rows: Sequence[Partial], wanted: Sequence[Sequence[tuple[int, int, int]]], batch_tokens: int, seed: int
) -> list[tuple[int, list[tuple[int, int, float]]]]:
    """(number of the row, [(gap, candidate, log p)]) of each row; only what is wanted is kept of a distribution."""
    return [
        (number, [(gap, which, float(log_p[token])) for gap, which, token in wanted[number]])
        for number, log_p in distributions(subject, rows, batch_tokens, seed)
    ]


def partial(gap: Gap, candidate: np.ndarray, place: int) -> Partial:
    """The text with the candidate's first tokens up to ``place``, which is asked for."""
    tokens = np.concatenate([gap.left, candidate, gap.right]).astype(np.int64)
    known = np.ones(len(tokens), bool)
    known[len(gap.left) + place : len(gap.left) + len(candidate)] = False
    return Partial(tokens, known, len(gap.left) + place)
