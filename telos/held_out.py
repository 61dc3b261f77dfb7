"""The held-out text of a run as every model sees it: one stream of tokens, one list of units, one text for compressors."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from telos.corpus.corpus import Corpus
from telos.corpus.splits import SplitName
from telos.evaluate.likelihood import FEW_DOCUMENTS, Likelihood, unit_edges
from telos.tokens.store import TokenStore
from telos.tokens.tokenizers import TrainedTokenizer


@dataclass(frozen=True, slots=True)
class HeldOut:
    """``tokens`` (n,): documents one after another, each ended by the end of text.  ``token_bytes``, ``token_characters``
    (n,): how many bytes each stands for, and how many characters begin in it.  ``edges``: of the units, in bytes.
    ``texts``: of the same documents.  ``part``: share of the split that is scored, 0–1; ``for_time``: whether it is what the
    budget has time for.  ``documents``: their ordinals in the split's store."""

    split: str
    tokens: np.ndarray
    token_bytes: np.ndarray
    token_characters: np.ndarray
    edges: np.ndarray
    unit_kind: str
    texts: list[str]
    part: float
    for_time: bool = False
    documents: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def of(
        cls, corpus: Corpus, stores: dict[str, TokenStore], tokenizer: TrainedTokenizer, max_bytes: int, *, for_time: bool = False
    ) -> "HeldOut":
        """The test split (where a recipe made none, the validation split), at most about ``max_bytes`` of it.

        Whole documents are taken in the order of their ids, which are hashes, so that the choice is blind to the content
        and stays the same when the corpus grows.  Of a first document that is larger alone, the beginning counts.
        """
        split: SplitName = "test" if "test" in stores else "validation"
        store = stores[split]
        by_hash = sorted(range(store.num_documents), key=lambda i: store.document_ids[i])
        room = np.cumsum([int(store.document_bytes[i]) for i in by_hash])
        chosen = sorted(by_hash[: max(1, int(np.searchsorted(room, max_bytes, side="right")))])
        tokens = np.concatenate([store.document(i) for i in chosen]).astype(np.int64)
        wanted = {store.document_ids[i].decode() for i in chosen}
        texts = [d.text for d in corpus.documents(split) if d.id in wanted]
        sizes, leads = token_sizes(tokenizer)
        if room[0] > max_bytes:
            tokens, texts = _beginning(tokens, sizes, texts[0].encode(errors="replace"), max_bytes)
        bytes_ = np.array([len(text.encode(errors="replace")) for text in texts])
        part = float(bytes_.sum() / max(1, store.num_bytes))
        return cls(split, tokens, sizes[tokens], leads[tokens], unit_edges(bytes_), unit_kind(len(chosen)), texts, part, for_time,
                   np.array(chosen, np.int64))  # fmt: skip

    def likelihood(self, nll: np.ndarray) -> Likelihood:
        """From nats of each token to what a model says of this text."""
        return Likelihood.of(nll, self.token_bytes, self.edges, self.token_characters)


def token_sizes(tokenizer: TrainedTokenizer) -> tuple[np.ndarray, np.ndarray]:
    """(bytes that each token stands for, characters that begin in it), int64 (V,)."""
    pieces = tokenizer.token_bytes
    return np.array([len(p) for p in pieces]), np.array([sum(byte & 0xC0 != 0x80 for byte in p) for p in pieces])


def unit_kind(documents: int) -> str:
    """What the intervals stand on, in words (`telos.evaluate.likelihood.unit_edges` decides alike)."""
    return "documents" if documents >= FEW_DOCUMENTS else "blocks of text"


def _beginning(tokens: np.ndarray, sizes: np.ndarray, text: bytes, most_bytes: int) -> tuple[np.ndarray, list[str]]:
    """The longest beginning of one document's tokens within ``most_bytes`` that ends with a whole character, and its text."""
    ends = np.cumsum(sizes[tokens])
    count = max(1, int(np.searchsorted(ends, most_bytes, side="right")))
    while count > 1 and ends[count - 1] < len(text) and text[ends[count - 1]] & 0xC0 == 0x80:
        count -= 1
    return np.append(tokens[:count], tokens[-1]), [text[: ends[count - 1]].decode(errors="replace")]


def tail(texts: Iterable[str], total_bytes: int, most_bytes: int) -> list[str]:
    """The last texts that hold ``most_bytes`` together, of texts that hold ``total_bytes``."""
    kept, skip = [], total_bytes - most_bytes
    for text in texts:
        size = len(text.encode(errors="replace"))
        if skip < size:
            kept.append(text)
        skip -= size
    return kept
