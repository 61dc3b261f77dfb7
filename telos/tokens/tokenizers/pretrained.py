"""Somebody else's tokenizer, from a tokenizer.json of Hugging Face's of any kind, as it is: nothing is learned.

Ids are those of `tokenizers` and `transformers` (AutoTokenizer) where special tokens in a text are ordinary characters.  What
ends a document (``<|endoftext|>``, ``</s>``, ``[SEP]`` …) is our end of text, whatever its id; what begins one, where that is
another token (``<s>``, ``[CLS]``), is our begin of text.

Bytes per token: a byte-level or byte-fallback token stands for its bytes.  Where the tokens' bytes are not the text's (a space
put before it, white space dropped, letters made small, unknown words), each token has the bytes of the text from where the token
before it ended to where it ends, by the backend's offsets, and the end of text has the rest: the sum is the text's in any case.
Tests: tests/tokens/tokenizers/test_pretrained.py (ids of transformers', sums of bytes, for six kinds).
"""

import functools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from telos.foundation.errors import TelosError, nearest
from telos.foundation.files import read_json, write_file, write_json
from telos.tokens.byte_level import to_bytes
from telos.tokens.pretokenize import replace_surrogates
from telos.tokens.saved import BACKEND_FILE, CONFIG_FILE, OWN_FILE, SavedTokenizer, content_hash, groups, load, read_backend
from telos.tokens.tokenizers import Texts, Tokenizer, TrainedTokenizer
from telos.tokens.vocabulary import BEGIN_OF_TEXT, END_OF_TEXT, Vocabulary

ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
USUAL_ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "[SEP]", "<|im_end|>")
OLDER = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.txt", "vocab.json")
"""Files of tokenizers that transformers turns into a tokenizer.json."""


class Pretrained(Tokenizer):
    """``path``: a folder with tokenizer.json, or that file; of a folder that Telos wrote, the tokenizer that it holds.
    ``end_of_text``, ``begin_of_text``: the tokens that end and begin a document (None: as tokenizer.json and
    tokenizer_config.json say).  ``roles``: transformers' names for special tokens (None: from tokenizer_config.json)."""

    path: str = Field(min_length=1)
    end_of_text: str | None = None
    begin_of_text: str | None = None
    roles: dict[str, str] | None = None

    def train(self, texts: Texts, total_bytes: int) -> TrainedTokenizer:
        """Read it; no text is looked at.  `TelosError` where there is no tokenizer.json, or nothing that ends a document."""
        file = Path(self.path)
        file = file / BACKEND_FILE if file.is_dir() else file
        nothing_said = self.end_of_text is None and self.begin_of_text is None and self.roles is None
        if nothing_said and file.name == BACKEND_FILE and (file.parent / OWN_FILE).is_file():
            return load(file.parent)
        return self.read()

    def read(self) -> "PretrainedTokenizer":
        """What tokenizer.json says, whoever wrote it."""
        file = Path(self.path)
        file = file / BACKEND_FILE if file.is_dir() else file
        content = _read(file)
        roles = dict(self.roles if self.roles is not None else read_roles(file.parent))
        begin, end = _edges(content)
        known = json.loads(content)
        ids = read_backend(content).get_vocab()
        guesses = [roles.get("eos_token"), end, roles.get("sep_token"), *(name for name in USUAL_ENDS if name in ids)]
        found = self.end_of_text or next((name for name in guesses if name in ids), None)
        if found is None:
            raise TelosError("a tokenizer must have a token that ends a document", f"none is named in {file.parent}",
                             "name it: tokenizer.end_of_text=TOKEN")  # fmt: skip
        asked = self.begin_of_text or begin or found
        for name, value in (("end_of_text", found), ("begin_of_text", asked)):
            if value not in ids:
                meant = nearest(value, [token["content"] for token in known.get("added_tokens", [])])
                raise TelosError(f"tokenizer.{name} must be a token of {file}", repr(value),
                                 f"write {meant!r}" if meant else "choose one of its added_tokens")  # fmt: skip
        spec = self.replace(path=str(file.parent.name), end_of_text=found, begin_of_text=asked, roles=roles)
        return spec.restore(content)

    def restore(self, content: str) -> "PretrainedTokenizer":
        return PretrainedTokenizer(self, content)


