"""The token store: documents as one stream of ids on disk, read through memory maps.

The stream is document after document, each ended by ``end_of_text``; it is cut into shards of ``shard_tokens`` ids
(little-endian uint16 where every id of the tokenizer fits, else uint32), so a document may cross shards.  Beside them
lie ``starts.bin`` (int64, documents + 1), ``bytes.bin`` (int64, UTF-8 bytes of each document's text), ``ids.bin`` (32
ASCII characters each) and ``store.json`` (counts, types, the tokenizer's hash).  The manifest has SHA-256 of each file.

Where documents have a label, ``labels.json`` names the classes and ``labels.bin`` (int32) has each document's, −1 for none; where
they are paired with a target text, ``target_tokens-00000.bin`` … and ``target_starts.bin`` are a stream of their own; so are
``negative0_…``, ``negative1_…`` where texts come with them that they are not to be taken for.  Numbers, tags of words, questions
and answers are in `telos.tokens.annotations`.  Where they were asked for, ``marks-00000.bin`` … (uint8) say which tokens begin
words and sentences (`telos.tokens.marks`); ``weights.bin`` says what tokens count (`telos.tokens.weights`).
Tests: tests/tokens/test_store.py, tests/tokens/test_labelled_store.py, tests/tokens/test_marked_store.py.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from telos.foundation.document import Document
from telos.foundation.errors import TelosError
from telos.foundation.files import commit_folder, read_json, read_manifest, require_free, verify_folder, write_json
from telos.foundation.progress import progress
from telos.tokens import weights
from telos.tokens.annotations import Annotations, AnnotationWriter
from telos.tokens.marks import Marker
from telos.tokens.pretokenize import replace_surrogates
from telos.tokens.stream import INT64, Shards, ShardWriter, Stream, StreamWriter, append, open_map
from telos.tokens.tokenizers import TrainedTokenizer

SHARD_TOKENS = 2**26
GROUP_CHARACTERS = 1_000_000
"""How much text is encoded at once; what `TokenStore.write` holds in memory is a few times that."""

FACTS_FILE = "store.json"
LABELS_FILE = "labels.json"
TARGET = "target_"
"""What the names of the target stream's files begin with."""
NEGATIVE = "negative{}_"
"""The same of each stream of negatives."""
MARKS = "marks"
_ID, _INT32, _UINT8 = np.dtype("S32"), np.dtype("<i4"), np.dtype(np.uint8)
_NONE = -1
"""On disk: the class of a document without a label."""


