"""Byte-level byte-pair encoding (Sennrich et al. 2016, algorithm 1; over bytes: Radford et al. 2019, §2.2).

Starting from the 256 bytes (id = value), the most frequent neighbouring pair within a word becomes a token, again and
again.  Learning and encoding are Hugging Face's; the words are those of `pretokenize.PATTERN`.  Chinese writes no spaces,
so a word there is a whole clause: learning also cuts runs of Han characters (``max_han_run``), which saves a fifth of the
time and of the memory on Chinese law, and keeps no token of more than ``max_han_per_token``, so that tokens are words and
not clauses of one kind of document.  The saved tokenizer has the standard pattern alone.

Tests: tests/tokens/tokenizers/test_bpe.py (merges equal Hugging Face's where nothing is limited; ids and text equal
transformers'); benchmarks/bench_tokenizer.py (time and memory).
"""

import json
import math
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import BeforeValidator, Field

from telos.foundation.errors import TelosError
from telos.foundation.progress import progress, say
from telos.foundation.units import format_bytes, parse_bytes
from telos.tokens import parallelism
from telos.tokens.byte_level import CHARACTERS, to_bytes
from telos.tokens.pretokenize import PATTERN, count_han, han_run_pattern, replace_surrogates, rough_pieces
from telos.tokens.saved import SavedTokenizer, finish, tokens_by_id
from telos.tokens.tokenizers import Texts, Tokenizer

Merge = tuple[str, str]

FIRST_ROOM = 1.25
"""How many more merges are learned than are asked for, because some will be too long in Han characters."""


FITTING = ((8_000_000, 4096), (2_000_000, 1024), (0, 258))
"""(bytes of text from which, tokens).  A small text is read several times over within a budget, and then a large vocabulary is
learned by heart: tinyshakespeare (1.1 MB) in three minutes came to 2.25 nats per character with 1,024 tokens and to 1.51 with
258 (docs/log.md)."""

COMMON = 64
"""Occurrences from which a character that UTF-8 writes in several bytes has room for a token of its own."""


def fitting_size(text_bytes: int, common_characters: int = 0) -> int:
    """Tokens of a vocabulary for a text of so many bytes, by `FITTING`, with room for so many characters of several bytes: spelt
    in bytes, a Chinese text is three times as long (docs/log.md)."""
    return min(FITTING[0][1], next(size for least, size in FITTING if text_bytes >= least) + common_characters)