class PretrainedTokenizer(SavedTokenizer):
    """``token_bytes``: what a token stands for by itself; of a whole text `sizes` says it exactly."""

    spec: Pretrained
    is_exact = False

    def __init__(self, spec: Pretrained, content: str):
        self.spec, self.content, self._backend = spec, content, None
        self.hash = content_hash(f"{content}\n{spec.begin_of_text}\n{spec.end_of_text}")
        ids = self.backend.get_vocab(with_added_tokens=True)
        assert spec.end_of_text is not None
        specials = {END_OF_TEXT: ids[spec.end_of_text]}
        if spec.begin_of_text not in (None, spec.end_of_text):
            specials[BEGIN_OF_TEXT] = ids[str(spec.begin_of_text)]
        size = max(ids.values()) + 1
        self.vocabulary = Vocabulary(size - len(specials), self.hash, specials)
        self.token_bytes = _token_bytes(content, ids, size)
        self.words = _words(content, ids, size)
        for number in specials.values():
            self.token_bytes[number] = b""

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        """`encode` of each text, whole: where it may be cut is not known."""
        encoded = []
        for group in groups([replace_surrogates(text) for text in texts]):
            made = self.backend.encode_batch_fast(group, add_special_tokens=False)
            encoded += [self._without_ends(np.array(one.ids, np.uint32)) for one in made]
        return encoded

    def _without_ends(self, ids: np.ndarray) -> np.ndarray:
        """A word list may hold the end of text as a word: within a text it is then unknown, since it would end the text."""
        if (ids == self.vocabulary.end_of_text).any():
            unknown = self.backend.token_to_id((self.spec.roles or {}).get("unk_token", ""))
            if unknown is None:
                raise TelosError("a text must not hold the token that ends a document", repr(self.spec.end_of_text),
                                 "remove it from the text, or name another tokenizer.end_of_text")  # fmt: skip
            ids = np.where(ids == self.vocabulary.end_of_text, np.uint32(unknown), ids)
        return ids

    def sizes(self, ids: np.ndarray, text: str) -> tuple[np.ndarray, np.ndarray]:
        text = replace_surrogates(text)
        if self.decode_bytes(ids) == text.encode():
            return super().sizes(ids, text)
        encoding = self.backend.encode(text, add_special_tokens=False)
        stops = [stop for _, stop in encoding.offsets]
        if len(stops) != len(ids):  # a part of the text's tokens: as far as they reach
            stops = (stops + [len(text)] * len(ids))[: len(ids)]
        places = np.maximum.accumulate(np.array([0, *stops, len(text)], np.int64))
        places[-1] = len(text)
        through = np.concatenate([[0], np.cumsum([len(character.encode()) for character in text])]).astype(np.int64)
        return np.diff(through[places]), np.diff(places)

    def gives_back(self, ids: Iterable[int], text: str) -> bool:
        return self.backend.decode(list(ids), skip_special_tokens=False) == replace_surrogates(text)

    def save(self, folder: Path) -> None:
        folder = Path(folder)
        roles = {"bos_token": self.spec.begin_of_text, "eos_token": self.spec.end_of_text} | (self.spec.roles or {})
        config = {"tokenizer_class": "PreTrainedTokenizerFast", **roles, "clean_up_tokenization_spaces": False}
        write_file(folder / BACKEND_FILE, self.content)
        write_json(folder / CONFIG_FILE, config | {"split_special_tokens": True})
        write_json(folder / OWN_FILE, {"spec": self.spec.dump(), "hash": content_hash(self.content)})


