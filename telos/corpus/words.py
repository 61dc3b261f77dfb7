"""Words and lines of a batch's documents, found once and shared by the rules that judge them.

A *word* is a maximal run of characters that are not white space, as `str.split` gives it; so "end." with its full stop is
one word, where spaCy's and NLTK's tokenisers (and datatrove, which uses them) see two.  A *line* is what lies between line
feeds, without the white space at its ends; a line without words is none.  Two lines are equal if their words are.  A
*paragraph* is a run of lines with no empty one between them; two are equal if their lines are.
Test: tests/corpus/test_words.py.
"""

from dataclasses import dataclass, replace

import numpy as np

from telos.corpus.texts import SPACED, Texts


@dataclass(frozen=True, slots=True)
class Words:
    """Of documents whose words are set apart by spaces (`Texts.rows_in`); the others have none.

    ``counts``: int64 (documents, 8): words, characters in words, characters of the text, words with a letter, number signs,
    ellipses ("…" and "..."), line feeds, lines; columns as `telos.corpus.kernels.words` names them.
    Words of document i stand from ``word_spans[i, 0]`` to before ``word_spans[i, 1]``: ``hashes`` (uint64, equal for equal
    words) and ``sizes`` (characters).  Its lines likewise, at ``line_spans``: ``line_hashes``, ``line_sizes`` (characters),
    ``line_firsts`` and ``line_lasts`` (code points of the first and last character), ``line_flags``."""

    counts: np.ndarray
    word_spans: np.ndarray
    hashes: np.ndarray
    sizes: np.ndarray
    line_spans: np.ndarray
    line_hashes: np.ndarray
    line_sizes: np.ndarray
    line_firsts: np.ndarray
    line_lasts: np.ndarray
    line_flags: np.ndarray

    def column(self, place: int) -> np.ndarray:
        """One of the counts, of every document."""
        return self.counts[:, place]

    def take(self, rows: np.ndarray) -> "Words":
        """Those documents' (a bool mask); what stands at their spans is not copied."""
        return replace(self, counts=self.counts[rows], word_spans=self.word_spans[rows], line_spans=self.line_spans[rows])


def words_of(texts: Texts) -> Words:
    """`Words` of a batch; computed at the first call for it.  Time: one pass over the bytes."""
    return texts.shared("words", _find)


def _find(texts: Texts) -> Words:
    from telos.corpus.kernels.classes import classes
    from telos.corpus.kernels.words import COUNTS, kinds, room, scan

    rows, data, offsets = texts.scripts == SPACED, texts.data, texts.offsets
    most, documents = room(offsets, rows), len(texts)
    found = Words(
        np.zeros((documents, COUNTS), np.int64),
        np.zeros((documents, 2), np.int64), np.empty(most + 1, np.uint64), np.empty(most + 1, np.uint32),
        np.zeros((documents, 2), np.int64), np.empty(most, np.uint64), np.empty(most, np.uint32),
        np.empty(most, np.uint32), np.empty(most, np.uint32), np.empty(most, np.uint8),
    )  # fmt: skip
    table = classes()
    scan(data, offsets, rows, table, kinds(table), found.counts, found.word_spans, found.hashes, found.sizes,
         found.line_spans, found.line_hashes, found.line_sizes, found.line_firsts, found.line_lasts,
         found.line_flags)  # fmt: skip
    return found
