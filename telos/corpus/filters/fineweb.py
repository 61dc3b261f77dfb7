"""FineWeb's own rules, for what Gopher's and C4's let pass: lists, menus and pages that say a line twice.

Penedo et al. 2024, "The FineWeb Datasets: Decanting the Web for the Finest Text Data at Scale", section 3.6: three rules, chosen
among fifty by the quality of models trained on what they leave.  With c the characters of the text but for line feeds, and
lines as in `telos.corpus.words`, a document is dropped, in this order, if

    unpunctuated_lines     lines that end in a terminal mark ÷ lines        at most 0.12
    short_lines            lines of fewer than 30 characters ÷ lines        at least 0.67
    duplicate_characters   characters of lines that stood before ÷ c        at least 0.1
    list_like              line feeds ÷ words                               above 0.3

The last rule stands in the code that made FineWeb (datatrove), not in the paper; that code also has 0.01 where the paper says
0.1, drops strictly below, above and above, and does not strip lines: "… went home . " with a space behind ends in no mark there.
A document without a line has none that is punctuated.
Test: tests/corpus/filters/test_fineweb.py (equal to the plain transcription in benchmarks/reference_rules.py).
"""

from typing import ClassVar

import numpy as np
from pydantic import Field

from telos.corpus.filters import Filter, Prepared, Verdict, first_reason
from telos.corpus.texts import Scope, Texts
from telos.corpus.words import words_of


class FineWeb(Filter):
    """Thresholds of the rules; null switches one off.  ``terminal_marks``: what a sentence ends in, in scripts with spaces and
    in Chinese.  ``short_line_characters``: a line with fewer is short."""

    punctuated_line_fraction: float | None = Field(0.12, ge=0)
    short_line_fraction: float | None = Field(0.67, ge=0)
    short_line_characters: int = Field(30, ge=0)
    duplicate_character_fraction: float | None = Field(0.1, ge=0)
    line_feeds_per_word: float | None = Field(0.3, ge=0)
    terminal_marks: str = ".!?‽⁇⁈⁉؟۔।॥։።။។。！？．｡"

    scope: ClassVar[Scope] = "spaced"
    reasons: ClassVar[tuple[str, ...]] = ("unpunctuated_lines", "short_lines", "duplicate_characters", "list_like")

    def judge(self, texts: Texts, prepared: Prepared) -> Verdict:
        from telos.corpus.kernels.lines import count_lines, repeated_characters
        from telos.corpus.kernels.words import CHARACTERS, LINES, NEWLINES, WORDS

        found = words_of(texts)
        marks = np.array([ord(c) for c in self.terminal_marks], np.uint32)
        by_line = count_lines(found.line_spans, found.line_firsts, found.line_lasts, found.line_sizes, found.line_flags,
                              marks[:0], marks, self.short_line_characters)  # fmt: skip
        lines, feeds = found.column(LINES), found.column(NEWLINES)
        characters = found.column(CHARACTERS) - feeds
        copies = repeated_characters(found.line_spans, found.line_hashes, found.line_sizes)
        values = [_share(by_line[:, 2], lines), _share(by_line[:, 3], lines), _share(copies, characters),
                  _share(feeds, found.column(WORDS))]  # fmt: skip
        limits = (
            self.punctuated_line_fraction,
            self.short_line_fraction,
            self.duplicate_character_fraction,
            self.line_feeds_per_word,
        )
        compare = (np.less_equal, np.greater_equal, np.greater_equal, np.greater)
        failed = [
            np.zeros(len(texts), bool) if limit is None else test(value, limit)
            for test, value, limit in zip(compare, values, limits, strict=True)
        ]
        verdict = Verdict(np.where(texts.rows_in(self.scope), first_reason(*failed), 0).astype(np.uint8))
        for row in np.flatnonzero(verdict.reasons).tolist():
            place = verdict.reasons[row] - 1
            verdict.details[row] = f"{_MEASURED[place]}: {values[place][row]:.3f}"
        return verdict


_MEASURED = (
    "share of lines that end in a terminal mark", "share of short lines", "share of characters in repeated lines",
    "line feeds per word",
)  # fmt: skip


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part ÷ whole, 0 where there is no whole."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
