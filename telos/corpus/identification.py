"""Which language a piece of text is in, and how sure that is: py3langid (Barbaresi), after langid.py (Lui and Baldwin 2012,
"langid.py: An Off-the-shelf Language Identification Tool").

py3langid walks its automaton over bytes in Python, some thousand documents a second.  Here the same automaton and the same
weights, read from the library, are walked by a kernel for a whole batch; languages are equal, confidences but for rounding.
A piece that the library would change first (all upper case, not normalised) goes the library's own way, and so does everything
if its model should come to look different from what the kernel knows: then it is slower, not wrong.
Test: tests/corpus/filters/test_identification.py (equal to py3langid on every document).
"""

import functools
import unicodedata
from typing import Any

import numpy as np

from telos.corpus.texts import Texts
from telos.foundation.errors import require

CHINESE = ("yue", "wuu")
"""Varieties whose probability counts for "zh": told apart, py3langid takes one Tang poem of nine for Cantonese or Wu."""
NOTHING = "zxx"
"""No linguistic content (ISO 639-2): also what a text is called in which py3langid finds nothing to go by."""
_PROBES = (
    "The cat sat on the mat.",
    "今天天气很好，我们去公园。",
    "Das ist ein Satz über Löwen.",
    "Это предложение.",
    "これは文です。",
)


@functools.cache
def identifier() -> Any:
    """py3langid's own, with probabilities."""
    library: Any = require("py3langid.langid", extra="corpus", feature="language identification")
    return library.LanguageIdentifier.from_model_file(library.MODEL_FILE, norm_probs=True)


@functools.cache
def languages() -> list[str]:
    """The codes that it knows (ISO 639-1 where there is one)."""
    return [name for name in dict.fromkeys(identifier().nb_classes) if name not in CHINESE]


def identify(texts: Texts, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(place in `languages` of the likeliest, its probability as float32) of each piece ``data[start:end]``."""
    data = texts.data
    model = _tables()
    if model is None:
        return _by_library([bytes(data[a:b]) for a, b in zip(starts, ends, strict=True)])
    from telos.corpus.kernels import language as k

    places, confidence = _by_kernel(data, starts, ends, model)
    odd = np.flatnonzero(k.unsettled(data, starts, ends, _cases()))
    places[odd], confidence[odd] = _by_library([bytes(data[starts[i] : ends[i]]) for i in odd])
    return places, confidence


def _place(code: str) -> int:
    return languages().index("zh" if code in CHINESE else code)


def _by_library(pieces: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    chances = np.zeros((len(pieces), len(languages())), np.float32)
    nothing = np.zeros(len(pieces), bool)
    for row, piece in enumerate(pieces):
        ranking = identifier().rank(piece)
        nothing[row] = ranking[len(ranking) // 2][1] == ranking[-1][1] > 0  # all alike, but where classes share a name
        for code, chance in ranking:
            chances[row, _place(code)] += chance
    return _likeliest(chances, nothing)


def _likeliest(chances: np.ndarray, nothing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    places = np.where(nothing, languages().index(NOTHING), chances.argmax(axis=1))
    return places, chances[np.arange(len(places)), places]


def _by_kernel(data: np.ndarray, starts: np.ndarray, ends: np.ndarray, model: tuple) -> tuple[np.ndarray, np.ndarray]:
    from telos.corpus.kernels import language as k

    *tables, labels = model
    scores = k.scores(data, starts, ends, *tables)
    scores /= np.sqrt(np.maximum(ends - starts, 1)).astype(np.float32)[:, None]  # as py3langid tempers its probabilities
    nothing = scores.max(axis=1, initial=0) == scores.min(axis=1, initial=0)
    chances = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    chances /= chances.sum(axis=1, keepdims=True)
    merged = np.zeros((len(starts), labels.max() + 1), np.float32)
    for column, label in enumerate(labels):  # two classes of one language, such as Serbian in two scripts
        merged[:, label] += chances[:, column]
    return _likeliest(merged, nothing)


@functools.cache
def _tables() -> tuple | None:
    """What the kernel needs of the library's model, or None where it is not of the form that it knows."""
    try:
        one = identifier()
        made = (
            np.asarray(one.tk_row, np.int32), np.asarray(one.tk_nextmove, np.int32), np.asarray(one.tk_output, np.int32),
            np.asarray(one.nb_ptc, np.float32), np.asarray(one.nb_pc, np.float32), np.array([_place(c) for c in one.nb_classes]),
        )  # fmt: skip
        pieces = [probe.encode() for probe in _PROBES]
        ends = np.cumsum([len(piece) for piece in pieces])
        starts = ends - [len(piece) for piece in pieces]
        places, sure = _by_kernel(np.frombuffer(b"".join(pieces), np.uint8), starts, ends, made)
        expected_places, expected = _by_library(pieces)
    except (AttributeError, TypeError, ValueError, KeyError, IndexError):
        return None
    return made if (places == expected_places).all() and np.allclose(sure, expected, atol=1e-3) else None


@functools.cache
def _cases() -> np.ndarray:
    """uint8, one a code point that may matter: bits of the kernel."""
    from telos.corpus.kernels.language import LOWER, UNSETTLED, UPPER

    table = np.zeros(0x2FA20, np.uint8)
    for c in (*range(0xD800), *range(0xF900, len(table))):
        one = chr(c)
        if one.isupper() or unicodedata.category(one) == "Lt":
            table[c] |= UPPER
        if one.islower() or unicodedata.category(one) == "Lt":
            table[c] |= LOWER
        composes = 0x1100 <= c < 0x1200 or unicodedata.category(one)[0] == "M"
        if composes or not unicodedata.is_normalized("NFC", one):
            table[c] |= UNSETTLED
    return table
