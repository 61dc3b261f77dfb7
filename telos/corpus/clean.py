"""What happens to each text between its file and the corpus; a pure function of the text and the settings."""

import functools
import hashlib
import re
import unicodedata
from typing import Any, Literal

import numpy as np
from pydantic import Field

from telos.corpus import mojibake
from telos.corpus.dedup import Deduplication
from telos.corpus.filters import Filter
from telos.corpus.texts import Texts
from telos.foundation.errors import require
from telos.foundation.spec import Spec

_CONTROL = "[\x00-\x08\x0b\x0e-\x1f\x7f\ufeff\ufff9-\ufffb]"
"""Control characters but for tab, line feed, form feed (which source code has between sections) and carriage return;
stray byte order marks; interlinear annotation marks."""
_HALF_WIDTH = {c: c - 0xFEE0 for c in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))} | {
    ord(a): ord(b) for a, b in zip("＋－＝＜＞＊／＼＆＃＠％＄＿｜＾｀＂＇", "+-=<>*/\\&#@%$_|^`\"'", strict=True)
} | {0x3000: 0x20}  # fmt: skip
"""Full-width digits, letters and signs, and the ideographic space, to their half-width forms."""
_HALF_WIDTH_PUNCTUATION = {ord(a): ord(b) for a, b in zip("，．：；！？（）［］｛｝～", ",.:;!?()[]{}~", strict=True)}
"""Full-width punctuation, which Chinese text is written with."""
_WIDE = re.compile("[\u3000\uff01-\uff5e]")
_TRAILING = re.compile(r"[^\S\n]+(?=\n|\Z)")
_BLANK_LINES = re.compile(r"\n{4,}")
_BLANKS_IN_A_LINE = re.compile(r"(?<=\S)(?:[ \t\u00a0\u2000-\u200a\u202f\u205f]{2,}|[\t\u00a0\u2000-\u200a\u202f\u205f])(?=\S)")


class CleanText(Spec):
    """What changes a text.  ``repair_encoding``: mend mojibake (`telos.corpus.mojibake`).  ``normalization``: Unicode
    normalisation form, or null for none; NFC joins letters and their accents and changes nothing that a reader sees.
    ``unify_line_ends``: ``\\r\\n`` and ``\\r`` become ``\\n``.  ``remove_control_characters``: those that no text needs.

    ``han``: Chinese characters to "simplified" or "traditional" forms by OpenCC's dictionaries of phrases (t2s, s2t); null leaves
    them.  ``width``: "half" turns full-width digits, letters, signs and the ideographic space to ASCII, but no Chinese marks
    (，。：（）…), for which there is "half_with_punctuation".  ``collapse_white_space``: blanks at line ends go, more than two
    blank lines become two, and blanks inside a line become one space; at its beginning they stay.  Not for code or tables."""

    repair_encoding: bool = True
    normalization: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = "NFC"
    unify_line_ends: bool = True
    remove_control_characters: bool = True
    han: Literal["simplified", "traditional"] | None = None
    width: Literal["half", "half_with_punctuation"] | None = None
    collapse_white_space: bool = False

    def suspicion(self) -> str:
        """A regular expression without which `text` leaves encoding and control characters as they are; searched in
        Arrow's engine (RE2), where it costs a thirtieth of what `re` needs.  Matches nothing where both are switched off."""
        ways = [mojibake.suspicion()] if self.repair_encoding else []
        return "|".join([*ways, _CONTROL] if self.remove_control_characters else ways) or "[^\\s\\S]"

    def text(self, text: str, suspect: bool = True) -> str:
        """The cleaned text.  ``suspect``: whether `suspicion` matches, where that is known.

        Applying it twice gives the same as once, but for text that was broken twice over."""
        if self.repair_encoding and suspect and not text.isascii():
            text = mojibake.repair(text)
        if self.remove_control_characters and suspect:
            text = re.sub(_CONTROL, "", text)
        if self.unify_line_ends and "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if self.width and _WIDE.search(text):
            text = text.translate(_HALF_WIDTH if self.width == "half" else _HALF_WIDTH | _HALF_WIDTH_PUNCTUATION)
        if self.normalization and not unicodedata.is_normalized(self.normalization, text):
            text = unicodedata.normalize(self.normalization, text)
        if self.han and not text.isascii():
            text = _converter("t2s" if self.han == "simplified" else "s2t").convert(text)
        if self.collapse_white_space:
            text = _BLANKS_IN_A_LINE.sub(" ", _BLANK_LINES.sub("\n\n\n", _TRAILING.sub("", text)))
        return text


@functools.cache
def _converter(name: str) -> Any:
    library: Any = require("opencc", extra="corpus", feature="conversion between traditional and simplified Chinese")
    return library.OpenCC(name)


class Clean(CleanText):
    """What changes a text (`CleanText`), and what becomes of it in a corpus; the stages run in this order.

    ``min_characters``: documents with fewer (white space at their ends not counted) are dropped.  ``filters``: rules that look
    at one document at a time, in their order.  ``dedup``: rules that compare documents, in their order.  ``afterwards``: filters
    over what is left.  ``earlier``: folders of corpora that were built before: what they hold is not taken again, and near
    copies join their splits.  ``broken``: whether an input that cannot be read stops the job, or is left out and named."""

    min_characters: int = Field(1, ge=1)
    filters: list[Filter] = Field(default_factory=list)
    dedup: list[Deduplication] = Field(default_factory=lambda: [Deduplication.parse("exact")])
    afterwards: list[Filter] = Field(default_factory=list)
    earlier: list[str] = Field(default_factory=list)
    broken: Literal["stop", "quarantine"] = "stop"

    def refusal(self, text: str) -> str | None:
        """Why a cleaned text is dropped: "empty", "too_short", or None where it stays."""
        characters = len(text.strip())
        if characters >= self.min_characters:
            return None
        return "too_short" if characters else "empty"


def fingerprint(text: str) -> str:
    """32 hexadecimal digits that two texts share when they differ in composition (NFC) and white space only: the
    BLAKE2b hash of the words joined by single spaces.  Case is kept."""
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    return hashlib.blake2b(" ".join(text.split()).encode(), digest_size=16).hexdigest()


def fingerprints(texts: Texts) -> np.ndarray:
    """(documents, 2) uint64: the two halves of each text's `fingerprint`, computed once a batch."""
    return texts.shared("fingerprints", _fingerprints)


def _fingerprints(texts: Texts) -> np.ndarray:
    digits = "".join(fingerprint(text) for text in texts.text.to_pylist())
    return np.frombuffer(bytes.fromhex(digits), ">u8").astype(np.uint64).reshape(-1, 2)


def document_id(source: str, text: str) -> str:
    """32 hexadecimal digits: the BLAKE2b hash of the relative path (with its line) and the text."""
    return hashlib.blake2b(f"{source}\0{text}".encode(), digest_size=16).hexdigest()
