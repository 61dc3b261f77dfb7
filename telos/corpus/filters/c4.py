"""C4's rules: lines that are no sentences are taken out, and pages of which too little remains are dropped.

Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", section 2.2 (the
language filter, bad words and deduplication of that section are members of their own: `word_list`, deduplication).

A document is dropped, in this order, for
    curly_bracket   a "{" anywhere
    lorem_ipsum     a placeholder phrase anywhere
    no_lines        no line that stays
    few_sentences   fewer than 3 sentences in the lines that stay
Of a document that stays, white space at the ends of lines goes, and citation marks ([1], [edit], [citation needed]) go; then
lines that do not end in a terminal mark (full stop, exclamation mark, question mark, closing quotation mark), have fewer than 5
words, or hold "javascript" or one of six phrases of notices on cookies and terms of use.  What stays is joined by line feeds.

From the published code (tensorflow_datasets/text/c4_utils.py), not the paper: lines with a word above 1,000 characters and lines
that end in "..." (and ours: "…") go.  Ours: brackets and placeholders count anywhere, as the paper says, where the code looks
at lines that would stay; ASCII capitals count as small letters; a sentence ends at a word that ends in one of . ! ? (and closing
quotes or brackets), unless a small letter follows or the full stop stands behind a single capital as in "J. Bach", and at a
line's end, where the code has NLTK's Punkt.  datatrove has 3 words and 5 sentences, as an early version of the paper.
Test: tests/corpus/filters/test_c4.py (equal to the plain transcription in benchmarks/reference_rules.py).
"""

from collections import Counter
from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field, StringConstraints

from telos.corpus.filters import Filter, Prepared, Verdict
from telos.corpus.texts import Scope, Texts

Phrase = Annotated[str, StringConstraints(min_length=1)]


class C4(Filter):
    """``terminal_marks``: what a line must end in; empty: anything (as FineWeb uses these rules);
    with "…" among them lines that end in "…" or "..." stay.  ``max_word_characters``:
    lines with a longer word go.  ``placeholder_phrases`` drop the document, ``line_phrases`` and ``policy_phrases`` the line;
    ASCII capitals count as small letters."""

    terminal_marks: str = '.!?"”'
    min_line_words: int = Field(5, ge=0)
    min_sentences: int = Field(3, ge=0)
    max_word_characters: int = Field(1000, ge=1)
    remove_citations: bool = True
    drop_curly_brackets: bool = True
    placeholder_phrases: tuple[Phrase, ...] = ("lorem ipsum",)
    line_phrases: tuple[Phrase, ...] = ("javascript",)
    policy_phrases: tuple[Phrase, ...] = (
        "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies",
    )  # fmt: skip

    scope: ClassVar[Scope] = "spaced"
    reasons: ClassVar[tuple[str, ...]] = ("curly_bracket", "lorem_ipsum", "no_lines", "few_sentences")

    def judge(self, texts: Texts, prepared: Prepared) -> Verdict:
        from telos.corpus.kernels.c4 import FEW_SENTENCES, clean_pages, roles
        from telos.corpus.kernels.classes import classes
        from telos.corpus.kernels.phrases import pack

        marks = np.array([ord(c) for c in self.terminal_marks], np.uint32)
        data, ends, reasons, sentences, counts = clean_pages(
            texts.data, texts.offsets, texts.rows_in(self.scope), classes(), marks, roles(),
            self.min_line_words, self.min_sentences, self.max_word_characters, self.remove_citations,
            self.drop_curly_brackets, pack(self.placeholder_phrases, self.line_phrases, self.policy_phrases),
        )  # fmt: skip
        verdict = Verdict(reasons, counts=Counter({n: c for n, c in zip(_COUNTED, counts.tolist(), strict=False) if c}))
        if ends[-1] != texts.sizes.sum():  # what changes a text makes it shorter
            column = pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(data))
            verdict.columns["text"] = column
        verdict.details = {
            row: f"{sentences[row]} sentences in the lines that stay" for row in np.flatnonzero(reasons == FEW_SENTENCES).tolist()
        }
        return verdict


_COUNTED = (
    "lines_without_a_terminal_mark", "lines_with_a_long_word", "lines_of_few_words", "lines_with_a_phrase",
    "lines_of_notices", "empty_lines", "citation_marks", "lines_kept",
)  # fmt: skip
"""`Verdict.counts`, in documents that stay."""
