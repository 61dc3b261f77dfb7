"""Chinese counterparts of Gopher's repetition rules: lines and paragraphs as there, n-grams of characters instead of words.

Characters are code points other than white space; n-grams run over line ends.  A document is dropped for the first of

| reason | holds where | source of the threshold |
|---|---|---|
| `duplicate_lines`, `duplicate_paragraphs` | those that occurred before ÷ all > 0.30 | Gopher, table A1 |
| `duplicate_line_characters`, `duplicate_paragraph_characters` | characters in those ÷ all > 0.20 | Gopher, table A1 |
| `top_n_gram` | n × occurrences of the most frequent n-gram ÷ all > 0.20, 0.18, 0.16 for n = 2, 3, 4 | Gopher's |
| `duplicate_n_grams` | characters in n-grams that occurred before ÷ all > 0.75 (n = 5) to 0.65 (n = 10) | ours |
| | the same for n = 13 > 0.5 | ChineseWebText |

A paragraph is what blank lines separate.  Gopher's limits for duplicate n-grams of words (0.15 to 0.10) do not carry
over: in laws the median share of characters in repeated 5-grams is 0.43, in repeated 8-grams (as long as 5 words) 0.28.
Figures on real and bad text: docs/log.md.

Of a text longer than a million characters the first million are looked at.
Gopher: Rae et al. 2021, arXiv 2112.11446, appendix A1.1.  ChineseWebText: Chen et al. 2023, arXiv 2311.01149, section 3.2.
Test: tests/corpus/filters/test_chinese_repetition.py (equal to benchmarks/reference_rules_zh.py on every document).
"""

from typing import ClassVar

import numpy as np
from pydantic import Field, field_validator

from telos.corpus import characters
from telos.corpus.filters import Filter, Prepared, Verdict
from telos.corpus.texts import Scope, Texts
from telos.corpus.thresholds import Threshold, judge_by

MOST_CHARACTERS = 1 << 20
TOP = {2: 0.20, 3: 0.18, 4: 0.16}
DUPLICATE = {5: 0.75, 6: 0.73, 7: 0.71, 8: 0.69, 9: 0.67, 10: 0.65, 13: 0.5}


class ChineseRepetition(Filter):
    """``max_duplicate_…``: shares in 0–1.  ``max_top_n_gram``, ``max_duplicate_n_grams``: length of the n-gram → share."""

    reasons: ClassVar[tuple[str, ...]] = (
        "duplicate_lines", "duplicate_paragraphs", "duplicate_line_characters", "duplicate_paragraph_characters",
        "top_n_gram", "duplicate_n_grams",
    )  # fmt: skip
    scope: ClassVar[Scope] = "han"

    max_duplicate_lines: float = Field(0.30, ge=0, le=1)
    max_duplicate_paragraphs: float = Field(0.30, ge=0, le=1)
    max_duplicate_line_characters: float = Field(0.20, ge=0, le=1)
    max_duplicate_paragraph_characters: float = Field(0.20, ge=0, le=1)
    max_top_n_gram: dict[str, float] = Field(default_factory=lambda: {str(n): limit for n, limit in TOP.items()})
    max_duplicate_n_grams: dict[str, float] = Field(default_factory=lambda: {str(n): limit for n, limit in DUPLICATE.items()})

    @field_validator("max_top_n_gram", "max_duplicate_n_grams", mode="before")
    @classmethod
    def _lengths(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        named = {str(n): limit for n, limit in value.items()}
        if not all(n.isascii() and n.isdigit() and 1 <= int(n) <= 100 for n in named):
            raise ValueError("must map lengths of n-grams (1 to 100) to shares, such as {5: 0.75}")
        return {n: named[n] for n in sorted(named, key=int)}

    def judge(self, texts: Texts, prepared: Prepared) -> Verdict:
        return judge_by(self.thresholds(texts), texts.rows_in(self.scope), self.reasons)

    def thresholds(self, texts: Texts) -> list[Threshold]:
        from telos.corpus.kernels import chinese_repetition as k

        limits = [*self.max_top_n_gram.values(), *self.max_duplicate_n_grams.values()]
        shares = k.repetition(texts.data, texts.offsets, characters.kinds(), MOST_CHARACTERS,
                              *_arrays(self.max_top_n_gram), *_arrays(self.max_duplicate_n_grams))  # fmt: skip
        names = ["top_n_gram"] * len(self.max_top_n_gram) + ["duplicate_n_grams"] * len(self.max_duplicate_n_grams)
        return [
            Threshold("duplicate_lines", shares[:, k.LINES], most=self.max_duplicate_lines),
            Threshold("duplicate_paragraphs", shares[:, k.PARAGRAPHS], most=self.max_duplicate_paragraphs),
            Threshold("duplicate_line_characters", shares[:, k.LINE_CHARACTERS], most=self.max_duplicate_line_characters),
            Threshold("duplicate_paragraph_characters", shares[:, k.PARAGRAPH_CHARACTERS],
                      most=self.max_duplicate_paragraph_characters),
            *(Threshold(name, shares[:, k.FIRST + i], most=limit)
              for i, (name, limit) in enumerate(zip(names, limits, strict=True))),
        ]  # fmt: skip


def _arrays(limits: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([int(n) for n in limits], np.int64), np.array(list(limits.values()), np.float64)
