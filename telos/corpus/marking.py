"""Where two texts differ, for a reader: both as runs of characters, each marked or not.

Compared are words where words are letters of ASCII or digits, and single characters else, so that Chinese and English are both
marked by what a reader would call a change.  Test: tests/corpus/test_marking.py.
"""

import re
from difflib import SequenceMatcher
from itertools import groupby

CUT = "…"
"""Stands where a text was cut for showing it."""
Runs = list[tuple[str, bool]]
"""(text, whether the other text lacks it), in order; joined they are the whole text."""
_UNIT = re.compile(r"[A-Za-z0-9_]+|\s+|.", re.DOTALL)
_MOST_UNITS = 2000
"""Beyond, the middle of the texts counts as different: comparing costs the square."""

_SHORTEST_LEFT = 12
"""Fewer characters in a row that both texts share are no sign that they do not belong to what was taken out."""


def differences(one: str, other: str) -> tuple[Runs, Runs]:
    """What of ``one`` is not in ``other``, and the other way round.

    Where both end in `CUT`, one may go on a little further than the other: that is no difference."""
    a, b, same_a, same_b = _aligned(one, other)
    if a[-1:] == b[-1:] == [CUT]:
        for same, others in ((same_a, same_b), (same_b, same_a)):
            alike = next((i for i in range(1, len(same)) if same[-1 - i]), len(same))
            if alike > 1 and len(others) > 1 and others[-2]:
                same[-alike:] = [True] * alike
    return _runs(a, same_a), _runs(b, same_b)


def _aligned(one: str, other: str) -> tuple[list[str], list[str], list[bool], list[bool]]:
    """Units of both, and whether each stands in the other."""
    a, b = _UNIT.findall(one), _UNIT.findall(other)
    same_a, same_b = [False] * len(a), [False] * len(b)
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    most = min(len(a), len(b)) - start
    end = next((i for i in range(most) if a[-1 - i] != b[-1 - i]), most)
    for flags in (same_a, same_b):
        flags[:start] = [True] * start
        flags[len(flags) - end :] = [True] * end
    middle_a, middle_b = a[start : len(a) - end], b[start : len(b) - end]
    if middle_a and middle_b and max(len(middle_a), len(middle_b)) <= _MOST_UNITS:
        for i, j, n in SequenceMatcher(None, middle_a, middle_b, autojunk=False).get_matching_blocks():
            same_a[start + i : start + i + n] = same_b[start + j : start + j + n] = [True] * n
    return a, b, same_a, same_b


def hidden(before: str, after: str) -> str:
    """``before`` with dots for the letters and digits that ``after`` lacks, and for short runs between such."""
    a, _, same, _ = _aligned(before, after)
    runs = _runs(a, same)
    ends = (0, len(runs) - 1)
    return "".join(
        text if not gone and (place in ends or len(text) >= _SHORTEST_LEFT) else re.sub(r"[^\W_]", "•", text)
        for place, (text, gone) in enumerate(runs)
    )


def _runs(units: list[str], same: list[bool]) -> Runs:
    pairs = groupby(zip(units, same, strict=True), key=lambda pair: pair[1])
    return [("".join(unit for unit, _ in group), not alike) for alike, group in pairs]
