"""The language of each document, and what becomes of those in another language than is wanted.

py3langid looks at the first ``prefix_bytes`` of a text (cut at a character) and sets the columns `language` and
`language_confidence` (`telos.corpus.identification`).  Chinese in either script, and Cantonese and Wu, are "zh".

A document in a language that is not among ``keep`` is dropped as `other_language`, or, where ``others`` is "route", as
`other_language_routed`: those the pipeline writes to routed/CODE/ beside the corpus.  One whose language is less sure than
``min_confidence`` is dropped as `uncertain_language`, whatever it seems to be.  ``others: label`` drops nothing.

With ``per_line`` lines go that are surely in another language: one that is not among ``keep`` or, where that is empty, not the
document's.  Only lines of ``min_line_bytes`` count, and only from ``min_line_confidence`` on; ours: of 177,659
such lines of Chinese laws and English reviews none is taken for another language with that confidence (docs/log.md).
Test: tests/corpus/filters/test_language.py.
"""

from collections import Counter
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from telos.corpus.filters import Filter, Prepared, Verdict, first_reason
from telos.corpus.identification import identify, languages
from telos.corpus.text_lines import TextLines
from telos.corpus.texts import Texts
from telos.foundation.errors import TelosError, nearest


class Language(Filter):
    """``keep``: codes of languages such as [zh, en]; an empty list keeps all.  ``min_confidence``: probability in 0–1, 0 lets
    all pass.  ``others``: what becomes of documents in other languages.  ``per_line``: remove lines in other languages."""

    reasons: ClassVar[tuple[str, ...]] = ("other_language", "other_language_routed", "uncertain_language")
    routes: ClassVar[str | None] = "other_language_routed"

    keep: list[str] = Field(default_factory=list)
    min_confidence: float = Field(0.0, ge=0, le=1)
    others: Literal["drop", "route", "label"] = "drop"
    per_line: bool = False
    prefix_bytes: int = Field(2048, ge=64)
    min_line_bytes: int = Field(60, ge=1)
    min_line_confidence: float = Field(0.95, ge=0, le=1)

    def prepare(self, sample: object) -> dict[str, np.ndarray]:
        """Loads the library; `TelosError` for a code that it does not know."""
        known = languages()
        for code in self.keep:
            if code not in known:
                meant = nearest(code.split("-")[0].lower(), known)
                raise TelosError(f"language.keep must name languages that py3langid knows: {', '.join(sorted(known))}",
                                 f"'{code}'", f"write '{meant}'" if meant else "choose some of these")  # fmt: skip
        return {}

    def judge(self, texts: Texts, prepared: Prepared) -> Verdict:
        starts = texts.offsets[:-1]
        places, confidence = identify(texts, starts, cut(texts.data, starts, texts.offsets[1:], self.prefix_bytes))
        codes = np.array(languages(), object)[places]
        wanted = np.isin(places, self._kept()) if self.keep else np.ones(len(texts), bool)
        verdict = Verdict(np.zeros(len(texts), np.uint8), {
            "language": pa.array(codes.tolist(), pa.string()), "language_confidence": pa.array(confidence, pa.float32())
        })  # fmt: skip
        if self.others != "label":
            routed = ~wanted & (self.others == "route")
            uncertain = confidence < self.min_confidence
            verdict.reasons = first_reason(~wanted & ~routed & ~uncertain, routed & ~uncertain, uncertain)
            for row in np.flatnonzero(verdict.reasons).tolist():
                verdict.details[row] = f"{codes[row]} ({confidence[row]:.2f})"
        if self.per_line:
            self._lines(texts, places, verdict)
        return verdict

    def _kept(self) -> np.ndarray:
        known = languages()
        return np.array([known.index(code) for code in self.keep if code in known], np.int64)

    def _lines(self, texts: Texts, places: np.ndarray, verdict: Verdict) -> None:
        """Put texts without lines in other languages in the verdict's columns."""
        lines = TextLines(texts)
        sizes = lines.ends - lines.starts
        long = np.flatnonzero((sizes >= self.min_line_bytes) & (verdict.reasons == 0)[lines.documents])
        ends = cut(texts.data, lines.starts[long], lines.ends[long], self.prefix_bytes)
        found, sure = identify(texts, lines.starts[long], ends)
        alike = found == places[lines.documents[long]]
        foreign = ~np.isin(found, self._kept()) if self.keep else ~alike
        refused = np.zeros(len(lines), bool)
        refused[long] = foreign & (sure >= self.min_line_confidence)
        column, lost = lines.without(refused, sizes == 0)
        if lost.any():
            verdict.columns["text"] = column
        verdict.counts = Counter({"lines_of_other_languages": int(lost.sum())})


def cut(data: np.ndarray, starts: np.ndarray, ends: np.ndarray, most: int) -> np.ndarray:
    """The ends of pieces of at most ``most`` bytes that end at a character."""
    short = np.minimum(starts + most, ends)
    for _ in range(3):  # a character has at most three bytes that continue it
        inside = short < ends
        inside[inside] = data[short[inside]] & 0xC0 == 0x80
        short -= inside
    return short
