"""Text as words joined by single spaces, for word-level and classical models: to be the last step.

It segments (`telos.corpus.segmentation`: jieba for Chinese, the ends of letters for the rest), puts words in lower case, and
takes out stop words and punctuation, as its settings say.  A document of which no word is left is dropped as `no_words`.
Where this comes before other rules, they judge words without sentences.
Test: tests/corpus/filters/test_words.py.
"""

from collections import Counter
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from telos.corpus.filters import Filter, Prepared, Verdict
from telos.corpus.segmentation import is_word, jieba, stop_words, words
from telos.corpus.texts import Texts


class Words(Filter):
    """``lower_case``, ``keep_punctuation``: as they say.  ``stop_words``: languages whose stop words go; none by
    default.  ``more_stop_words``: others that go, in lower case.  ``keep_lines``: line feeds stay between lines."""

    reasons: ClassVar[tuple[str, ...]] = ("no_words",)

    lower_case: bool = True
    stop_words: list[Literal["en", "zh"]] = Field(default_factory=list)
    more_stop_words: list[str] = Field(default_factory=list)
    keep_punctuation: bool = True
    keep_lines: bool = False

    def prepare(self, sample: object) -> dict[str, np.ndarray]:
        """Loads the dictionary, so that a missing package is known at once."""
        jieba()
        return {}

    def judge(self, texts: Texts, prepared: Prepared) -> Verdict:
        found = [self.text(text) for text in texts.text.to_pylist()]
        verdict = Verdict(np.array([not text.strip() for text in found], np.uint8), {"text": pa.array(found, pa.large_string())})
        verdict.counts = Counter({"words": sum(len(text.split()) for text in found)})
        return verdict

    def text(self, text: str) -> str:
        """The words of one text."""
        if self.keep_lines:
            return "\n".join(" ".join(self._kept(line)) for line in text.split("\n"))
        return " ".join(self._kept(text))

    def _kept(self, text: str) -> list[str]:
        gone = stop_words(tuple(self.stop_words)) | frozenset(self.more_stop_words)
        tokens = words(text.lower() if self.lower_case else text)
        return [t for t in tokens if (self.keep_punctuation or is_word(t)) and (not gone or _plain(t) not in gone)]


def _plain(token: str) -> str:
    """As the lists write it: in lower case, with a straight apostrophe."""
    return token.lower().replace("’", "'")
