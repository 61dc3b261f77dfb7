"""Symbol and number noise in any script: ASCII art, dumps, tables of numbers, rows of emoji.

Characters are code points other than white space; letters include marks (`telos.corpus.characters`).  A document is dropped
for the first of

    symbols               what is neither letter, digit nor usual punctuation ÷ characters > 0.15
    digits                digits ÷ characters > 0.35
    run_without_letters   the longest run of characters without a letter > 300 characters
    number_lines          lines with more digits than other characters ÷ lines > 0.5

The thresholds are ours: of 20,000 documents (laws, poems, encyclopedia, documentation in Chinese; C4, novels, reviews, PEPs
and Python source in English) the largest shares of symbols, digits and lines of numbers are 0.14, 0.34 and 0.41 but for poems
with holes (□), and one has a longer run than 251; ASCII art has 0.70 symbols, rows of emoji 0.61, logs 0.63 digits (docs/log.md).
Test: tests/corpus/filters/test_symbols.py (equal to benchmarks/reference_rules_zh.py on every document).
"""

from typing import ClassVar

from pydantic import Field, field_validator

from telos.corpus import characters
from telos.corpus.filters import Filter, Prepared, Verdict
from telos.corpus.texts import Texts
from telos.corpus.thresholds import Threshold, judge_by, share

USUAL_PUNCTUATION = "!\"'(),-./:;?&%[]*_`，。！？；：、“”‘’（）《》〈〉【】「」『』—…·–•％～"


class Symbols(Filter):
    """Thresholds as above; a share of 1 switches its rule off.  ``usual_punctuation``: characters that are no noise."""

    reasons: ClassVar[tuple[str, ...]] = ("symbols", "digits", "run_without_letters", "number_lines")

    max_symbol_fraction: float = Field(0.15, ge=0, le=1)
    max_digit_fraction: float = Field(0.35, ge=0, le=1)
    max_run_without_letters: int = Field(300, ge=1)
    max_number_lines_fraction: float = Field(0.5, ge=0, le=1)
    usual_punctuation: str = USUAL_PUNCTUATION

    @field_validator("usual_punctuation")
    @classmethod
    def _of_the_first_plane(cls, value: str) -> str:
        if any(ord(c) > 0xFFFF for c in value):
            raise ValueError("must be characters of the Basic Multilingual Plane")
        return value

    def judge(self, texts: Texts, prepared: Prepared) -> Verdict:
        from telos.corpus.kernels import symbols as k

        s = k.symbols(texts.data, texts.offsets, characters.kinds(), characters.members(self.usual_punctuation))
        total = s[:, k.CHARACTERS]
        thresholds = [
            Threshold("symbols", share(s[:, k.SYMBOLS], total), most=self.max_symbol_fraction),
            Threshold("digits", share(s[:, k.DIGITS], total), most=self.max_digit_fraction),
            Threshold("run_without_letters", s[:, k.LONGEST_RUN], most=self.max_run_without_letters),
            Threshold("number_lines", share(s[:, k.NUMBER_LINES], s[:, k.LINES]), most=self.max_number_lines_fraction),
        ]
        return judge_by(thresholds, texts.rows_in(self.scope), self.reasons)
