"""Trained tokenizers on disk: Hugging Face's tokenizer.json, and what makes it ours again.

A folder holds tokenizer.json (loads in `tokenizers` and `transformers`, and puts ``<|endoftext|>`` before a text, since
it is our begin-of-text), tokenizer_config.json and telos_tokenizer.json (spec and hash).  tokenizer.json cannot say
that special tokens in a user's text are ordinary characters (`encode_special_tokens`), so every load sets it here, and
``split_special_tokens`` in tokenizer_config.json says it to transformers.  Tests: tests/tokens/test_saved.py.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from telos.foundation.errors import TelosError
from telos.foundation.files import read_json, write_file, write_json
from telos.tokens import parallelism  # noqa: F401 (sets the number of threads)
from telos.tokens.pretokenize import replace_surrogates, safe_pieces
from telos.tokens.tokenizers import Tokenizer, TrainedTokenizer
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

if TYPE_CHECKING:
    import tokenizers

BACKEND_FILE, CONFIG_FILE, OWN_FILE = "tokenizer.json", "tokenizer_config.json", "telos_tokenizer.json"
GROUP_CHARACTERS = 2_000_000
"""How much text goes to the backend at once; its encodings take hundreds of bytes a token."""

CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": END_OF_TEXT,
    "eos_token": END_OF_TEXT,
    "pad_token": END_OF_TEXT,
    "add_bos_token": True,
    "add_eos_token": False,
    "clean_up_tokenization_spaces": False,
    "split_special_tokens": True,
}


class SavedTokenizer(TrainedTokenizer):
    """A trained tokenizer that encodes with Hugging Face `tokenizers`; members that know a faster way override `encode`.

    ``content`` is the text of tokenizer.json and ``token_bytes`` the bytes of its ordinary tokens by id.  The
    tokenizer's hash is the first 16 hexadecimal digits of SHA-256 over ``content``.
    """

    def __init__(self, spec: Tokenizer, content: str, token_bytes: list[bytes]):
        self.spec, self.content = spec, content
        self.hash = content_hash(content)
        self.vocabulary = Vocabulary(len(token_bytes), self.hash, {END_OF_TEXT: len(token_bytes)})
        self.token_bytes = [*token_bytes, b""]
        self._backend: tokenizers.Tokenizer | None = None

    @property
    def backend(self) -> "tokenizers.Tokenizer":
        """The Hugging Face tokenizer, made on first use."""
        if self._backend is None:
            self._backend = read_backend(self.content)
        return self._backend

    def encode(self, text: str) -> np.ndarray:
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        """`encode` of each text, on all cores; long texts in pieces that cannot change the result."""
        pieces: list[str] = []
        counts = []
        for text in texts:
            before = len(pieces)
            pieces.extend(safe_pieces(replace_surrogates(text)))
            counts.append(len(pieces) - before)
        encoded: list[np.ndarray] = []
        for group in groups(pieces):
            made = self.backend.encode_batch_fast(group, add_special_tokens=False)
            encoded.extend(np.array(one.ids, np.uint32) for one in made)
        ends = np.cumsum([0, *counts])
        return [_join(encoded[ends[i] : ends[i + 1]]) for i in range(len(counts))]

    def save(self, folder: Path) -> None:
        folder = Path(folder)
        write_file(folder / BACKEND_FILE, self.content)
        write_json(folder / CONFIG_FILE, CONFIG)
        write_json(folder / OWN_FILE, {"spec": self.spec.dump(), "hash": self.hash})


def finish(backend: "tokenizers.Tokenizer") -> str:
    """The text of tokenizer.json for a backend that has its model: end of text appended, and put before a text."""
    from tokenizers import AddedToken
    from tokenizers.processors import TemplateProcessing

    number = backend.get_vocab_size()
    backend.add_special_tokens([AddedToken(END_OF_TEXT, special=True, normalized=False)])
    assert backend.token_to_id(END_OF_TEXT) == number
    backend.post_processor = TemplateProcessing(
        single=f"{END_OF_TEXT}:0 $A:0",
        pair=f"{END_OF_TEXT}:0 $A:0 {END_OF_TEXT}:1 $B:1",
        special_tokens=[(END_OF_TEXT, number)],
    )
    return backend.to_str(pretty=True) + "\n"


def read_backend(content: str) -> "tokenizers.Tokenizer":
    """The Hugging Face tokenizer of a tokenizer.json; special tokens in a text are ordinary characters to it."""
    import tokenizers

    backend = tokenizers.Tokenizer.from_str(content)
    backend.encode_special_tokens = True
    backend.no_truncation()  # of the texts of whoever saved it
    backend.no_padding()
    return backend


def tokens_by_id(content: str) -> list[str]:
    """The ordinary tokens of a tokenizer.json as written there, in the order of their ids."""
    ids = read_backend(content).get_vocab(with_added_tokens=False)
    return sorted(ids, key=ids.__getitem__)


def load(folder: Path) -> TrainedTokenizer:
    """The tokenizer that `TrainedTokenizer.save` wrote into a folder.

    Raises `TelosError` where a file is missing or unreadable, or tokenizer.json is not the one that was saved.
    """
    folder = Path(folder)
    again = "train the tokenizer again (telos tokenizer train), or use the folder as it was written"
    for name in (BACKEND_FILE, OWN_FILE):
        if not (folder / name).is_file():
            raise TelosError(f"{folder} must hold a tokenizer ({BACKEND_FILE} and {OWN_FILE})", f"no {name}", again)
    try:
        own = read_json(folder / OWN_FILE)
        written, settings = own["hash"], own["spec"]
    except (ValueError, KeyError, TypeError):
        raise TelosError(f"{folder / OWN_FILE} must be readable", "damaged content", again) from None
    content = (folder / BACKEND_FILE).read_bytes().decode(errors="replace")
    if content_hash(content) != written:
        raise TelosError(f"{folder / BACKEND_FILE} must have the hash {written} of {OWN_FILE}", content_hash(content), again)
    return Tokenizer.parse(settings).restore(content)


def content_hash(content: str) -> str:
    """16 hexadecimal digits of SHA-256."""
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def groups(pieces: list[str]) -> Iterator[list[str]]:
    """Runs of pieces of about `GROUP_CHARACTERS` in all."""
    group: list[str] = []
    size = 0
    for piece in pieces:
        group.append(piece)
        size += len(piece)
        if size >= GROUP_CHARACTERS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _join(arrays: list[np.ndarray]) -> np.ndarray:
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate(arrays) if arrays else np.zeros(0, np.uint32)
