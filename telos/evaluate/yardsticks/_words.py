"""Words hidden in texts, and the words that might stand there instead.

A word is a run of letters between marks and spaces, or one Chinese character.  Of all occurrences some are drawn, each as likely
as any other.  The others to choose from are words that occur about as often in these texts, written alike (a capital first, or
not), so that how frequent a word is tells nothing.  Everything depends on the texts and the seed alone, never on a tokenizer.
Tests: tests/evaluate/yardsticks/test_words.py.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from telos.corpus.segmentation import HAN
from telos.foundation.errors import TelosError
from telos.foundation.random import generator

_WORD = re.compile(rf"[{HAN}]|[^\W\d_{HAN}]+")
_TOKEN = re.compile(rf"[{HAN}]|[^\W_{HAN}]+|[^\s\w]")
NEAR = 5
"""Others are drawn from so many times as many words, those nearest in frequency."""


@dataclass(frozen=True, slots=True)
class HiddenWord:
    """``left`` and ``right``: what stands around it; ``word``: with the space before it, if there is one; ``choices``: that word
    and others, in an order that tells nothing; ``answer``: which of them it is."""

    name: str
    left: str
    right: str
    word: str
    choices: tuple[str, ...]
    answer: int


def hidden_words(
    texts: Sequence[str], names: Sequence[str], *, count: int, choices: int, characters: int, seed: int
) -> list[HiddenWord]:
    """At most ``count`` hidden words, with up to ``characters`` characters on each side; in the order of the texts.

    ``choices``: words to choose from, the true one among them.  `TelosError` where the texts have no words, or too few
    different ones."""
    found = [(document, match.start(), match.end()) for document, text in enumerate(texts) for match in _WORD.finditer(text)]
    counts = Counter(texts[document][start:stop] for document, start, stop in found)
    groups: dict[tuple[bool, bool], list[str]] = {}
    for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        groups.setdefault(_group(word), []).append(word)
    ranks = {word: rank for group in groups.values() for rank, word in enumerate(group)}
    enough = [one for one in found if len(groups[_group(texts[one[0]][one[1] : one[2]])]) >= choices]
    if not enough:
        most = max((len(group) for group in groups.values()), default=0)
        raise TelosError(f"held-out texts must have at least {choices} different words that are written alike", str(most),
                         "give more text, or set fewer choices")  # fmt: skip
    chosen = np.sort(generator(seed, "hidden words", len(enough)).permutation(len(enough))[:count])
    made = []
    for number in chosen.tolist():
        document, start, stop = enough[number]
        text, word = texts[document], texts[document][start:stop]
        group = groups[_group(word)]
        others = _near(group, ranks[word], choices - 1, generator(seed, "choices", number))
        answer = int(generator(seed, "answer", number).integers(choices))
        space = " " if start and text[start - 1] == " " else ""
        start -= len(space)
        options = [space + other for other in others]
        options.insert(answer, space + word)
        left, right = _sides(text, start, stop, characters)
        made.append(HiddenWord(f"{names[document] if names else document}:{start}", left, right, space + word, tuple(options),
                               answer))  # fmt: skip
    return made


def pieces(text: str) -> list[str]:
    """Words, Chinese characters and marks of a text, in their order."""
    return _TOKEN.findall(text)


def first_word(text: str) -> str | None:
    """The word with which a text begins, behind white space; None where it begins with something else or does not end there."""
    match = re.match(rf"\s*({_WORD.pattern})", text)
    if match is None or (match.end() == len(text) and not re.fullmatch(f"[{HAN}]", match[1])):
        return None
    return match[1]


def _group(word: str) -> tuple[bool, bool]:
    return re.fullmatch(f"[{HAN}]", word) is not None, word[0].isupper()


def _near(group: list[str], rank: int, count: int, rng: np.random.Generator) -> list[str]:
    """Words near this rank, without it."""
    wide = min(len(group), NEAR * count + 1)
    first = min(max(0, rank - wide // 2), len(group) - wide)
    near = [other for other in range(first, first + wide) if other != rank]
    return [group[near[i]] for i in rng.permutation(len(near))[:count].tolist()]


def _sides(text: str, start: int, stop: int, characters: int) -> tuple[str, str]:
    """What stands before and behind, cut between words where there are spaces."""
    left, right = text[max(0, start - characters) : start], text[stop : stop + characters]
    if start > characters and (cut := re.search(r"\s", left)):
        left = left[cut.end() :]
    if stop + characters < len(text) and (cut := re.search(r"\s\S*$", right)):
        right = right[: cut.start()]
    return left, right
