"""Texts to words: Chinese by jieba, everything else where letters end.

A word that is not Chinese is a run of letters, marks and digits; an apostrophe or hyphen before a letter and a full stop or
comma before a digit belong to it ("don't", "well-known", "3.14").  A mark of punctuation is a word of its own.  Runs of Chinese
characters go to jieba (its dictionary and, for words that are not in it, its hidden Markov model).
Test: tests/corpus/test_segmentation.py.
"""

import functools
import re
import unicodedata
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from telos.foundation.compiled import cache_folder
from telos.foundation.errors import require

HAN = "々〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_HAN_RUN = f"[{HAN}]+"


def words(text: str) -> Iterator[str]:
    """The words and marks of punctuation of a text, in their order; white space separates and is no word."""
    for match in _pattern().finditer(text):
        piece = match.group()
        if match.lastgroup == "han":
            yield from jieba().cut(piece) if len(piece) > 1 else (piece,)
        else:
            yield piece


def word_starts(text: str) -> list[int]:
    """Where each of `words` begins, in characters."""
    found = []
    for match in _pattern().finditer(text):
        at, end = match.span()
        found.append(at)
        if match.lastgroup == "han" and end - at > 1:
            for word in jieba().cut(match.group()):
                found.append(at := at + len(word))
            found.pop()  # where the last one ends
    return found


def is_word(token: str) -> bool:
    """Whether it holds a letter or digit, and is no punctuation."""
    return any(character.isalnum() for character in token)


@functools.cache
def _pattern() -> re.Pattern[str]:
    letter = rf"[^\W_{HAN}]{_marks()}*"
    word = rf"(?:{letter})+(?:(?:['’\-](?=[^\W\d_])|[.,](?=\d)|_)(?:{letter})+)*"
    return re.compile(rf"(?P<han>{_HAN_RUN})|(?P<word>{word})|(?P<mark>\S)")


def _marks() -> str:
    """A character class of combining marks, without which Hindi or Thai have no words."""
    spans: list[list[int]] = []
    for c in range(0x300, 0x20000):
        if unicodedata.category(chr(c))[0] == "M":
            if spans and spans[-1][1] == c - 1:
                spans[-1][1] = c
            else:
                spans.append([c, c])
    return "[" + "".join(chr(a) if a == b else f"{chr(a)}-{chr(b)}" for a, b in spans) + "]"


@functools.cache
def jieba() -> Any:
    """A segmenter of our own, whose prepared dictionary is kept in the user's cache (jieba would put it where all can write)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its regular expressions are written for an older Python
        library: Any = require("jieba", extra="corpus", feature="segmentation of Chinese")
    library.setLogLevel("ERROR")
    folder = cache_folder().parent / "jieba"
    folder.mkdir(parents=True, exist_ok=True)
    segmenter = library.Tokenizer()
    segmenter.tmp_dir = str(folder)
    segmenter.initialize()
    return segmenter


@functools.cache
def stop_words(languages: tuple[str, ...]) -> frozenset[str]:
    """Words that say little by themselves, in lower case: the lists "en" and "zh" (both scripts) beside this file."""
    folder = Path(__file__).parent / "stop_words"
    return frozenset(word for name in languages for word in (folder / f"{name}.txt").read_text(encoding="utf-8").split())