class TokenStore(Stream):
    """A committed folder of tokens, open for reading.

    ``num_tokens`` counts the ends of text, ``num_bytes`` the bytes of text alone; ``num_skipped`` documents had no text.
    ``starts`` (num_documents + 1,) int64: place in the stream of each document's first token, and the stream's length.
    ``document_bytes`` (num_documents,) int64.  ``document_ids`` (num_documents,) S32.  ``tokenizer_hash`` and
    ``end_of_text``: of the tokenizer that wrote it.  ``labels``: names of the classes by id, None where documents have none.
    ``targets``: stream of the texts that documents are paired with, or None.  ``negatives``: streams of texts that they are not
    to be taken for; an empty one is its end alone.  ``annotations``: what else stands beside documents.
    ``marks``: of each token of the stream, or None.
    ``weights`` (num_tokens,) float32: what each token counts in training, or None.
    """

    def __init__(self, folder: Path, facts: dict[str, Any]):
        self.folder = Path(folder)
        super().__init__(self.folder, facts["num_tokens"], facts["shard_tokens"], np.dtype(facts["dtype"]))
        self.num_documents: int = facts["num_documents"]
        self.num_bytes: int = facts["num_bytes"]
        self.num_skipped: int = facts["num_skipped"]
        self.tokenizer_hash: str = facts["tokenizer_hash"]
        self.end_of_text: int = facts["end_of_text"]
        self.document_bytes = open_map(self.folder / "bytes.bin", INT64)
        self.document_ids = open_map(self.folder / "ids.bin", _ID)
        self.labels: tuple[str, ...] | None = None
        if facts.get("labelled"):
            self.labels = tuple(read_json(self.folder / LABELS_FILE)["names"])
            self._label_ids = open_map(self.folder / "labels.bin", _INT32)
        self.targets: Stream | None = None
        if "target_tokens" in facts:
            self.targets = Stream(self.folder, facts["target_tokens"], self.shard_tokens, self.dtype, TARGET)
        self.negatives = tuple(
            Stream(self.folder, tokens, self.shard_tokens, self.dtype, NEGATIVE.format(i))
            for i, tokens in enumerate(facts.get("negative_tokens", []))
        )
        self.weights = weights.read(self.folder) if facts.get("weighted") else None
        self.annotations = Annotations(self.folder, facts, self.shard_tokens, self.dtype)
        self.marks: Shards | None = None
        if facts.get("marked"):
            self.marks = Shards(self.folder, self.num_tokens, self.shard_tokens, _UINT8, MARKS)

    def label(self, i: int) -> int | None:
        """The class of one document, None where it has none."""
        return None if self.labels is None or self._label_ids[i] == _NONE else int(self._label_ids[i])

    def label_counts(self) -> np.ndarray:
        """How many documents each class has, int64 (classes,)."""
        assert self.labels is not None
        return np.bincount(self._label_ids[self._label_ids != _NONE], minlength=len(self.labels))

    @classmethod
    def write(
        cls,
        folder: Path,
        documents: Iterable[Document],
        tokenizer: TrainedTokenizer,
        *,
        shard_tokens: int = SHARD_TOKENS,
        total_bytes: int | None = None,
        labels: Sequence[str] | None = None,
        targets: bool = False,
        negatives: int = 0,
        annotations: Sequence[str] = (),
        tags: Sequence[str] = (),
        marks: bool = False,
        weighted: bool = False,
        what: str = "encoding",
    ) -> "TokenStore":
        """Encode documents into a new store, which replaces ``folder`` when it is whole.

        ``labels``: names of the classes in the order of their ids, to note each document's ``metadata["label"]``; one that is
        not among them has an id behind theirs.  ``targets``: encode ``metadata["target"]`` too, which each must then have.
        ``negatives``: encode so many of ``metadata["negatives"]``, of which any may be empty.  ``annotations``: what else is
        noted of each document, of `telos.tokens.annotations.NAMES`; ``tags``: names of the tags in the order of their ids.
        ``marks``: note which tokens begin words and sentences; Chinese words take jieba (`telos[corpus]`).
        ``weighted``: note what each token counts (`telos.tokens.weights`).

        ``total_bytes`` of text, where known: for progress, and to refuse before the disk is full.  Documents without
        text are left out and counted.  Raises `TelosError` where there is no room or no document with text.
        """
        with commit_folder(folder) as temporary, progress(what, total_bytes, "B") as advance:
            writer = _Writer(temporary, tokenizer, shard_tokens, labels=labels, targets=targets, negatives=negatives, marks=marks)
            writer.weighted = weighted
            writer.beside = AnnotationWriter(temporary, tokenizer, annotations, tags, writer.stream)
            for group in _groups(documents):
                first = writer.num_tokens == 0
                advance(writer.add(group))
                if first and total_bytes and writer.num_bytes:
                    require_free(temporary, writer.expected_bytes(total_bytes), what)
            if not writer.num_documents:
                raise TelosError("a token store must hold a document with text",
                                 f"{writer.num_skipped} documents, none with text", "add text")  # fmt: skip
            if writer.labels is not None:
                write_json(temporary / LABELS_FILE, {"names": list(writer.labels)})
            write_json(temporary / FACTS_FILE, writer.facts() | writer.beside.finish())
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

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the folder; the maps are not copied."""
        return TokenStore.open, (self.folder,)


class _Writer:
    """Appends encoded documents to the files of a store; its memory does not grow with their number."""

    def __init__(
        self, folder: Path, tokenizer: TrainedTokenizer, shard_tokens: int, *, labels: Sequence[str] | None, targets: bool,
        negatives: int, marks: bool,
    ):  # fmt: skip
        self.folder, self.tokenizer = folder, tokenizer
        self.dtype = np.dtype("<u2" if tokenizer.vocabulary.size <= 2**16 else "<u4")
        self.stream = StreamWriter(folder, shard_tokens, self.dtype)
        self.labels = None if labels is None else {name: i for i, name in enumerate(labels)}
        self.targets = StreamWriter(folder, shard_tokens, self.dtype, TARGET) if targets else None
        self.negatives = [StreamWriter(folder, shard_tokens, self.dtype, NEGATIVE.format(i)) for i in range(negatives)]
        self.beside = AnnotationWriter(folder, tokenizer, (), (), self.stream)
        self.marker = Marker(tokenizer) if marks else None
        self.marks = ShardWriter(folder, shard_tokens, _UINT8, MARKS)
        self.weighted = False
        self.num_documents = self.num_bytes = self.num_skipped = 0

    @property
    def num_tokens(self) -> int:
        return self.stream.num_tokens

    def add(self, documents: list[Document]) -> int:
        """Encode and append; returns the bytes of their text."""
        kept = [document for document in documents if document.text]
        self.num_skipped += len(documents) - len(kept)
        if not kept:
            return 0
        texts = [replace_surrogates(document.text) for document in kept]
        text_bytes = np.array([len(text.encode()) for text in texts], INT64)
        names = np.array([document.id for document in kept], np.str_).astype(np.bytes_)
        assert names.dtype.itemsize <= _ID.itemsize, "a document's id has 32 hexadecimal digits"

        append(self.folder / "bytes.bin", text_bytes)
        append(self.folder / "ids.bin", names.astype(_ID))
        end = self.tokenizer.vocabulary.end_of_text
        encoded = self.beside.add(kept, texts)
        self.stream.add(encoded, end)
        if self.marker is not None:
            for ids, text in zip(encoded, texts, strict=True):
                self.marks.append(np.append(self.marker(ids, text), _UINT8.type(0)))  # the end of text begins nothing
        if self.weighted:
            weights.write(self.folder, kept, texts, encoded, self.tokenizer)
        if self.labels is not None:
            append(self.folder / "labels.bin", np.array([self._label(document) for document in kept], _INT32))
        if self.targets is not None:
            self.targets.add(self.tokenizer.encode_batch([_target(document) for document in kept]), end)
        for i, stream in enumerate(self.negatives):
            stream.add(self.tokenizer.encode_batch([_negative(document, i) for document in kept]), end)
        self.num_documents += len(kept)
        self.num_bytes += int(text_bytes.sum())
        return int(text_bytes.sum())

    def _label(self, document: Document) -> int:
        assert self.labels is not None
        name = document.metadata.get("label")
        return _NONE if name is None else self.labels.setdefault(name, len(self.labels))

    def expected_bytes(self, total_bytes: int) -> int:
        """Bytes of disk still to be written when the text has ``total_bytes``, at the rates so far and a tenth more."""
        beside = [*self.negatives, *([self.targets] if self.targets is not None else [])]
        tokens = self.num_tokens + sum(stream.num_tokens for stream in beside)
        per_byte = (tokens * self.dtype.itemsize + self.marks.num_tokens + 60 * self.num_documents) / self.num_bytes
        return round(1.1 * per_byte * max(0, total_bytes - self.num_bytes))

    def facts(self) -> dict[str, Any]:
        """What store.json says."""
        found = {
            "num_tokens": self.num_tokens,
            "num_documents": self.num_documents,
            "num_bytes": self.num_bytes,
            "num_skipped": self.num_skipped,
            "shard_tokens": self.stream.shard_tokens,
            "dtype": self.dtype.str,
            "tokenizer_hash": self.tokenizer.vocabulary.tokenizer_hash,
            "end_of_text": self.tokenizer.vocabulary.end_of_text,
        }
        if self.labels is not None:
            found["labelled"] = True
        if self.weighted:
            found["weighted"] = True
        if self.negatives:
            found["negative_tokens"] = [stream.num_tokens for stream in self.negatives]
        if self.marker is not None:
            found["marked"] = True
        return found if self.targets is None else found | {"target_tokens": self.targets.num_tokens}


def _target(document: Document) -> str:
    text = document.metadata.get("target")
    if not isinstance(text, str) or not text:
        raise TelosError("every document must have the text that it is paired with", f"none beside {document.source}",
                         "mend or remove it, or name another field: corpus.target_field=NAME")  # fmt: skip
    return replace_surrogates(text)


def _negative(document: Document, i: int) -> str:
    texts = document.metadata.get("negatives", [])
    return replace_surrogates(texts[i]) if i < len(texts) else ""


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
