"""Where sentences begin, by their marks: a rule for text in Chinese, English and scripts with the same marks.

A sentence ends behind a run of . ! ? … or 。！？｡ and the quotes and brackets that close behind it, if what comes next, white
space left out, is no small letter; behind . ! ? white space must come next.  A full stop behind a lone capital ("J. Bach") or a
title ("Mr. Darcy") ends none.  An empty line ends whatever stands before it, such as a heading.  The next sentence begins at
the next character that is not white space.

The marks are those of C4's rules (Raffel et al. 2020, section 2.2; `telos.corpus.filters.c4`) and of their Chinese counterpart;
there is no list of abbreviations beyond titles, so that "etc. The" is two sentences, and so is "U.S. Congress".
Test: tests/corpus/test_sentences.py.
"""

import re

TITLES = frozenset({"Mr", "Mrs", "Ms", "Mme", "Mlle", "Messrs", "Dr", "Prof", "Rev", "Hon", "Capt", "Col", "Gen", "Lt", "Sgt",
                    "Jr", "Sr", "St", "Mt", "Fig", "vs"})  # fmt: skip
"""Words whose full stop a name or number follows."""

_CLOSING = re.escape("\"')]}”’»」』）】》〉")
_END = re.compile(rf"[.!?。！？｡…]+[{_CLOSING}]*|\n[^\S\n]*\n")
_WIDE = frozenset("。！？｡…")
_SPACE = re.compile(r"\s*")
_WORD_BEFORE = re.compile(r"[^\W\d_]+\Z")
_LONGEST_TITLE = max(map(len, TITLES))


def sentence_starts(text: str) -> list[int]:
    """Where each sentence begins, in characters, rising; none of a text of white space.  Time: one pass."""
    first = _after_space(text, 0)
    if first == len(text):
        return []
    found = [first]
    for match in _END.finditer(text, first):
        at = _after_space(text, match.end())
        if at < len(text) and at > found[-1] and (text[match.start()] == "\n" or _ends(text, match, at)):
            found.append(at)
    return found


def _ends(text: str, match: re.Match[str], following: int) -> bool:
    """Whether the sentence marks that matched end a sentence; ``following``: the next character that is no white space."""
    marks, start = match.group(), match.start()
    if text[following].islower():
        return False
    if marks[0] in _WIDE or not _WIDE.isdisjoint(marks):
        return True
    if following == match.end():
        return False
    if marks != ".":
        return True
    before = _WORD_BEFORE.search(text[max(0, start - _LONGEST_TITLE - 1) : start])
    return before is None or not (before.group() in TITLES or (len(before.group()) == 1 and before.group().isupper()))


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()
