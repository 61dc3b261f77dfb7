"""Spans of words that tags mark: B-X begins one of kind X, I-X goes on in it, O is outside.

    F1 = 2 · right ÷ (marked + told),   right: spans with the same kind and the same edges in both

Ramshaw and Marcus 1995, "Text Chunking using Transformation-Based Learning"; read as the script of CoNLL-2000 (conlleval) does,
which is what seqeval counts: a span also begins where I-X follows O or another kind; E- and L- end one, S- and U- are one of one
word.
Tests: tests/objectives/test_tagging.py (seqeval, where it is installed, and cases by hand).
"""

from collections.abc import Sequence

_PREFIXES = frozenset("BIELSU")


def marks_spans(names: Sequence[str]) -> bool:
    """Whether tags of these names mark spans: each is O or begins with B-, I- or another such letter, and some do."""
    inside = [name for name in names if name != "O"]
    return bool(inside) and all(name[:1] in _PREFIXES and name[1:2] == "-" for name in inside)


def spans(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """(kind, first word, last word) of each span."""
    found: set[tuple[str, int, int]] = set()
    first, before, kind_before = 0, "O", ""
    for place, tag in enumerate([*tags, "O"]):
        letter, _, kind = tag.partition("-")
        if before != "O" and _ends(before, letter, kind_before, kind):
            found.add((kind_before, first, place - 1))
        if letter != "O" and _begins(before, letter, kind_before, kind):
            first = place
        before, kind_before = letter, kind
    return found


def _ends(before: str, letter: str, kind_before: str, kind: str) -> bool:
    """Whether a span ends between two tags."""
    return before in "ELSU" or letter in "BSUO" or kind_before != kind


def _begins(before: str, letter: str, kind_before: str, kind: str) -> bool:
    """Whether one begins there."""
    return letter in "BSU" or before in "ELSUO" or kind_before != kind
