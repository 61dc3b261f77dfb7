"""The family of tokenizers: a spec trains, what it trains encodes and decodes.

Every trained tokenizer lies on disk as Hugging Face ``tokenizer.json`` (so that a model folder loads elsewhere) beside
``telos_tokenizer.json`` with the spec and the hash.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from telos.foundation.spec import Spec
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    import numpy as np

Texts = Callable[[], Iterator[str]]
"""Gives a fresh iterator over the training texts at every call."""


class Tokenizer(Spec, family="telos.tokens.tokenizers", default="bpe"):
    """Settings of a tokenizer, with `train`."""

    def train(self, texts: Texts, total_bytes: int) -> "TrainedTokenizer":
        """Learn from the texts (``total_bytes`` in all, for progress); deterministic in texts and settings."""
        raise NotImplementedError

    def train_for_labels(self, texts: Texts, total_bytes: int) -> "TrainedTokenizer":
        """`train`, where the texts' classes are learned and not their likelihood: what the settings leave open may differ."""
        return self.train(texts, total_bytes)

    def restore(self, content: str) -> "TrainedTokenizer":
        """What `train` gave, from the text of its tokenizer.json."""
        raise NotImplementedError

    def largest_vocabulary(self) -> int | None:
        """Tokens of the vocabulary, the end of text too, as far as the settings tell; None where the text alone does."""
        return None


class TrainedTokenizer(ABC):
    """Encodes and decodes.  Special tokens in the user's text are ordinary characters, never control tokens."""

    spec: Tokenizer
    vocabulary: Vocabulary
    token_bytes: list[bytes]
    """The bytes that each ordinary token stands for; ``b""`` for special ones.  Its length is ``vocabulary.size``."""
    is_exact: ClassVar[bool] = True
    """Whether the bytes of a text's tokens are the text's; where not, `sizes` has to see the text."""
    words: list[str] | None = None
    """By id, where the tokens are a list of words that white space parts; None where they are bytes."""

    @abstractmethod
    def encode(self, text: str) -> "np.ndarray":
        """Token ids, uint32 of shape (n,), without any special token; ``decode(encode(x)) == x`` for any text
        (lone surrogates, which no file can hold, are replaced by U+FFFD)."""

    @abstractmethod
    def encode_batch(self, texts: Sequence[str]) -> "list[np.ndarray]":
        """`encode` of each text, on all cores."""

    def sizes(self, ids: "np.ndarray", text: str) -> "tuple[np.ndarray, np.ndarray]":
        """(bytes, characters) that each token of a text stands for, and its end of text: their sums are the text's."""
        import numpy as np

        pieces = [*(self.token_bytes[i] for i in ids), b""]
        return np.array([len(p) for p in pieces]), np.array([sum(byte & 0xC0 != 0x80 for byte in p) for p in pieces])

    def gives_back(self, ids: "Iterable[int]", text: str) -> bool:
        """Whether nothing of the text is lost in its tokens."""
        return True

    def decode_bytes(self, ids: "Iterable[int]") -> bytes:
        """The bytes that the ids stand for; special tokens give nothing."""
        return b"".join(self.token_bytes[i] for i in ids)

    def decode(self, ids: "Iterable[int]") -> str:
        """Text; bytes that are not UTF-8 become U+FFFD."""
        return self.decode_bytes(ids).decode(errors="replace")

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write tokenizer.json, tokenizer_config.json and telos_tokenizer.json into an existing folder."""


def load_tokenizer(folder: Path) -> TrainedTokenizer:
    """The tokenizer of a folder that `TrainedTokenizer.save` wrote into (a model folder, too)."""
    from telos.tokens.saved import load

    return load(folder)
