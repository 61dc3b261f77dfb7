"""A list of the user's own: documents that hold its words or phrases, or too much of them, are dropped.

    share = bytes of the text that lie in listed phrases ÷ bytes of the text      (white space not counted)

A document goes if it holds a phrase and share > ``max_fraction``.  The idea is C4's (Raffel et al. 2020, section 2.2: any page
with a word of a list); no list is built in.  The file is UTF-8, one word or phrase a line; empty lines and lines that begin with
"#" are passed over.  A phrase that begins or ends with a letter or digit of a script with spaces is found as whole words only
("art" not in "party"), one of Chinese characters anywhere, as are kana, Thai, Lao, Burmese and Khmer.  Case does not count (for
letters beyond ASCII: as written, in small letters, in capitals, and with a capital first); any white space counts as one space.
Test: tests/corpus/filters/test_word_list.py (equal to the plain transcription in benchmarks/reference_rules.py).
"""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from telos.corpus.filters import Filter, Prepared, Verdict
from telos.corpus.texts import Texts
from telos.foundation.errors import TelosError

MOST_CELLS = 1 << 26
"""Of the automaton's table (states × different bytes, 4 bytes each): a quarter of a gigabyte, some 100,000 words."""


class WordList(Filter):
    """``path``: the list.  ``max_fraction``: the share (0–1) of a document that may lie in listed phrases; 0: none at all."""

    path: str
    max_fraction: float = Field(0.0, ge=0, le=1)

    reasons: ClassVar[tuple[str, ...]] = ("listed_words",)

    def files(self) -> list[str]:
        return [self.path]

    def prepare(self, sample: Callable[[int], list[str]]) -> dict[str, np.ndarray]:
        return automaton(self._phrases(), self.path)

    def judge(self, texts: Texts, prepared: Prepared) -> Verdict:
        from telos.corpus.kernels.classes import classes
        from telos.corpus.kernels.word_list import seek

        firsts, covered, whole = seek(texts.data, texts.offsets, classes(), prepared["symbols"], prepared["table"],
                                      prepared["ends"], prepared["sizes"])  # fmt: skip
        verdict = Verdict(((firsts >= 0) & (covered > self.max_fraction * whole)).astype(np.uint8))
        verdict.counts["documents_with_listed_words"] = int((firsts >= 0).sum())
        listed, places = prepared["listed"], prepared["places"]
        for row in np.flatnonzero(verdict.reasons).tolist():
            at = prepared["phrases"][firsts[row]]
            phrase = listed[places[at] : places[at + 1]].tobytes().decode()
            verdict.details[row] = f"holds '{phrase}'; {covered[row] / whole[row]:.4f} of it is listed"
        return verdict

    def _phrases(self) -> list[str]:
        """The list's entries, each once, sorted."""
        must = "word_list needs a UTF-8 text file with one word or phrase a line"
        try:
            lines = Path(self.path).expanduser().read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise TelosError(must, f"'{self.path}': byte {error.start + 1} is not UTF-8", "save the file as UTF-8") from None
        except OSError as error:
            raise TelosError(must, f"'{self.path}': {error.strerror}", "correct word_list's path") from None
        phrases = sorted({" ".join(line.split()) for line in lines if not line.lstrip().startswith("#")} - {""})
        if not phrases:
            raise TelosError(must, f"'{self.path}' holds none", "add lines to it, or leave word_list out")
        return phrases


def automaton(phrases: list[str], name: str = "list") -> dict[str, np.ndarray]:
    """What `telos.corpus.kernels.word_list.seek` reads."""
    from telos.corpus.kernels.classes import classes
    from telos.corpus.kernels.word_list import BLANK, BOUNDARY, close, read

    streams: dict[bytes, int] = {}  # the spellings of all phrases → the phrase
    for place, phrase in enumerate(phrases):
        for spelling in (phrase, phrase.lower(), phrase.upper(), phrase.title(), phrase.capitalize()):
            data = np.frombuffer(spelling.encode(), np.uint8)
            into = np.empty(3 * len(data) + 2, np.uint8)
            streams.setdefault(into[: read(data, 0, len(data), classes(), into)].tobytes(), place)
    used = sorted(set(b"".join(streams)))
    symbols = np.zeros(256, np.int64)
    symbols[used] = np.arange(1, len(used) + 1)
    prefixes = sorted({stream[:n] for stream in streams for n in range(len(stream) + 1)}, key=lambda p: (len(p), p))
    if len(prefixes) * (len(used) + 1) > MOST_CELLS:
        raise TelosError("word_list's words must fit its table, some 100,000 do", f"'{name}' holds {len(phrases):,}",
                         "keep its most telling words, or split the list")  # fmt: skip
    states = {prefix: state for state, prefix in enumerate(prefixes)}
    places = {stream: k for k, stream in enumerate(streams)}
    parents = np.array([states[prefix[:-1]] for prefix in prefixes], np.int64)
    last = np.array([symbols[prefix[-1]] if prefix else 0 for prefix in prefixes], np.int64)
    table = np.zeros((len(prefixes), len(used) + 1), np.int32)
    table[parents[1:], last[1:]] = np.arange(1, len(prefixes))
    ends = np.array([places.get(prefix, -1) for prefix in prefixes], np.int64)
    close(parents, last, ends, table)
    encoded = [phrase.encode() for phrase in phrases]
    return {
        "symbols": symbols,
        "table": table,
        "ends": ends,
        "sizes": np.array([sum(b not in (BOUNDARY, BLANK) for b in stream) for stream in streams], np.int64),
        "phrases": np.array(list(streams.values()), np.int64),
        "listed": np.frombuffer(b"".join(encoded), np.uint8),
        "places": np.cumsum([0, *map(len, encoded)], dtype=np.int64),
    }