def common_characters(texts: Iterable[str]) -> int:
    """How many different characters of several bytes stand `COMMON` times or more in the texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        if not text.isascii():
            counts.update(text)
    return sum(count >= COMMON and not character.isascii() for character, count in counts.items())


class BPE(Tokenizer):
    """``vocab_size`` counts everything, the end of text too; None sizes it to the text and its script (`fitting_size`), says
    so in a line, and takes fewer where the text has no more.  A pair must stand ``min_frequency`` times to be merged.

    ``max_learning_bytes`` bounds time and memory: of more text than this, pieces are taken by a hash of their content.
    (Memory grows with the number of different words: about 50 bytes a byte of Chinese legal text, 3 of English novels.)
    """

    vocab_size: int | None = Field(None, ge=258)
    min_frequency: int = Field(2, ge=1)
    max_han_per_token: int | None = Field(4, ge=1)
    max_han_run: int | None = Field(8, ge=1)
    max_learning_bytes: Annotated[int, BeforeValidator(parse_bytes), Field(ge=1)] = 64_000_000

    def train(self, texts: Texts, total_bytes: int) -> SavedTokenizer:
        """Raises `TelosError` where the text does not support a vocabulary of this size."""
        return self._train(texts, total_bytes, self.vocab_size or self._fitting(texts, total_bytes))

    def train_for_labels(self, texts: Texts, total_bytes: int) -> SavedTokenizer:
        """Classes are told apart by words: None is then as many tokens as a large text gets, as far as the text has them
        (docs/log.md, 2026-11-25)."""
        return self._train(texts, total_bytes, self.vocab_size or FITTING[0][1])

    def _train(self, texts: Texts, total_bytes: int, size: int) -> SavedTokenizer:
        ordinary = size - 1
        asked = ordinary if self.max_han_per_token is None else round(FIRST_ROOM * ordinary)
        while True:
            merges = self._learn(texts, total_bytes, asked)
            exhausted = len({left + right for left, right in merges}) < asked - 256
            ids, kept = self._keep(merges, ordinary)
            if len(ids) == ordinary or exhausted:
                break
            asked *= 2
        if len(ids) < ordinary and self.vocab_size is not None:
            raise TelosError(
                f"a vocabulary of {self.vocab_size} tokens needs a text that supports it",
                f"this text supports {len(ids) + 1} (pairs that stand {self.min_frequency} times or more)",
                f"set tokenizer.vocab_size={len(ids) + 1} or add text",
            )
        if self.vocab_size is None:
            say(f"vocabulary: {len(ids) + 1:,} tokens for {format_bytes(total_bytes)} of text; tokenizer.vocab_size=… sets "
                "another")  # fmt: skip
        return self._assemble(ids, kept)

    def largest_vocabulary(self) -> int:
        return self.vocab_size or FITTING[0][1]

    def _fitting(self, texts: Texts, total_bytes: int) -> int:
        size = fitting_size(total_bytes)
        if size < fitting_size(total_bytes, FITTING[0][1]):  # characters could change it
            size = fitting_size(total_bytes, common_characters(texts()))
        return size

    def restore(self, content: str) -> SavedTokenizer:
        return SavedTokenizer(self, content, [to_bytes(token) for token in tokens_by_id(content)])

    def _learn(self, texts: Texts, total_bytes: int, size: int) -> list[Merge]:
        """Hugging Face's merges up to ``size`` tokens, in the order learned; fewer where the text has no more."""
        from tokenizers import Regex, models, pre_tokenizers, trainers
        from tokenizers import Tokenizer as Backend

        cuts = [PATTERN] if self.max_han_run is None else [PATTERN, han_run_pattern(self.max_han_run)]
        backend = Backend(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(cut), "isolated") for cut in cuts]
            + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
        trainer = trainers.BpeTrainer(
            vocab_size=size, min_frequency=self.min_frequency, show_progress=False, initial_alphabet=sorted(CHARACTERS)
        )
        with parallelism.restored(), progress("learning BPE", total_bytes, "B") as advance:

            def report() -> Iterator[str]:
                for piece, piece_bytes, taken in self._pieces(texts, total_bytes):
                    if taken:
                        yield piece
                    advance(piece_bytes)
                advance(0, note="merging")
                # One merge is too little work to share: on two cores, sharing doubled the processor time of zh-laws.
                parallelism.use_one_thread()

            backend.train_from_iterator(report(), trainer)
        return [tuple(pair) for pair in json.loads(backend.to_str())["model"]["merges"]]

    def _pieces(self, texts: Texts, total_bytes: int) -> Iterator[tuple[str, int, bool]]:
        """(piece, its bytes, whether it is learned from): all of them where the text is within ``max_learning_bytes``."""
        share = self.max_learning_bytes / max(1, total_bytes)
        for text in texts():
            for piece in rough_pieces(replace_surrogates(text)):
                content = piece.encode()
                yield piece, len(content), share >= 1 or zlib.crc32(content) < share * 2**32

    def _keep(self, merges: list[Merge], size: int) -> tuple[dict[str, int], list[Merge]]:
        """(token → id, merges): the first merges that give ``size`` tokens, those with too many Han characters left out.

        Both halves of a token that is kept are kept: neither has more whole characters than their union.
        """
        ids = {character: byte for byte, character in enumerate(CHARACTERS)}
        kept: list[Merge] = []
        most = math.inf if self.max_han_per_token is None else self.max_han_per_token
        for left, right in merges:
            token = left + right
            if count_han(to_bytes(token).decode(errors="ignore")) > most:
                continue
            if token not in ids:
                if len(ids) == size:
                    break
                ids[token] = len(ids)
            kept.append((left, right))
        return ids, kept

    def _assemble(self, ids: dict[str, int], merges: list[Merge]) -> SavedTokenizer:
        """The tokenizer with the standard pattern."""
        from tokenizers import Regex, decoders, models, pre_tokenizers
        from tokenizers import Tokenizer as Backend

        backend = Backend(models.BPE(ids, merges))
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(PATTERN), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        backend.decoder = decoders.ByteLevel()
        return self.restore(finish(backend))
