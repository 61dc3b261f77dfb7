"""A hidden word: how often the model prefers the true one among several that are as frequent.

Words are drawn from held-out texts (`_words`), and every model is asked in its own way with which word it would fill the place
(`_filling`): by masks, sentinels or a middle that stands behind both sides; a model that reads from left to right by how probable
word and right side are behind the left side.  All choose among the same words; what each is shown is said beside the figure.  Of
equal scores each is as good a guess: one of k that tie counts 1 ÷ k.  A model that knows nothing but how frequent words are is
near chance.  Taylor 1953, "Cloze Procedure"; choices among words as in Hill et al. 2016, "The Goldilocks Principle"
(arXiv:1511.02301), section 2.  Tests: tests/evaluate/yardsticks/test_cloze.py (a model that knows the text; one that knows
nothing, within binomial bounds; every way, any batch size).
"""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from telos.evaluate.yardsticks import Context, Measured, Subject, Yardstick
from telos.evaluate.yardsticks._filling import SEES, Gap, scores
from telos.evaluate.yardsticks._words import HiddenWord, hidden_words

AT_ONCE = 32
"""Words between two looks at the clock."""


class Cloze(Yardstick):
    """``words``: how many are hidden.  ``choices``: how many to choose from.  ``characters``: shown on each side, at most."""

    title: ClassVar[str] = "cloze"
    unit: ClassVar[str] = "share right"
    better: ClassVar[Literal["lower", "higher"]] = "higher"
    measures: ClassVar[str] = "How often the model prefers the hidden word among others that are as frequent."
    comparable: ClassVar[str] = "accuracy among words"

    words: int = Field(500, ge=1)
    choices: int = Field(10, ge=2)
    characters: int = Field(200, ge=1)

    def applies(self, model: Subject) -> str | None:
        return None if model.way is not None else f"{model.described} cannot be asked for a word"

    def measured(self, model: Subject, context: Context) -> Measured:
        hidden = hidden_words(context.texts, context.names, count=self.words, choices=self.choices, characters=self.characters,
                              seed=context.seed)  # fmt: skip
        right: dict[int, float] = {}
        alone: list[float] = []
        for chunk in context.chunks(len(hidden), AT_ONCE, self.title, "words"):
            some = [hidden[i] for i in chunk]
            found = scores(model, [gap_of(model, word) for word in some], context.batch_tokens, context.seed)
            for number, word, both in zip(chunk.tolist(), some, found.both, strict=True):
                right[number] = share_right(both, word.answer)
            if found.left_alone is not None:
                alone += [share_right(one, word.answer) for word, one in zip(some, found.left_alone, strict=True)]
        numbers = sorted(right)
        assert model.way is not None
        beside = {"chance": 1 / self.choices} | ({"accuracy_left_side_alone": float(np.mean(alone))} if alone else {})
        values = np.array([right[i] for i in numbers])
        return Measured([hidden[i].name for i in numbers], values, np.ones(len(values)), "accuracy",
                        f"{self.comparable}: {self.choices} choices", SEES[model.way], beside)  # fmt: skip


def gap_of(subject: Subject, word: HiddenWord) -> Gap:
    """A hidden word in a model's own tokens; the sides and the word are encoded apart, for every model."""
    left, right, *choices = (ids.astype(np.int64) for ids in subject.tokenizer.encode_batch(
        [word.left, word.right, *word.choices]))  # fmt: skip
    return Gap(left, right, tuple(choices))


def share_right(scores: np.ndarray, answer: int) -> float:
    """1 where the answer alone scores best, 1 ÷ k where k tie, else 0."""
    best = scores == scores.max()
    return float(best[answer] / best.sum())
