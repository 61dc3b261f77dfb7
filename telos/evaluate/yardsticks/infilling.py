"""Infilling: how often a model writes the very word that was hidden.

The words are those of `cloze`, without any to choose from.  A model writes what is most probable in its own way (`_writing`) and
is right where that is the word, letter by letter.  What it may see differs by objective, and figures compare only where it is the
same: both sides (infill, span corruption), both sides and the number of tokens (masked, permutation, masked diffusion), or
the left side alone (all that read from left to right).  Bavarian et al. 2022 (arXiv:2207.14255), section 4.1, measure infilling
by exact match too.  Tests: tests/evaluate/yardsticks/test_infilling.py.
"""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from telos.evaluate.yardsticks import Context, Measured, Subject, Yardstick
from telos.evaluate.yardsticks._filling import Gap
from telos.evaluate.yardsticks._words import hidden_words
from telos.evaluate.yardsticks._writing import SEES, written

AT_ONCE = 32
"""Words between two looks at the clock."""


class Infilling(Yardstick):
    """``words``: how many are hidden.  ``characters``: shown on each side, at most."""

    title: ClassVar[str] = "infilling"
    unit: ClassVar[str] = "share right"
    better: ClassVar[Literal["lower", "higher"]] = "higher"
    measures: ClassVar[str] = "How often the model writes the very word that was hidden."
    comparable: ClassVar[str] = "exact match"

    words: int = Field(200, ge=1)
    characters: int = Field(200, ge=1)

    def applies(self, model: Subject) -> str | None:
        if model.way is None or model.way not in SEES:
            return f"{model.described} does not write words"
        return None

    def measured(self, model: Subject, context: Context) -> Measured:
        hidden = hidden_words(context.texts, context.names, count=self.words, choices=1, characters=self.characters,
                              seed=context.seed)  # fmt: skip
        right: dict[int, float] = {}
        for chunk in context.chunks(len(hidden), AT_ONCE, self.title, "words"):
            some = [hidden[i] for i in chunk]
            texts = [text for word in some for text in (word.left, word.word, word.right)]
            ids = [one.astype(np.int64) for one in model.tokenizer.encode_batch(texts)]
            gaps = [Gap(ids[i], ids[i + 2], (ids[i + 1],)) for i in range(0, len(ids), 3)]
            said = written(model, gaps, context.batch_tokens, context.seed)
            for number, word, one in zip(chunk.tolist(), some, said, strict=True):
                right[number] = float(one == word.word.strip())
        numbers = sorted(right)
        assert model.way is not None
        values = np.array([right[i] for i in numbers])
        return Measured([hidden[i].name for i in numbers], values, np.ones(len(values)), "accuracy",
                        f"{self.comparable}, given {SEES[model.way]}", SEES[model.way])  # fmt: skip
