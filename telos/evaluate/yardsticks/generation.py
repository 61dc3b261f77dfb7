"""Generation: how much a model repeats itself when it writes on from the beginning of a held-out text.

    repetition = mean over texts of 1 − different 4-grams ÷ 4-grams           (of words, marks and Chinese characters)

Welleck et al. 2020, "Neural Text Generation with Unlikelihood Training" (arXiv:1908.04319), section 6.1, seq-rep-4.  A model that
writes nonsense does not repeat itself, so others stand beside that figure: the share of different 4-grams over all texts together
(distinct-4; Li et al. 2016, arXiv:1510.03055, section 5.2), the repetition of the true continuations, and, where there is a
judge, the bits per byte that the judge needs for what was written, and for the truth.  Low bits with much repetition are no
praise.  Tests: tests/evaluate/yardsticks/test_generation.py.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from telos.evaluate.yardsticks import Context, Measured, Subject, Yardstick
from telos.evaluate.yardsticks._rows import text_nats
from telos.evaluate.yardsticks._words import pieces
from telos.foundation.errors import TelosError
from telos.foundation.random import generator

NGRAM = 4
AT_ONCE = 16
"""Texts between two looks at the clock."""


class Generation(Yardstick):
    """``texts``: how many are continued.  ``prompt_characters``: of the beginning that is given.  ``characters``: of what is
    written, at most.  ``temperature``, ``top_p``: of the draws; 0 takes the most probable token."""

    title: ClassVar[str] = "repetition of generated text"
    unit: ClassVar[str] = "share of repeated 4-grams"
    better: ClassVar[Literal["lower", "higher"]] = "lower"
    measures: ClassVar[str] = "How much of what the model writes repeats 4-grams that it has written already."
    comparable: ClassVar[str] = "repetition of what is written"

    texts: int = Field(64, ge=1)
    prompt_characters: int = Field(100, ge=0)
    characters: int = Field(300, ge=20)
    temperature: float = Field(0.8, ge=0)
    top_p: float = Field(0.95, gt=0, le=1)

    def applies(self, model: Subject) -> str | None:
        return None if _unmasks(model) or model.likelihood is None else f"{model.described} does not write texts"

    def measured(self, model: Subject, context: Context) -> Measured:
        long = [i for i, text in enumerate(context.texts) if len(text) >= self.prompt_characters + self.characters]
        if not long:
            raise TelosError(f"a held-out text must have at least {self.prompt_characters + self.characters} characters",
                             f"{max(map(len, context.texts))} in the longest",
                             "give longer texts, or set generation.characters")  # fmt: skip
        judge = None if context.judge is None else _judge(context.judge)
        chosen = sorted(generator(context.seed, "prompts", len(long)).permutation(len(long))[: self.texts].tolist())
        numbers = [long[i] for i in chosen]
        made: dict[int, str] = {}
        for chunk in context.chunks(len(numbers), AT_ONCE, None if _unmasks(model) else self.title, "texts"):
            some = [numbers[i] for i in chunk]
            made |= dict(zip(some, self._continuations(model, [context.texts[i] for i in some], context.seed), strict=True))
        done = sorted(made)
        prompts = [context.texts[i][: self.prompt_characters] for i in done]
        written = [made[i] for i in done]
        true = [context.texts[i][self.prompt_characters :][: self.characters] for i in done]
        beside = {"distinct_4": distinct(written), "distinct_4_of_the_truth": distinct(true),
                  "repetition_of_the_truth": float(np.mean([repetition(text) for text in true]))}  # fmt: skip
        if judge is not None:
            for name, texts in (("", written), ("_of_the_truth", true)):
                beside[f"judge_bits_per_byte{name}"] = judged(judge, prompts, texts, context.batch_tokens)
        values = np.array([repetition(text) for text in written])
        drawn = f"temperature {self.temperature}, top-p {self.top_p}"
        return Measured([context.name(i) for i in done], values, np.ones(len(values)), "repetition",
                        f"{self.comparable}: {drawn}",
                        f"the first {self.prompt_characters} characters; it writes {_HOW[_unmasks(model)]}",
                        {name: value for name, value in beside.items() if np.isfinite(value)})  # fmt: skip

    def _continuations(self, model: Subject, texts: Sequence[str], seed: int) -> list[str]:
        """What it writes behind the beginning of each text, cut at ``characters``."""
        from telos.generate.engine import Engine
        from telos.generate.sampling import Sampling
        from telos.generate.unmasking import Unmasker, Unmasking
        from telos.objectives.masked import MASK

        prompts = [ids.tolist() for ids in model.tokenizer.encode_batch([text[: self.prompt_characters] for text in texts])]
        true = model.tokenizer.encode_batch([text[self.prompt_characters :][: self.characters] for text in texts])
        # As many tokens as the truth has, and half of it more: tokens of what it writes may be shorter.
        most = 1 + 3 * max(map(len, true)) // 2
        if model.longest is not None:
            room = max(1, model.longest - most - 1)
            prompts = [prompt[-room:] for prompt in prompts]
        drawing: dict[str, Any] = {"temperature": self.temperature, "max_tokens": most, "seed": seed,
                                   "top_p": None if self.temperature == 0 else self.top_p}  # fmt: skip
        if _unmasks(model):
            unmasker = Unmasker(model.model, model.tokenizer, model.model.vocabulary.specials[MASK])
            found = unmasker.generate(prompts, Unmasking(**drawing), rows_at_once=len(prompts))
        else:
            found = Engine(model.model, model.tokenizer).generate(prompts, Sampling(**drawing), rows_at_once=len(prompts))
        return [one.text[: self.characters] for one in found]


def _unmasks(model: Subject) -> bool:
    """Whether it writes hidden tokens in any order (masked diffusion)."""
    return model.objective is not None and model.objective.writes == "by unmasking" and model.way == "masked"


_HOW = {True: "by unmasking, a token a step", False: "from left to right"}


def ngrams(text: str) -> list[tuple[str, ...]]:
    """The 4-grams of a text's words, marks and Chinese characters."""
    found = pieces(text)
    return [tuple(found[i : i + NGRAM]) for i in range(len(found) - NGRAM + 1)]


