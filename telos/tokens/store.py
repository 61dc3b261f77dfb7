"""The token store: documents as one stream of ids on disk, read through memory maps.

The stream is document after document, each ended by ``end_of_text``; it is cut into shards of ``shard_tokens`` ids
(little-endian uint16 where every id of the tokenizer fits, else uint32), so a document may cross shards.  Beside them
lie ``starts.bin`` (int64, documents + 1), ``bytes.bin`` (int64, UTF-8 bytes of each document's text), ``ids.bin`` (32
ASCII characters each) and ``store.json`` (counts, types, the tokenizer's hash).  The manifest has SHA-256 of each file.
Tests: tests/tokens/test_store.py.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from telos.foundation.document import Document
from telos.foundation.errors import TelosError
from telos.foundation.files import commit_folder, read_json, read_manifest, require_free, verify_folder, write_json
from telos.foundation.progress import progress
from telos.tokens.pretokenize import replace_surrogates
from telos.tokens.tokenizers import TrainedTokenizer

SHARD_TOKENS = 2**26
GROUP_CHARACTERS = 1_000_000
"""How much text is encoded at once; what `TokenStore.write` holds in memory is a few times that."""

FACTS_FILE = "store.json"
_ID, _INT64 = np.dtype("S32"), np.dtype("<i8")


class TokenStore:
    """A committed folder of tokens, open for reading.

    ``num_tokens`` counts the ends of text, ``num_bytes`` the bytes of text alone; ``num_skipped`` documents had no text.
    ``starts`` (num_documents + 1,) int64: place in the stream of each document's first token, and the stream's length.
    ``document_bytes`` (num_documents,) int64.  ``document_ids`` (num_documents,) S32.  ``tokenizer_hash`` and
    ``end_of_text``: of the tokenizer that wrote it.
    """

    def __init__(self, folder: Path, facts: dict[str, Any]):
        self.folder = Path(folder)
        self.num_tokens: int = facts["num_tokens"]
        self.num_documents: int = facts["num_documents"]
        self.num_bytes: int = facts["num_bytes"]
        self.num_skipped: int = facts["num_skipped"]
        self.shard_tokens: int = facts["shard_tokens"]
        self.tokenizer_hash: str = facts["tokenizer_hash"]
        self.end_of_text: int = facts["end_of_text"]
        self.dtype = np.dtype(facts["dtype"])
        shards = -(-self.num_tokens // self.shard_tokens)
        self._shards = [self._map(shard_name(i), self.dtype) for i in range(shards)]
        self.starts = self._map("starts.bin", _INT64)
        self.document_bytes = self._map("bytes.bin", _INT64)
        self.document_ids = self._map("ids.bin", _ID)

    @classmethod
    def write(
        cls,
        folder: Path,
        documents: Iterable[Document],
        tokenizer: TrainedTokenizer,
        *,
        shard_tokens: int = SHARD_TOKENS,
        total_bytes: int | None = None,
        what: str = "encoding",
    ) -> "TokenStore":
        """Encode documents into a new store, which replaces ``folder`` when it is whole.

        ``total_bytes`` of text, where known: for progress, and to refuse before the disk is full.  Documents without
        text are left out and counted.  Raises `TelosError` where there is no room or no document with text.
        """
        with commit_folder(folder) as temporary, progress(what, total_bytes, "B") as advance:
            writer = _Writer(temporary, tokenizer, shard_tokens)
            for group in _groups(documents):
                first = writer.num_tokens == 0
                advance(writer.add(group))
                if first and total_bytes and writer.num_bytes:
                    require_free(temporary, writer.expected_bytes(total_bytes), what)
            if not writer.num_documents:
                raise TelosError("a token store must hold a document with text",
                                 f"{writer.num_skipped} documents, none with text", "add text")  # fmt: skip
            write_json(temporary / FACTS_FILE, writer.facts())
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path, verify: bool = False) -> "TokenStore":
        """A store that was written; with ``verify`` every file is read and compared with its SHA-256.

        Raises `TelosError` where the folder is no store, or a file is missing, truncated or (with ``verify``) altered.
        """
        folder = Path(folder)
        listed = (verify_folder(folder) if verify else read_manifest(folder))["files"]
        for name, file in listed.items():
            size = (folder / name).stat().st_size if (folder / name).exists() else None
            if size != file["bytes"]:
                raise TelosError(f"{folder / name} must have {file['bytes']} bytes",
                                 "no such file" if size is None else f"{size} bytes",
                                 "remove the folder and run again")  # fmt: skip
        if FACTS_FILE not in listed:
            raise TelosError(f"{folder} must be a token store", f"no {FACTS_FILE}", "give the folder of a token store")
        return cls(folder, read_json(folder / FACTS_FILE))

    def document(self, i: int) -> np.ndarray:
        """The ids of one document and the end of text that ends it."""
        return self.read(int(self.starts[i]), int(self.starts[i + 1]))

    def read(self, start: int, stop: int) -> np.ndarray:
        """The stream's ids from ``start`` up to ``stop``, in the store's dtype; no copy where they lie in one shard."""
        assert 0 <= start <= stop <= self.num_tokens, (start, stop, self.num_tokens)
        first, last = start // self.shard_tokens, max(start, stop - 1) // self.shard_tokens
        if first == last and start < stop:
            return self._shards[first][start - first * self.shard_tokens : stop - first * self.shard_tokens]
        parts = []
        while start < stop:
            shard, offset = divmod(start, self.shard_tokens)
            end = min(stop, (shard + 1) * self.shard_tokens)
            parts.append(self._shards[shard][offset : offset + end - start])
            start = end
        return np.concatenate(parts) if parts else np.zeros(0, self.dtype)

    def take(self, places: np.ndarray) -> np.ndarray:
        """The ids at these places of the stream (int64), in their order and in the store's dtype."""
        if len(self._shards) == 1:
            return self._shards[0][places]
        shards, offsets = np.divmod(places, self.shard_tokens)
        taken = np.empty(len(places), self.dtype)
        for shard in np.unique(shards):
            here = shards == shard
            taken[here] = self._shards[shard][offsets[here]]
        return taken

    def _map(self, name: str, dtype: np.dtype) -> np.ndarray:
        # A view as plain ndarray: slicing np.memmap itself costs several microseconds.
        return np.memmap(self.folder / name, dtype, mode="r").view(np.ndarray)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the folder; the maps are not copied."""
        return TokenStore.open, (self.folder,)


def shard_name(number: int) -> str:
    return f"tokens-{number:05d}.bin"


class _Writer:
    """Appends encoded documents to the files of a store; its memory does not grow with their number."""

    def __init__(self, folder: Path, tokenizer: TrainedTokenizer, shard_tokens: int):
        assert shard_tokens > 0
        self.folder, self.tokenizer, self.shard_tokens = folder, tokenizer, shard_tokens
        self.dtype = np.dtype("<u2" if tokenizer.vocabulary.size <= 2**16 else "<u4")
        self.num_tokens = self.num_documents = self.num_bytes = self.num_skipped = 0
        self._write("starts.bin", np.zeros(1, _INT64))

    def add(self, documents: list[Document]) -> int:
        """Encode and append; returns the bytes of their text."""
        kept = [document for document in documents if document.text]
        self.num_skipped += len(documents) - len(kept)
        if not kept:
            return 0
        texts = [replace_surrogates(document.text) for document in kept]
        end = np.array([self.tokenizer.vocabulary.end_of_text], self.dtype)
        encoded = [ids.astype(self.dtype) for ids in self.tokenizer.encode_batch(texts)]
        lengths = np.array([len(ids) + 1 for ids in encoded], _INT64)
        text_bytes = np.array([len(text.encode()) for text in texts], _INT64)
        names = np.array([document.id for document in kept], np.str_).astype(np.bytes_)
        assert names.dtype.itemsize <= _ID.itemsize, "a document's id has 32 hexadecimal digits"

        self._write("starts.bin", self.num_tokens + np.cumsum(lengths, dtype=_INT64))
        self._write("bytes.bin", text_bytes)
        self._write("ids.bin", names.astype(_ID))
        self._write_tokens(np.concatenate([part for ids in encoded for part in (ids, end)]))
        self.num_documents += len(kept)
        self.num_bytes += int(text_bytes.sum())
        return int(text_bytes.sum())

    def expected_bytes(self, total_bytes: int) -> int:
        """Bytes of disk still to be written when the text has ``total_bytes``, at the rates so far and a tenth more."""
        per_byte = (self.num_tokens * self.dtype.itemsize + 48 * self.num_documents) / self.num_bytes
        return round(1.1 * per_byte * max(0, total_bytes - self.num_bytes))

    def facts(self) -> dict[str, Any]:
        return {
            "num_tokens": self.num_tokens,
            "num_documents": self.num_documents,
            "num_bytes": self.num_bytes,
            "num_skipped": self.num_skipped,
            "shard_tokens": self.shard_tokens,
            "dtype": self.dtype.str,
            "tokenizer_hash": self.tokenizer.vocabulary.tokenizer_hash,
            "end_of_text": self.tokenizer.vocabulary.end_of_text,
        }

    def _write_tokens(self, ids: np.ndarray) -> None:
        """Append to the shards, going on in the next where one is full."""
        done = 0
        while done < len(ids):
            shard, offset = divmod(self.num_tokens, self.shard_tokens)
            part = ids[done : done + self.shard_tokens - offset]
            self._write(shard_name(shard), part)
            done += len(part)
            self.num_tokens += len(part)

    def _write(self, name: str, values: np.ndarray) -> None:
        with open(self.folder / name, "ab") as file:
            file.write(values.tobytes())


def _groups(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Runs of documents of about `GROUP_CHARACTERS` in all."""
    group: list[Document] = []
    size = 0
    for document in documents:
        group.append(document)
        size += len(document.text) + 100
        if size >= GROUP_CHARACTERS:
            yield group
            group, size = [], 0
    if group:
        yield group
