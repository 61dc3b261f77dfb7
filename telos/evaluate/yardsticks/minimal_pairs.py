"""Minimal pairs: how often the model finds the grammatical sentence of two the likelier one, mean over what is tested.

    exact            Σ_t log p(x_t | x_<t)                       causal, prefix, infill, multi_token, counting models
    pseudo           Σ_t log p(x_t | all other tokens)           masked, masked_diffusion, permutation, span corruption
    detection        Σ_t log p(x_t was not replaced | x)         replaced_token

Warstadt et al. 2020, "BLiMP" (arXiv:1912.00582), section 4; pseudo-log-likelihoods: Salazar et al. 2020, "Masked Language Model
Scoring", equation 1.  A pseudo-likelihood is no likelihood: the three are never compared with one another.  A tie is no hit.  A
pair with a sentence that is longer than the model reads is left out; how many are, stands beside the figure.
Tests: tests/evaluate/yardsticks/test_minimal_pairs.py (`telos.evaluate.minimal_pairs` on the same file; sums by hand).
"""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from telos.evaluate.minimal_pairs import read_pairs
from telos.evaluate.yardsticks import Context, Measured, Subject, Yardstick
from telos.evaluate.yardsticks._filling import span_source, span_target
from telos.evaluate.yardsticks._rows import Partial, distributions, originals, span_nats, text_nats
from telos.foundation.errors import TelosError

AT_ONCE = 64
"""Pairs between two looks at the clock."""


class MinimalPairs(Yardstick):
    """``limit``: at most so many pairs, drawn by the seed; null: all of the file."""

    title: ClassVar[str] = "minimal pairs"
    unit: ClassVar[str] = "share right"
    better: ClassVar[Literal["lower", "higher"]] = "higher"
    measures: ClassVar[str] = "How often the model finds the grammatical sentence of two the likelier one; chance is 0.5."
    comparable: ClassVar[str] = "accuracy by likelihood"
    needs: ClassVar = ("pairs",)

    limit: int | None = Field(5000, ge=1)

    def applies(self, model: Subject) -> str | None:
        return None if model.way is not None else f"{model.described} says of no token how probable it is"

    def measured(self, model: Subject, context: Context) -> Measured:
        assert context.pairs is not None
        pairs = list(read_pairs(context.pairs))
        if not pairs:
            raise TelosError("a file of minimal pairs must hold at least one", "none", "give another file")
        hits: dict[int, bool] = {}
        too_long: list[str] = []
        for chunk in context.chunks(len(pairs), AT_ONCE, self.title, "pairs", self.limit):
            texts = np.array([(pairs[i].good, pairs[i].bad) for i in chunk], object)
            fits = _lengths(model, texts.ravel().tolist()).reshape(-1, 2).max(1) <= _room(model)
            too_long += texts[~fits].ravel().tolist()
            sentences = texts[fits].ravel().tolist()
            scores = sentence_scores(model, sentences, context.batch_tokens, context.seed) if sentences else np.zeros(0)
            hits |= dict(zip(chunk[fits].tolist(), (scores[0::2] > scores[1::2]).tolist(), strict=True))
        if not hits:
            _check(model, too_long)
        numbers = sorted(hits)
        counts: dict[str, int] = {}
        for i in numbers:
            counts[pairs[i].group] = counts.get(pairs[i].group, 0) + 1
        # The mean over groups, as a ratio of sums over pairs.
        weights = np.array([len(numbers) / (len(counts) * counts[pairs[i].group]) for i in numbers])
        kind = {"left_to_right": "exact", "infill": "exact", "detection": "detection"}.get(str(model.way), "pseudo")
        scale = {"exact": self.comparable, "pseudo": "accuracy by pseudo-likelihood", "detection": "accuracy by detection"}[kind]
        sees = {"exact": "all before a token", "pseudo": "all other tokens", "detection": "the sentence"}[kind]
        right = np.array([hits[i] for i in numbers], np.float64)
        beside = {"pairs_too_long_for_the_model": len(too_long) / 2} if too_long else {}
        return Measured(
            [f"{pairs[i].group}:{i}".strip(":") for i in numbers], right * weights, weights, kind, scale, sees, beside
        )


def sentence_scores(subject: Subject, sentences: list[str], batch_tokens: int, seed: int = 1) -> np.ndarray:
    """(sentences,) float64, the higher the likelier; `TelosError` for a sentence that is longer than the model reads."""
    _check(subject, sentences)
    ids = [one.astype(np.int64) for one in subject.tokenizer.encode_batch(sentences)]
    if subject.way in ("left_to_right", "infill"):
        return np.array([-one.sum() for one in _likelihood(subject, ids, batch_tokens)])
    if subject.way == "detection":
        return originals(subject, ids, batch_tokens)
    places = [(number, place) for number, one in enumerate(ids) for place in range(len(one))]
    scores = np.zeros(len(ids))
    if subject.way == "spans":
        sources = [span_source(subject, ids[number][:place], ids[number][place + 1 :]) for number, place in places]
        targets = [span_target(subject, ids[number][place : place + 1]) for number, place in places]
        found = -span_nats(subject, sources, targets, batch_tokens, ends=False)
    else:
        rows = [Partial(ids[number], np.arange(len(ids[number])) != place, place) for number, place in places]
        found = np.zeros(len(places))
        for i, log_p in distributions(subject, rows, batch_tokens, seed):
            found[i] = log_p[rows[i].tokens[rows[i].place]]
    np.add.at(scores, [number for number, _ in places], found)
    return scores


def _likelihood(subject: Subject, ids: list[np.ndarray], batch_tokens: int) -> list[np.ndarray]:
    """Nats of each token; where a model writes middles alone, of the text as the middle of nothing."""
    if subject.likelihood is None:
        return text_nats(subject, ids, batch_tokens)
    from telos.evaluate.yardsticks._filling import infill_prompt

    nothing = np.zeros(0, np.int64)
    before = infill_prompt(subject, nothing, nothing)
    return [one[len(before) :] for one in text_nats(subject, [np.append(before, one) for one in ids], batch_tokens)]


def _room(subject: Subject) -> float:
    """Tokens of a sentence that the model reads at once."""
    around = {"spans": 5, "infill": 3, "permuted": 1}.get(str(subject.way), 0)
    return float("inf") if subject.longest is None else subject.longest - around


def _lengths(subject: Subject, sentences: list[str]) -> np.ndarray:
    return np.array([len(one) for one in subject.tokenizer.encode_batch(sentences)])


def _check(subject: Subject, sentences: list[str]) -> None:
    lengths = _lengths(subject, sentences)
    if lengths.max() > _room(subject):
        text = sentences[int(lengths.argmax())]
        raise TelosError(f"a sentence must have at most {_room(subject):.0f} tokens, what this model reads at once",
                         f"{lengths.max()}: '{text[:60]}…'", "leave that pair out, or take a model with a longer context"
                         )  # fmt: skip
