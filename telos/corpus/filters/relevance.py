"""Relevance: a small classifier trained from the user's own examples against the rest; the documents most like them stay.

    score(x) = 1 / (1 + exp(−(w·φ(x) + b)))

φ: n-grams of tokens hashed into 2^18 buckets, log(1 + occurrences), scaled to length 1.  A token is a run of letters and
digits in lower case; n-grams have 1 or 2.  In documents in Chinese characters each character is a token, and n-grams have 1 to 3.
w, b: logistic regression (`telos.corpus.logistic`) of the examples against half of a sample of the corpus, both sides of
equal weight.  The sample holds relevant documents too, so scores say how alike, not how likely.

A document goes as `irrelevant` where its score is below the quantile 1 − ``keep_fraction`` of the scores of the other half
of the sample (which the classifier has not seen, as it has not seen the rest of the corpus), or below ``min_score`` where
that is given.
Classifiers of text from hashed n-grams against a reference: Brown et al. 2020, arXiv 2005.14165, appendix A; the sizes are ours.
Test: tests/corpus/filters/test_relevance.py.
"""

import zlib
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from telos.corpus import characters
from telos.corpus.clean import CleanText
from telos.corpus.filters import Filter, Prepared, Verdict
from telos.corpus.filters._files import OwnFiles
from telos.corpus.logistic import Sparse, fit
from telos.corpus.texts import HAN, Texts
from telos.foundation.errors import TelosError

BUCKETS = 1 << 18
FEWEST_EXAMPLES = 10
FEWEST_OTHERS = 20
_LONGEST_HAN, _LONGEST_SPACED = 3, 2


class Relevance(Filter):
    """``examples``: a file or folder, or several, of what is wanted; ``positives``: such texts themselves.  ``text_field``: of
    examples in JSON, CSV or Parquet.  ``keep_fraction``: share of the documents to keep.  ``min_score``: in 0–1, instead.
    ``sample_documents``: of the corpus.  ``regularization``: λ, larger is smoother."""

    reasons: ClassVar[tuple[str, ...]] = ("irrelevant",)

    examples: str | list[str] = Field(default_factory=list)
    positives: list[str] = Field(default_factory=list)
    text_field: str = "text"
    keep_fraction: float = Field(0.5, gt=0, le=1)
    min_score: float | None = Field(None, ge=0, le=1)
    sample_documents: int = Field(4000, ge=FEWEST_OTHERS)
    regularization: float = Field(0.1, gt=0)

    def files(self) -> list[str]:
        return self._files().locations()

    def prepare(self, sample: Callable[[int], list[str]]) -> dict[str, np.ndarray]:
        """``weights`` (w, then b) and ``least``, the score that a document must have."""
        wanted, others = self._examples(), sorted(dict.fromkeys(sample(self.sample_documents)))
        if len(others) < FEWEST_OTHERS:
            raise TelosError(f"relevance needs a corpus of at least {FEWEST_OTHERS} different documents to tell examples from",
                             f"{len(others)}", "add documents, or leave the filter 'relevance' out")  # fmt: skip
        others.sort(key=lambda text: zlib.crc32(text.encode()))
        seen, unseen = others[::2], others[1::2]
        rows = features(Texts.of(wanted + seen))
        labels = np.repeat([1.0, -1.0], [len(wanted), len(seen)])
        weights = np.repeat([0.5 / len(wanted), 0.5 / len(seen)], [len(wanted), len(seen)]) * len(labels)
        prepared = {"weights": fit(rows, labels, weights, self.regularization)}
        least = self.min_score
        if least is None:
            least = float(np.quantile(scores(Texts.of(unseen), prepared), 1 - self.keep_fraction))
        return prepared | {"least": np.array([least], np.float32)}

    def judge(self, texts: Texts, prepared: Prepared) -> Verdict:
        found, least = scores(texts, prepared), prepared["least"][0]
        verdict = Verdict((found < least).astype(np.uint8), {"score": pa.array(found, pa.float32())})
        for row in np.flatnonzero(verdict.reasons).tolist():
            verdict.details[row] = f"score {found[row]:.3f}, must be at least {least:.3f}"
        return verdict

    def _files(self) -> OwnFiles:
        paths = [self.examples] if isinstance(self.examples, str) else self.examples
        return OwnFiles(paths, [self.text_field], "relevance.examples", "relevance.text_field={}")

    def _examples(self) -> list[str]:
        texts = [*self.positives, *(document.text for _, document in self._files().documents())]
        clean = CleanText()
        wanted = sorted({clean.text(text) for text in texts if text.strip()})
        if len(wanted) < FEWEST_EXAMPLES:
            where = "relevance.examples (files or folders) or relevance.positives (texts)"
            raise TelosError(f"relevance needs at least {FEWEST_EXAMPLES} different examples of what is wanted",
                             f"{len(wanted)}" if texts else "none", f"give more in {where}")  # fmt: skip
        return wanted


def _longest(texts: Texts) -> np.ndarray:
    """How many tokens the longest n-grams of each document have."""
    return np.where(texts.scripts == HAN, _LONGEST_HAN, _LONGEST_SPACED)


def features(texts: Texts) -> Sparse:
    """φ of each document."""
    from telos.corpus.kernels.relevance import rows

    ends, buckets, values = rows(texts.data, texts.offsets, _longest(texts), characters.kinds(), characters.lower(), BUCKETS)
    return Sparse(ends, buckets, values, BUCKETS)


def scores(texts: Texts, prepared: Prepared) -> np.ndarray:
    """float32 in 0–1, one a document."""
    from telos.corpus.kernels.relevance import margins

    weights = prepared["weights"]
    found = margins(texts.data, texts.offsets, _longest(texts), characters.kinds(), characters.lower(), weights[:-1])
    return np.exp(-np.logaddexp(0.0, -(found + weights[-1]))).astype(np.float32)
