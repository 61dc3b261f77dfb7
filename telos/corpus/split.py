"""The arithmetic of splitting, and the family `Split` (members in telos/corpus/splits/).

By content, a document with fingerprint f is held out when u(f) < v + t, where u maps f to [0, 1) by a hash keyed with the
seed: v is the validation fraction, t the test fraction.  It depends on the document alone, so a corpus that grows moves
none of its documents.  By position, a text of n characters is cut at ⌊n(1 − v − t)⌋ and ⌊n(1 − t)⌋.
Tests: tests/corpus/test_split.py.
"""

from fractions import Fraction

import numpy as np

from telos.corpus.splits import SPLITS, Assignment, Documents, Split, SplitName
from telos.foundation.errors import TelosError
from telos.foundation.random import key

__all__ = ["MIN_PART_CHARACTERS", "SPLITS", "Assignment", "Documents", "Split", "SplitName", "by_content", "cuts", "pieces",
           "too_short", "uniform"]  # fmt: skip

MIN_PART_CHARACTERS = 16
"""A held-out part shorter than this measures nothing; a document whose parts would be is not cut."""
_LINE_SEARCH_CHARACTERS = 200


def uniform(keys: np.ndarray, seed: int, purpose: str) -> np.ndarray:
    """uint64 keys → float64 in [0, 1): the finaliser of SplitMix64 (Steele et al. 2014) over key xor that of (seed, purpose)."""
    x = keys ^ np.uint64(key(seed, purpose) & (2**64 - 1))
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(11)) * 2.0**-53


def by_content(documents: Documents, split: Split, seed: int) -> np.ndarray:
    """The place in `SPLITS` of each document, uint8."""
    u = uniform(documents.keys, seed, "split")
    held_out = np.where(u < split.validation_fraction, 1, 2)
    return np.where(u < split.validation_fraction + split.test_fraction, held_out, 0).astype(np.uint8)


def cuts(characters: int, split: Split) -> tuple[int, int] | None:
    """(end of train, end of validation) in characters, exact; None where the held-out parts would be too short."""
    validation, test = (Fraction(str(f)) for f in (split.validation_fraction, split.test_fraction))
    first, second = int(characters * (1 - validation - test)), int(characters * (1 - test))
    parts = [first, second - first] + ([characters - second] if split.test_fraction else [])
    return (first, second) if min(parts) >= MIN_PART_CHARACTERS else None


def pieces(text: str, split: Split, at_line_ends: bool) -> list[str]:
    """The parts of a text for train, validation and test, which joined give the text; all of a short one is train.

    ``at_line_ends``: a cut moves on to the next line's start, if that is near.  Many documents lose nothing by it; of a
    single one the position is exact, so that a published split can be met.
    """
    found = cuts(len(text), split)
    if found is None:
        return [text, "", ""]
    first, second = found
    if at_line_ends:
        first, second = _line_start(text, first, second), _line_start(text, second, len(text))
    return [text[:first], text[first:second], text[second:]]


def _line_start(text: str, cut: int, limit: int) -> int:
    """The first line start at or after ``cut`` within the first half of what lies before ``limit``, or ``cut``."""
    end = cut + min(_LINE_SEARCH_CHARACTERS, (limit - cut) // 2)
    return (text.find("\n", cut - 1, end) + 1) or cut


def too_short(documents: Documents, split: Split) -> TelosError:
    """The error for text that cannot be cut by position."""
    smallest = min(f for f in (split.validation_fraction, split.test_fraction) if f)
    needed = int(np.ceil(MIN_PART_CHARACTERS / smallest))
    what = "one document" if len(documents) == 1 else f"{len(documents)} documents, the longest"
    must = f"a document must have about {needed} characters or more to be split into {', '.join(split.wanted)}"
    return TelosError(must, f"{what} of {int(documents.characters.max())} characters", "add more text")