def read_roles(folder: Path) -> dict[str, str]:
    """What tokenizer_config.json and special_tokens_map.json call the special tokens."""
    found: dict[str, str] = {}
    for name in ("special_tokens_map.json", CONFIG_FILE):
        if (folder / name).is_file():
            try:
                facts = read_json(folder / name)
                named = {role: facts.get(role) for role in ROLES}
            except (ValueError, AttributeError):
                raise TelosError(f"{folder / name} must be a JSON object", "damaged content", "copy it again") from None
            named = {role: token.get("content") if isinstance(token, dict) else token for role, token in named.items()}
            found |= {role: token for role, token in named.items() if isinstance(token, str)}
    return found


def _read(file: Path) -> str:
    folder = file.parent
    if not file.is_file():
        older = [name for name in OLDER if (folder / name).is_file()]
        reading = f"from transformers import AutoTokenizer as A; A.from_pretrained('{folder}').save_pretrained('{folder}')"
        raise TelosError(f"a tokenizer must be a tokenizer.json of Hugging Face's ({file})",
                         f"only {older[0]}" if older else "no such file",
                         f'convert it: python -c "{reading}"' if older else "name its folder: tokenizer.path=DIR")  # fmt: skip
    content = file.read_bytes().decode(errors="replace")
    try:
        read_backend(content)
    except Exception as error:  # tokenizers has no error of its own
        raise TelosError(f"{file} must be readable by tokenizers", f"{error}"[:200], "copy it from its source again") from None
    return content


def _edges(content: str) -> tuple[str | None, str | None]:
    """The tokens that the tokenizer itself puts before and after a text."""
    backend = read_backend(content)
    plain, framed = (backend.encode("a", add_special_tokens=flag).tokens for flag in (False, True))
    extra = len(framed) - len(plain)
    before = next((n for n in range(extra + 1) if framed[n : n + len(plain)] == plain), 0)
    return (framed[0] if before else None), (framed[-1] if extra > before else None)


# -- what a token stands for --------------------------------------------------------------------------------------------


def _token_bytes(content: str, ids: dict[str, int], size: int) -> list[bytes]:
    """Bytes of each id; nothing for special tokens and for ids that no token has."""
    facts = json.loads(content)
    added = {token["content"]: token["special"] for token in facts.get("added_tokens", [])}
    spelt = functools.partial(_spelt, _scheme(facts), facts["model"])
    found = [b""] * size
    for token, number in ids.items():
        if not added.get(token, False):
            found[number] = token.encode() if token in added else spelt(token)
    return found


def _words(content: str, ids: dict[str, int], size: int) -> list[str] | None:
    """The tokens of a list of words that white space parts, as they stand there."""
    facts = json.loads(content)
    if (facts["model"].get("type"), (facts.get("pre_tokenizer") or {}).get("type")) != ("WordLevel", "WhitespaceSplit"):
        return None
    found = [""] * size
    for token, number in ids.items():
        found[number] = token
    return found


def _scheme(facts: dict[str, Any]) -> str:
    """How tokens are written, by what the pipeline is made of."""
    parts = json.dumps([facts.get(name) for name in ("normalizer", "pre_tokenizer", "decoder")])
    if '"ByteLevel"' in parts:
        return "byte_level"
    if "▁" in parts or "\\u2581" in parts:
        return "spaces"
    return "pieces" if facts["model"].get("continuing_subword_prefix") else "words"


def _spelt(scheme: str, model: dict[str, Any], token: str) -> bytes:
    if scheme == "byte_level":
        try:
            return to_bytes(token)
        except KeyError:  # a token that was never split into bytes
            return token.encode()
    if model.get("byte_fallback") and len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
        return bytes([int(token[3:5], 16)])
    if scheme == "spaces":
        return token.replace("▁", " ").encode()
    suffix, prefix = model.get("end_of_word_suffix"), model.get("continuing_subword_prefix")
    if suffix:
        return token.replace(suffix, " ").encode()
    return (token.removeprefix(prefix) if prefix and token.startswith(prefix) else f" {token}").encode()
