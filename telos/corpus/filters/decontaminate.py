"""Decontamination: documents that share a passage with an evaluation set go, or lose the passage.

A passage is shared where ``words`` (13) tokens in a row are equal to those of an evaluation text, or, where that text is in
Chinese characters, ``han_characters`` (20).  A token is a run of letters and digits in lower case, or one Chinese character;
punctuation and white space are ignored.  Brown et al. 2020, arXiv 2005.14165, appendix C: 13-grams of words, no less than 8.
20 and 13 characters are those 13 and 8 words, at 1.6 characters a word (Tatoeba, 21,116 pairs of sentences; docs/log.md).

Evaluation texts that are shorter count as a whole: from ``fewest_words`` (8) or ``fewest_han_characters`` (13) on wherever
they stand in a document, below that only where they are all of it.

``action: drop`` drops such a document as `contaminated` where more than ``max_overlap`` of its tokens are shared.
``action: cut`` takes out each passage with ``margin_characters`` on both sides (200 in the paper) and joins what is left by
line feeds; a document of which nothing is left is dropped.
Test: tests/corpus/filters/test_decontaminate.py (equal to sets of n-grams in plain Python).
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from telos.corpus import characters
from telos.corpus.clean import CleanText
from telos.corpus.filters import Filter, Prepared, Verdict
from telos.corpus.filters._files import OwnFiles
from telos.corpus.texts import HAN, Texts
from telos.foundation.errors import TelosError


class Decontaminate(Filter):
    """``against``: files or folders of evaluation sets (.jsonl, .json, .csv, .parquet, .txt …).  ``fields``: which of their
    fields hold text (the first must be there); for text files it means nothing."""

    reasons: ClassVar[tuple[str, ...]] = ("contaminated",)

    against: str | list[str]
    fields: list[str] = Field(default_factory=lambda: ["text"], min_length=1)
    action: Literal["drop", "cut"] = "drop"
    max_overlap: float = Field(0.0, ge=0, lt=1)
    margin_characters: int = Field(200, ge=0)
    words: int = Field(13, ge=2, le=100)
    han_characters: int = Field(20, ge=2, le=100)
    fewest_words: int = Field(8, ge=1)
    fewest_han_characters: int = Field(13, ge=1)

    def files(self) -> list[str]:
        return self._files().locations()

    def prepare(self, sample: object) -> dict[str, np.ndarray]:
        """A table of the keys of n-grams, and the evaluation texts' names."""
        from telos.corpus.kernels import overlap as k

        named = sorted(self._texts())
        texts = Texts.of([text for _, text in named])
        han = texts.scripts == HAN
        found, owners, lengths, wholes = k.keys(
            texts.data, texts.offsets, characters.kinds(), characters.lower(),
            np.where(han, self.han_characters, self.words), np.where(han, self.fewest_han_characters, self.fewest_words),
        )  # fmt: skip
        if not len(found):
            where = ", ".join([self.against] if isinstance(self.against, str) else self.against)
            raise TelosError(f"decontaminate.against must hold evaluation texts: {where}",
                             "no letter or digit" if named else "no text",
                             "name other files, or their field: decontaminate.fields=[NAME]")  # fmt: skip
        slots, owners, bits = k.table(found, owners)
        names = "\n".join(name.replace("\n", " ") for name, _ in named)
        return {
            "slots": slots, "owners": owners, "bits": bits, "lengths": np.unique(lengths[~wholes]).astype(np.int64),
            "most_whole": np.array([lengths[wholes].max(initial=0)], np.int64), "names": np.frombuffer(names.encode(), np.uint8),
        }  # fmt: skip

    def judge(self, texts: Texts, prepared: Prepared) -> Verdict:
        from telos.corpus.kernels import overlap as k

        first, totals, shared, passages = k.overlaps(
            texts.data, texts.offsets, characters.kinds(), characters.lower(), prepared["slots"], prepared["owners"],
            prepared["bits"], prepared["lengths"], int(prepared["most_whole"][0]),
        )  # fmt: skip
        share = shared / np.maximum(totals, 1)
        verdict = Verdict(np.zeros(len(texts), np.uint8))
        found = np.flatnonzero(first >= 0)
        if not len(found):
            return verdict
        names = bytes(prepared["names"]).decode().split("\n")
        over = found[share[found] > self.max_overlap]
        verdict.counts = Counter({"overlapping_documents": len(found), "tokens_shared": int(shared.sum())})
        if self.action == "drop":
            verdict.reasons[over] = 1
        else:
            left = self._cut(texts, over, passages)
            verdict.columns["text"] = left
            verdict.reasons[[row for row in over.tolist() if not left[row].as_py().strip()]] = 1
            verdict.counts["documents_cut"] = len(over) - int(verdict.reasons.sum())
        verdict.details = {
            row: f"shares {share[row]:.0%} with {names[first[row]]}" for row in over.tolist() if verdict.reasons[row]
        }
        return verdict

    def _cut(self, texts: Texts, over: np.ndarray, passages: np.ndarray) -> pa.LargeStringArray:
        """The texts without their passages and what is near them."""
        whole = texts.text.to_pylist()
        for row in over.tolist():
            start = texts.offsets[row]
            data = whole[row].encode()
            pieces, done = [], 0
            for _, begin, end in passages[passages[:, 0] == row].tolist():
                before, after = len(data[: begin - start].decode()), len(data[: end - start].decode())
                pieces.append(whole[row][done : max(done, before - self.margin_characters)])
                done = after + self.margin_characters
            pieces.append(whole[row][done:])
            whole[row] = "\n".join(piece.strip() for piece in pieces if piece.strip())
        return pa.array(whole, pa.large_string())

    def _files(self) -> OwnFiles:
        paths = [self.against] if isinstance(self.against, str) else self.against
        return OwnFiles(paths, self.fields, "decontaminate.against", "decontaminate.fields=[{}]")

    def _texts(self) -> Iterator[tuple[str, str]]:
        """(file with line and field, cleaned text) of each evaluation text; lists and mappings in a field hold several."""
        clean = CleanText()
        for item, document in self._files().documents():
            name = item.path if document.place is None else f"{item.path}:{document.place}"
            for text in (document.text, *_strings(document.metadata)):
                if text.strip():
                    yield name, clean.text(text)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)
