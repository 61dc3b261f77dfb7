"""What each token of a store counts in training, where the data say so: ``weights.bin``, float32, a value a token of the stream.

A document's ``metadata["weight"]`` is a number, for all of its tokens and its end; or a list of {start, end, weight}, characters
with the end excluded: a token there has the weight of its first character, of several the last one in the list, any other
token 1.  Tests: tests/tokens/test_weights.py.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from telos.foundation.document import Document
from telos.tokens.stream import append, open_map
from telos.tokens.tokenizers import TrainedTokenizer

FILE = "weights.bin"
FLOAT32 = np.dtype("<f4")


def token_weights(document: Document, text: str, ids: np.ndarray, tokenizer: TrainedTokenizer) -> np.ndarray:
    """(tokens + 1,) float32: of each token of one document, and of its end."""
    given = document.metadata.get("weight", 1.0)
    if not isinstance(given, list):
        return np.full(len(ids) + 1, given, FLOAT32)
    found = np.ones(len(ids) + 1, FLOAT32)
    if not given or not len(ids):
        return found
    # The first character of each token; one that holds only the rest of a character has that one's.
    begun = np.cumsum(tokenizer.sizes(ids, text)[1][: len(ids)])
    firsts = np.concatenate([[0], begun[:-1]])
    firsts[begun == firsts] -= 1
    for one in given:
        inside = (one["start"] <= firsts) & (firsts < one["end"])
        found[:-1][inside] = one["weight"]
    return found


def write(folder: Path, documents: Sequence[Document], texts: Sequence[str], encoded: Sequence[np.ndarray],
          tokenizer: TrainedTokenizer) -> None:  # fmt: skip
    """Append those of some documents to a store that is being written."""
    each = [token_weights(*one, tokenizer) for one in zip(documents, texts, encoded, strict=True)]
    append(folder / FILE, np.concatenate(each))


def read(folder: Path) -> np.ndarray:
    """(num_tokens,) float32, through a memory map."""
    return open_map(folder / FILE, FLOAT32)