def repetition(text: str) -> float:
    """1 − different ÷ all 4-grams; 0 of a text that has none."""
    found = ngrams(text)
    return 1 - len(set(found)) / len(found) if found else 0.0


def distinct(texts: Sequence[str]) -> float:
    """Different ÷ all 4-grams of all texts together; not a number where there are none."""
    found = [one for text in texts for one in ngrams(text)]
    return len(set(found)) / len(found) if found else float("nan")


def _judge(folder: Path) -> Subject:
    """Refused before anything is written."""
    judge = Subject.load(folder)
    _check(judge)
    return judge


def _check(judge: Subject) -> None:
    if judge.likelihood is not None:
        raise TelosError("a judge must give a likelihood of text", judge.likelihood, "choose a language model")


def judged(judge: Subject, prompts: Sequence[str], texts: Sequence[str], batch_tokens: int) -> float:
    """Bits per byte of the texts behind their prompts under the judge; of what is longer than it reads, the beginning."""
    _check(judge)
    before = judge.tokenizer.encode_batch(list(prompts))
    behind = judge.tokenizer.encode_batch(list(texts))
    longest = judge.longest
    rows = [np.concatenate([a, b]).astype(np.int64)[:longest] for a, b in zip(before, behind, strict=True)]
    with judge.still():
        nats = text_nats(judge, rows, batch_tokens)
    total, size = 0.0, 0
    for one, a, b, text in zip(nats, before, behind, texts, strict=True):
        read = len(one) - len(a)
        if read > 0:
            total += float(one[len(a) :].sum())
            size += int(judge.tokenizer.sizes(b, text)[0][:read].sum())
    return total / np.log(2) / size if size else float("nan")
