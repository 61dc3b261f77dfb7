"""Words between white space as tokens, with bytes for those outside the list.

A token is a word with the space before it, a line's end with the space before it, or another character of white space; so a text
whose words are already parted by spaces (WikiText, Penn Treebank) has as many tokens as it has words and lines, which is what the
published perplexities of word models count.  Ids 0 … 255 are the bytes; then the words by falling count.  A word outside the list
becomes the tokens of its UTF-8 bytes, so that nothing is lost and bits per byte compare; a text that writes ``<unk>`` has it as a
word.  Chinese writes no spaces: there a word is a whole clause, and `character` or `bpe` is the choice.

Saved as a byte-level BPE without merges that takes whole words (``ignore_merges``, as Llama 3's).
Tests: tests/tokens/tokenizers/test_word.py (agreement with transformers on any text).
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from telos.foundation.errors import TelosError
from telos.foundation.progress import progress
from telos.tokens.byte_level import CHARACTERS, to_bytes
from telos.tokens.pretokenize import replace_surrogates
from telos.tokens.saved import SavedTokenizer, finish, tokens_by_id
from telos.tokens.tokenizers import Texts, Tokenizer

_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""Unicode's White_Space, written out: ``\\s`` means a little less or more in each engine."""
PATTERN = f" ?[^{_SPACE}]+| ?\n|[{_SPACE}]"
_WORD = re.compile(PATTERN)


class Word(Tokenizer):
    """``vocab_size`` counts everything, the bytes and the end of text too (None: no limit); ``min_count``: rarer words are left
    to the bytes."""

    vocab_size: int | None = Field(None, ge=258)
    min_count: int = Field(2, ge=1)

    def train(self, texts: Texts, total_bytes: int) -> "WordTokenizer":
        """Raises `TelosError` where no word of the text reaches ``min_count``."""
        from tokenizers import Regex, decoders, models, pre_tokenizers
        from tokenizers import Tokenizer as Backend

        tokens = CHARACTERS + ["".join(CHARACTERS[byte] for byte in word.encode()) for word in self._words(texts, total_bytes)]
        backend = Backend(models.BPE({token: number for number, token in enumerate(tokens)}, [], ignore_merges=True))
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(PATTERN), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        backend.decoder = decoders.ByteLevel()
        return self.restore(finish(backend))

    def largest_vocabulary(self) -> int | None:
        return self.vocab_size

    def restore(self, content: str) -> "WordTokenizer":
        return WordTokenizer(self, content, [to_bytes(token) for token in tokens_by_id(content)])

    def _words(self, texts: Texts, total_bytes: int) -> list[str]:
        """Words of two bytes or more, the most frequent first, equally frequent ones in alphabetical order."""
        counts: Counter[str] = Counter()
        with progress("counting words", total_bytes, "B") as advance:
            for text in texts():
                counts.update(_WORD.findall(replace_surrogates(text)))
                advance(len(text.encode(errors="replace")))
        kept = [word for word, count in counts.items() if count >= self.min_count]
        if not kept:
            raise TelosError(f"a word must stand {self.min_count} times in the training text to be a token",
                             f"the most frequent stands {max(counts.values(), default=0)} times",
                             "add text, or lower tokenizer.min_count")  # fmt: skip
        kept = sorted((word for word in kept if len(word.encode()) > 1), key=lambda word: (-counts[word], word))
        return kept if self.vocab_size is None else kept[: self.vocab_size - 257]


class WordTokenizer(SavedTokenizer):
    """A table from word to id."""

    def __init__(self, spec: Word, content: str, token_bytes: list[bytes]):
        super().__init__(spec, content, token_bytes)
        self._ids = {token.decode(): number for number, token in enumerate(token_bytes) if number < 128 or number >= 256}

    def encode(self, text: str) -> np.ndarray:
        words, known = _WORD.findall(replace_surrogates(text)), self._ids
        try:
            return np.fromiter((known[word] for word in words), np.uint32, len(words))
        except KeyError:
            return np.array([number for word in words for number in self._spelt(word)], np.uint32)

    def _spelt(self, word: str) -> Sequence[int]:
        number = self._ids.get(word)
        return word.encode() if number is None else (number,)

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [self.encode(text) for text in texts]
