"""Text that grows token by token: no broken character, no part of a stop string.

A token of a byte-level tokenizer may end inside a character.  What cannot be shown yet is held back; the pieces joined
are the whole text.  Bytes that never become a character (a greedy or searched text is the model's own choice, and any text
may be cut) are left out; the ids have them still.  Tests: tests/generate/test_detokenize.py.
"""

import codecs
from collections.abc import Iterable, Sequence


class Detokenizer:
    """Tokens to text.  ``token_bytes``: what each id stands for; an id beyond it (a special token that an objective
    appended) stands for nothing.  ``stop``: the text ends before the first of these strings.

    ``before``: ids that were read already; where they end inside a character, the first new token completes it.
    """

    def __init__(self, token_bytes: Sequence[bytes], stop: Sequence[str] = (), before: Iterable[int] = ()):
        self._token_bytes, self._stop = token_bytes, stop
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
        self._held = ""
        self.stopped = False
        """Whether a stop string has come; everything after it is dropped."""
        for token in before:
            self._decoder.decode(self._bytes(token))

    def add(self, token: int) -> str:
        """The text that has become certain with this token; often "", and sometimes several characters."""
        return self._take(self._decoder.decode(self._bytes(token)))

    def finish(self) -> str:
        """What is still held back of whole characters."""
        rest, self._held = self._held, ""
        return rest

    def _bytes(self, token: int) -> bytes:
        return self._token_bytes[token] if token < len(self._token_bytes) else b""

    def _take(self, new: str) -> str:
        if self.stopped:
            return ""
        text = self._held + new
        found = [at for at in (text.find(stop) for stop in self._stop) if at >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        keep = max((_overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of ``text`` that begins ``stop`` (and is not all of it)."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
