"""A text of tokens cut between characters: only what stands around a cut is encoded anew.

Cut inside a token, what is left of it on either side has to become tokens that the tokenizer itself would write, or a model would
read there what no user ever gives it (Bavarian et al. 2022, arXiv:2207.14255, section 4.3: cuts between characters, each part
encoded by itself).  Encoded anew is the word that a cut meets: from the last token before it that begins with white space, to the
first behind it that does, at most `WINDOW` tokens each way.  Tests: tests/objectives/test_infill.py (the text comes back, always;
English parts equal those encoded by themselves).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from telos.foundation.errors import TelosError
from telos.tokens.tokenizers import TrainedTokenizer

WINDOW = 8
"""Tokens that are encoded anew on a side of a cut where no word begins among them."""
WHITE_SPACE = b" \n\t\r"


class Parts(NamedTuple):
    """Tokens that stay, and bytes to encode, in order."""

    pieces: list[np.ndarray | bytes]


def require_bytes(tokenizer: TrainedTokenizer | None, what: str) -> TrainedTokenizer:
    """The tokenizer, where its tokens are the bytes of the text; `TelosError` where they are not."""
    if tokenizer is None:
        raise TelosError(f"{what} needs the tokenizer of the text", "a vocabulary without one",
                         "give vocabulary.with_tokenizer(tokenizer)")  # fmt: skip
    if not tokenizer.is_exact:
        raise TelosError(f"{what} needs a tokenizer whose tokens are the bytes of the text",
                         f"'{tokenizer.spec.kind()}', whose tokens are not",
                         "choose tokenizer.kind=bpe or byte, or cut between tokens: objective.level=token")  # fmt: skip
    return tokenizer


class Cutter:
    """Cuts the texts of a row; all that must be encoded is encoded at once, by `done`."""

    def __init__(self, tokenizer: TrainedTokenizer):
        self.tokenizer = tokenizer
        self._texts: list[tuple[np.ndarray, list[Parts]]] = []

    def add(self, ids: np.ndarray, places: Sequence[float]) -> list[int] | None:
        """Plan to cut a text at these shares (0 ≤ place < 1) of its characters, in rising order; None where its first or last
        character is not whole and a cut meets it."""
        tokens = [self.tokenizer.token_bytes[i] for i in ids]
        text = _Text(ids, tokens)
        at = sorted(int(text.edges[int(place * len(text.edges))]) for place in places)
        bounds = [0, *at, len(text.bytes)]
        parts = [text.part(start, stop) for start, stop in pairwise(bounds)]
        if not all(_is_text(piece) for part in parts for piece in part.pieces if isinstance(piece, bytes)):
            return None
        self._texts.append((ids, parts))
        return at

    def done(self) -> list[list[np.ndarray]]:
        """The parts of every text that `add` took, as tokens (int64)."""
        fragments = [piece.decode() for _, parts in self._texts for part in parts for piece in part.pieces
                     if isinstance(piece, bytes)]  # fmt: skip
        encoded = iter(self.tokenizer.encode_batch(fragments) if fragments else ())
        return [[_joined([next(encoded) if isinstance(piece, bytes) else piece for piece in part.pieces]) for part in parts]
                for _, parts in self._texts]  # fmt: skip


class _Text:
    """``edges``: where a character begins, and the end, in bytes; ``starts``: where each token begins, and the end."""

    def __init__(self, ids: np.ndarray, tokens: list[bytes]):
        self.ids, self.tokens = ids, tokens
        self.bytes = b"".join(tokens)
        self.starts = np.cumsum([0, *map(len, tokens)])
        begins = (np.frombuffer(self.bytes, np.uint8) & 0xC0) != 0x80
        self.edges = np.append(np.flatnonzero(begins), len(self.bytes))
        self._begins = np.append(begins, True)

    def part(self, start: int, stop: int) -> Parts:
        """Bytes start … stop−1: encoded anew next to a cut, and as they were elsewhere."""
        first = 0 if start == 0 else self._behind(start)
        last = len(self.ids) if stop == len(self.bytes) else self._before(stop)
        if first > last:
            return Parts([self.bytes[start:stop]] if start < stop else [])
        pieces = [self.bytes[start : self.starts[first]], self.ids[first:last], self.bytes[self.starts[last] : stop]]
        return Parts([piece for piece in pieces if len(piece)])

    def _before(self, place: int) -> int:
        """The token from which what ends at ``place`` is encoded anew."""
        token = int(np.searchsorted(self.starts, place, "right")) - 1
        token -= bool(token == len(self.ids) or self.starts[token] == place)
        last = max(0, token - WINDOW)
        while token > last and self.tokens[token][:1] not in WHITE_SPACE:
            token -= 1
        return self._whole(token, -1)

    def _behind(self, place: int) -> int:
        """The token up to which what begins at ``place`` is encoded anew."""
        token = int(np.searchsorted(self.starts, place, "left"))
        last = min(len(self.ids), token + WINDOW)
        while token < last and self.tokens[token][:1] not in WHITE_SPACE:
            token += 1
        return self._whole(token, 1)

    def _whole(self, token: int, step: int) -> int:
        """That token or the next, in the direction of ``step``, that begins with a whole character."""
        while 0 < token < len(self.ids) and not self._begins[self.starts[token]]:
            token += step
        return token


def _is_text(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError:
        return False
    return True


def _joined(pieces: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int64), *pieces]).astype(np.int64)
