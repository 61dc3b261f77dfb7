"""Gopher's repetition rules: documents that say the same again and again are dropped.

Rae et al. 2021, "Scaling Language Models: Methods, Analysis & Insights from Training Gopher", appendix A.1.1 and table A1,
from which all 13 thresholds are.  With c the characters of the text (white space too) and words, lines and paragraphs as in
`telos.corpus.words`, a document is dropped if one of these is above its threshold, looked at in this order:

    duplicate lines           lines that stood before ÷ lines                                       0.30
    duplicate paragraphs      paragraphs that stood before ÷ paragraphs                             0.30
    … in characters           characters of those lines ÷ c; of those paragraphs ÷ c                0.20, 0.20
    top n-gram, n = 2–4       occurrences of the most frequent n-gram × its characters ÷ c          0.20, 0.18, 0.16
    duplicate n-grams, 5–10   characters of words in n-grams that stood before, none twice ÷ c      0.15, 0.14, … 0.10

The paper leaves open what datatrove's reading settles, which is followed: the first of equal lines is no duplicate; an n-gram
in the top counts with single spaces between its words, a duplicate one without; after a duplicate n-gram reading goes on behind
it.  Ours: an n-gram that occurs once repeats nothing, also where it is the most frequent (datatrove counts it; that moves
only texts of some dozen words).  Against datatrove, whose words are spaCy's: code, paths and markup are many words there, so
that n-grams within them repeat, and few here.  11 % of its decisions differ on 1,000 documents of benchmarks/bench_filters.py, of
which a third are documentation strings; it drops nearly all of those documents, for their n-grams.
Test: tests/corpus/filters/test_gopher_repetition.py (equal to the plain transcription in benchmarks/reference_rules.py).
"""

from typing import ClassVar

import numpy as np
from pydantic import Field

from telos.corpus.filters import Filter, Prepared, Verdict
from telos.corpus.texts import Scope, Texts
from telos.corpus.words import words_of


class GopherRepetition(Filter):
    """The highest fractions (0–1) with which a document stays; null switches a rule off."""

    duplicate_line_fraction: float | None = Field(0.30, ge=0)
    duplicate_paragraph_fraction: float | None = Field(0.30, ge=0)
    duplicate_line_character_fraction: float | None = Field(0.20, ge=0)
    duplicate_paragraph_character_fraction: float | None = Field(0.20, ge=0)
    top_2_gram_fraction: float | None = Field(0.20, ge=0)
    top_3_gram_fraction: float | None = Field(0.18, ge=0)
    top_4_gram_fraction: float | None = Field(0.16, ge=0)
    duplicate_5_gram_fraction: float | None = Field(0.15, ge=0)
    duplicate_6_gram_fraction: float | None = Field(0.14, ge=0)
    duplicate_7_gram_fraction: float | None = Field(0.13, ge=0)
    duplicate_8_gram_fraction: float | None = Field(0.12, ge=0)
    duplicate_9_gram_fraction: float | None = Field(0.11, ge=0)
    duplicate_10_gram_fraction: float | None = Field(0.10, ge=0)

    scope: ClassVar[Scope] = "spaced"
    reasons: ClassVar[tuple[str, ...]] = (
        "duplicate_line_fraction", "duplicate_paragraph_fraction",
        "duplicate_line_characters", "duplicate_paragraph_characters",
        "top_2_gram", "top_3_gram", "top_4_gram", "duplicate_5_gram", "duplicate_6_gram", "duplicate_7_gram",
        "duplicate_8_gram", "duplicate_9_gram", "duplicate_10_gram",
    )  # fmt: skip

    @property
    def thresholds(self) -> list[float | None]:
        """One a reason, in their order."""
        return [
            self.duplicate_line_fraction, self.duplicate_paragraph_fraction,
            self.duplicate_line_character_fraction, self.duplicate_paragraph_character_fraction,
            self.top_2_gram_fraction, self.top_3_gram_fraction, self.top_4_gram_fraction,
            self.duplicate_5_gram_fraction, self.duplicate_6_gram_fraction, self.duplicate_7_gram_fraction,
            self.duplicate_8_gram_fraction, self.duplicate_9_gram_fraction, self.duplicate_10_gram_fraction,
        ]  # fmt: skip

    def judge(self, texts: Texts, prepared: Prepared) -> Verdict:
        from telos.corpus.kernels.repetition import judge_repetition

        words = words_of(texts)
        most = np.array([np.inf if t is None else t for t in self.thresholds])
        reasons, values = judge_repetition(
            texts.rows_in(self.scope), words.counts, words.word_spans, words.hashes, words.sizes,
            words.line_spans, words.line_hashes, words.line_sizes, words.line_flags, most,
        )  # fmt: skip
        verdict = Verdict(reasons)
        for row in np.flatnonzero(reasons).tolist():
            place = reasons[row] - 1
            verdict.details[row] = f"{values[row]:.4g}, must be at most {self.thresholds[place]}"
        return verdict
