"""Gopher's quality rules: documents that do not look like written English are dropped.

Rae et al. 2021, "Scaling Language Models: Methods, Analysis & Insights from Training Gopher", appendix A.1.1, from which all
thresholds and the stop words are.  With words and lines as in `telos.corpus.words`, the rules in the order of their reasons:

    gopher_short        fewer words than 50
    gopher_long         more words than 100,000
    mean_word_length    characters of words ÷ words below 3 or above 10
    symbol_ratio        number signs ÷ words, or ellipses ("…" and "...") ÷ words, above 0.1
    bullet_lines        more than 0.9 of the lines begin with a bullet
    ellipsis_lines      more than 0.3 of the lines end in an ellipsis
    alphabetic_words    fewer than 0.8 of the words hold a letter (`str.isalpha`)
    stop_words          fewer than 2 of "the, be, to, of, and, that, have, with" occur

Ours, where the paper is silent: which characters are bullets (those that RedPajama, dolma and datatrove name between them); a
stop word is found as a word without what is no letter or digit at its ends, ASCII capitals counted as small letters, so that
"The" and "(and" count.  Against datatrove: its words are spaCy's, where each punctuation mark is a word of its own, counted among
those without a letter (not among the 50, nor in the mean length), so that text full of marks fails `alphabetic_words`: that is
the reason of 360 of the 365 decisions that differ on 1,000 documents of benchmarks/bench_filters.py, of which a third are
documentation strings.  A stop word with a capital is none there, and empty lines count among the lines.
Test: tests/corpus/filters/test_gopher_quality.py (equal to the plain transcription in benchmarks/reference_rules.py).
"""

from typing import ClassVar

import numpy as np
from pydantic import Field

from telos.corpus.filters import Filter, Prepared, Verdict
from telos.corpus.texts import Scope, Texts
from telos.corpus.thresholds import Threshold, judge_by
from telos.corpus.words import words_of


class GopherQuality(Filter):
    """Thresholds of the rules; null switches one off.  ``bullets``: characters that a line of a list begins with.
    ``stop_words``: in small letters, without white space."""

    min_words: int | None = Field(50, ge=0)
    max_words: int | None = Field(100_000, ge=0)
    min_mean_word_characters: float | None = Field(3.0, ge=0)
    max_mean_word_characters: float | None = Field(10.0, ge=0)
    max_symbols_per_word: float | None = Field(0.1, ge=0)
    max_bullet_line_fraction: float | None = Field(0.9, ge=0)
    max_ellipsis_line_fraction: float | None = Field(0.3, ge=0)
    min_alphabetic_word_fraction: float | None = Field(0.8, ge=0)
    min_stop_words: int = Field(2, ge=0)
    bullets: str = "•‣▶◀◦■□▪▫●–-*"
    stop_words: tuple[str, ...] = ("the", "be", "to", "of", "and", "that", "have", "with")

    scope: ClassVar[Scope] = "spaced"
    reasons: ClassVar[tuple[str, ...]] = (
        "gopher_short", "gopher_long", "mean_word_length", "symbol_ratio",
        "bullet_lines", "ellipsis_lines", "alphabetic_words", "stop_words",
    )  # fmt: skip

    def judge(self, texts: Texts, prepared: Prepared) -> Verdict:
        from telos.corpus.kernels.lines import count_lines
        from telos.corpus.kernels.words import ALPHABETIC_WORDS, ELLIPSES, HASHES, LINES, WORD_CHARACTERS, WORDS

        found = words_of(texts)
        words, lines = found.column(WORDS), found.column(LINES)
        by_line = count_lines(found.line_spans, found.line_firsts, found.line_lasts, found.line_sizes, found.line_flags,
                              _code_points(self.bullets), _code_points(""), 0)  # fmt: skip
        symbols = np.maximum(found.column(HASHES), found.column(ELLIPSES))
        thresholds = [
            Threshold("gopher_short", words, least=_least(self.min_words)),
            Threshold("gopher_long", words, most=_most(self.max_words)),
            Threshold("mean_word_length", _per(found.column(WORD_CHARACTERS), words),
                      _least(self.min_mean_word_characters), _most(self.max_mean_word_characters)),
            Threshold("symbol_ratio", _per(symbols, words), most=_most(self.max_symbols_per_word)),
            Threshold("bullet_lines", _per(by_line[:, 0], lines), most=_most(self.max_bullet_line_fraction)),
            Threshold("ellipsis_lines", _per(by_line[:, 1], lines), most=_most(self.max_ellipsis_line_fraction)),
            Threshold("alphabetic_words", _per(found.column(ALPHABETIC_WORDS), words),
                      least=_least(self.min_alphabetic_word_fraction)),
        ]  # fmt: skip
        judged = texts.rows_in(self.scope)
        undecided = judged & ~np.any([threshold.fails for threshold in thresholds], axis=0)
        thresholds.append(Threshold("stop_words", self._stop_words(texts, undecided), least=self.min_stop_words))
        return judge_by(thresholds, judged, self.reasons)

    def _stop_words(self, texts: Texts, rows: np.ndarray) -> np.ndarray:
        """Different stop words of documents in ``rows``, counted up to as many as are asked for; of others that many."""
        from telos.corpus.kernels.classes import classes
        from telos.corpus.kernels.stop_words import different

        encoded = [word.encode() for word in sorted(set(self.stop_words))]
        data = np.frombuffer(b"".join(encoded), np.uint8)
        offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
        return different(texts.data, texts.offsets, rows, classes(), data, offsets, self.min_stop_words)


def _per(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part ÷ whole; nan, which is neither above nor below anything, where there is no whole."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def _least(limit: float | None) -> float:
    return -np.inf if limit is None else limit


def _most(limit: float | None) -> float:
    return np.inf if limit is None else limit


def _code_points(characters: str) -> np.ndarray:
    return np.array([ord(c) for c in characters], np.uint32)
