"""Which tokens keep a text valid UTF-8: with these alone drawn, no character is ever broken.

A byte-level model sometimes gives probability to bytes that cannot follow one another, above all where it knows rare
characters only by their bytes.  UTF-8 is a regular language, so a small automaton says after each token what may follow
(The Unicode Standard 16.0, table 3-7, "Well-Formed UTF-8 Byte Sequences").  Tests: tests/generate/test_characters.py
(every token against Python's own decoder).
"""

from collections.abc import Iterable, Sequence

import numpy as np

WHOLE = 0
"""State of the automaton between two characters."""

_SECOND = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}
"""First bytes after which the second is restricted (else an overlong form, a surrogate, or beyond U+10FFFF)."""
_STATES = {first: 4 + i for i, first in enumerate(_SECOND)}
_NEEDED = np.array([0, 1, 2, 3, 2, 2, 3, 3, 127], np.int8)
"""Bytes that the character still needs, by state: 0 … 3 plain, then after each of `_SECOND`, then the broken state."""
_BROKEN = 8
_MOST_NEEDED = 3
"""No character needs more bytes than this after its first: the broken state is out however many tokens are left."""


def _automaton() -> np.ndarray:
    """(state, byte) → state, int8 (9, 256)."""
    table = np.full((9, 256), _BROKEN, np.int8)
    table[WHOLE, :0x80] = WHOLE
    table[WHOLE, 0xC2:0xE0], table[WHOLE, 0xE0:0xF0], table[WHOLE, 0xF0:0xF5] = 1, 2, 3
    for needed in (1, 2, 3):
        table[needed, 0x80:0xC0] = needed - 1
    for first, (low, high) in _SECOND.items():
        table[WHOLE, first] = _STATES[first]
        table[_STATES[first], low : high + 1] = _NEEDED[_STATES[first]] - 1
    return table


AUTOMATON = _automaton()


class Characters:
    """For each state and token, where it leads.  Memory and time O(8 V), and O(8 V · longest token) to make."""

    def __init__(self, token_bytes: Sequence[bytes], size: int, end_of_text: int):
        """``token_bytes``: of the ids from 0; those up to ``size`` beyond it stand for nothing."""
        lengths = np.array([len(one) for one in token_bytes] + [0] * (size - len(token_bytes)))
        after = np.repeat(np.arange(8, dtype=np.int8)[:, None], size, axis=1)
        for at in range(lengths.max(initial=0)):
            longer = np.flatnonzero(lengths > at).tolist()
            bytes_here = np.array([token_bytes[i][at] for i in longer])
            after[:, longer] = AUTOMATON[after[:, longer], bytes_here]
        after[1:, end_of_text] = _BROKEN  # a text must not end inside a character
        self.after = after
        self._needed = _NEEDED[after]
        self._token_bytes = token_bytes

    def allowed(self, state: int, tokens_left: int) -> np.ndarray:
        """bool (V,): tokens that break no character and leave none that ``tokens_left`` more tokens (of at least one byte
        each) could not complete."""
        return self._needed[state] <= min(tokens_left, _MOST_NEEDED)

    def state(self, ids: Iterable[int], state: int = WHOLE) -> int:
        """The state after these tokens; bytes that break a character are passed over."""
        for token in ids:
            for byte in self._token_bytes[token] if token < len(self._token_bytes) else b"":
                state = int(AUTOMATON[state, byte])
                if state == _BROKEN:
                    first = int(AUTOMATON[WHOLE, byte])
                    state = WHOLE if first == _BROKEN else first
        return state
