"""What stands beside the documents of a token store: numbers, tags of words, questions, places of answers.

    value      value.bin                          float64, not a number where there is none
    tags       tags.bin, tags_ends.bin            (n, 2) int32: the first token of each tagged word in its document, and its tag;
                                                  int64, how many there are up to each document.  tags.json names the tags
    question   question_tokens-00000.bin …        a stream as that of the texts
    answers    answers.bin, answers_ends.bin      (n, 2) int32: first and last token of each answer; −1 of one that does not stand
                                                  in the document

A tagged document is encoded word by word, the white space before a word with it, so that every word begins in a token of its own
(Devlin et al. 2019, section 5.3, who tag the first token of each).  Tokens are found from characters by
`TrainedTokenizer.sizes`.  Tests: tests/tokens/test_annotations.py.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from telos.foundation.document import Document
from telos.foundation.files import read_json, write_json
from telos.tokens.pretokenize import replace_surrogates
from telos.tokens.stream import INT64, Stream, StreamWriter, append, open_map
from telos.tokens.tokenizers import TrainedTokenizer

NAMES = ("value", "tags", "question", "answers")
QUESTION = "question_"
NOWHERE = -1
"""In the place of a token: an answer does not stand in its document."""
_INT32, _FLOAT64 = np.dtype("<i4"), np.dtype("<f8")


class Annotations:
    """An open store's; ``tags``: their names by id, None where documents have none."""

    def __init__(self, folder: Path, facts: dict[str, Any], shard_tokens: int, dtype: np.dtype):
        self.names: tuple[str, ...] = tuple(facts.get("annotations", ()))
        self.tags = tuple(read_json(folder / "tags.json")["names"]) if "tags" in self.names else None
        self._values = open_map(folder / "value.bin", _FLOAT64) if "value" in self.names else None
        self._pairs = {name: _Pairs(folder, name) for name in ("tags", "answers") if name in self.names}
        self._questions: Stream | None = None
        if "question" in self.names:
            self._questions = Stream(folder, facts["question_tokens"], shard_tokens, dtype, QUESTION)

    def of(self, i: int) -> dict[str, Any]:
        """Those of one document: "value" a number, where it has one; "question" ids; "tags" and "answers" (n, 2) int32."""
        found: dict[str, Any] = {name: pairs.of(i) for name, pairs in self._pairs.items()}
        if self._values is not None and not np.isnan(self._values[i]):
            found["value"] = float(self._values[i])
        if self._questions is not None:
            found["question"] = self._questions.document(i)[:-1]
        return found

    def value_scale(self) -> tuple[float, float] | None:
        """(mean, standard deviation) of all numbers; None where there are none."""
        known = self._values[~np.isnan(self._values)] if self._values is not None else np.zeros(0)
        return (float(known.mean()), float(known.std())) if len(known) else None


class _Pairs:
    """Pairs of numbers, some for each document."""

    def __init__(self, folder: Path, name: str):
        self.ends = open_map(folder / f"{name}_ends.bin", INT64)
        path = folder / f"{name}.bin"
        self.pairs = open_map(path, _INT32).reshape(-1, 2) if path.stat().st_size else np.zeros((0, 2), _INT32)

    def of(self, i: int) -> np.ndarray:
        return self.pairs[int(self.ends[i - 1]) if i else 0 : int(self.ends[i])]


class AnnotationWriter:
    """Appends to the files of a store that is being written.  ``names``: what is written, of `NAMES`; ``tags``: names of the tags
    in the order of their ids, one that is not among them has an id behind theirs."""

    def __init__(
        self, folder: Path, tokenizer: TrainedTokenizer, names: Sequence[str], tags: Sequence[str], stream: StreamWriter
    ):
        self.folder, self.tokenizer, self.names = folder, tokenizer, tuple(names)
        self.tags = {name: i for i, name in enumerate(tags)}
        self.counts = dict.fromkeys(("tags", "answers"), 0)
        self.questions: StreamWriter | None = None
        if "question" in names:
            self.questions = StreamWriter(folder, stream.shard_tokens, stream.dtype, QUESTION)
        for name in ("tags", "answers"):
            if name in names:
                (folder / f"{name}.bin").touch()

    def add(self, documents: Sequence[Document], texts: Sequence[str]) -> list[np.ndarray]:
        """The tokens of the texts, without their ends; what stands beside them is appended."""
        if "tags" in self.names:
            tagged = [document.metadata.get("tags", []) for document in documents]
            encoded, firsts = encode_words(self.tokenizer, texts, [[one["start"] for one in spans] for spans in tagged])
            self._add("tags", [[(place, self.tags.setdefault(one["tag"], len(self.tags)))
                                for place, one in zip(found, spans, strict=True)]
                               for found, spans in zip(firsts, tagged, strict=True)])  # fmt: skip
        else:
            encoded = self.tokenizer.encode_batch(texts)
        if "value" in self.names:
            values = [document.metadata.get("value", np.nan) for document in documents]
            append(self.folder / "value.bin", np.array(values, _FLOAT64))
        if "answers" in self.names:
            self._add("answers", [self._answers(*one) for one in zip(documents, texts, encoded, strict=True)])
        if self.questions is not None:
            asked = [replace_surrogates(str(document.metadata.get("question", ""))) for document in documents]
            self.questions.add(self.tokenizer.encode_batch(asked), self.tokenizer.vocabulary.end_of_text)
        return encoded

    def _answers(self, document: Document, text: str, ids: np.ndarray) -> list[tuple[int, int]]:
        answers = document.metadata.get("answers", [])
        if not answers or not len(ids):
            return []
        edges = character_edges(self.tokenizer, ids, text)
        return [tokens_of(edges, one["start"], one["end"]) if "start" in one else (NOWHERE, NOWHERE) for one in answers]

    def _add(self, name: str, pairs: Sequence[Sequence[tuple[int, int]]]) -> None:
        ends = self.counts[name] + np.cumsum([len(one) for one in pairs])
        append(self.folder / f"{name}_ends.bin", ends.astype(INT64))
        append(self.folder / f"{name}.bin", np.array([pair for one in pairs for pair in one], _INT32).reshape(-1, 2))
        self.counts[name] = int(ends[-1])

    def finish(self) -> dict[str, Any]:
        """What store.json says of them."""
        if "tags" in self.names:
            write_json(self.folder / "tags.json", {"names": list(self.tags)})
        found: dict[str, Any] = {"annotations": list(self.names)} if self.names else {}
        return found if self.questions is None else found | {"question_tokens": self.questions.num_tokens}


# -- characters and tokens --------------------------------------------------------------------------------------------


def encode_words(
    tokenizer: TrainedTokenizer, texts: Sequence[str], starts: Sequence[Sequence[int]]
) -> tuple[list[np.ndarray], list[list[int]]]:
    """(tokens of each text, the place of the first token of each word).  ``starts``: the words' first characters, ascending;
    white space before a word is encoded with it, whatever else stands between words with the word before."""
    pieces: list[str] = []
    cuts = [_cuts(text, begins) for text, begins in zip(texts, starts, strict=True)]
    for text, places in zip(texts, cuts, strict=True):
        pieces += [text[a:b] for a, b in pairwise([*places, len(text)])]
    encoded = iter(tokenizer.encode_batch(pieces))
    found, firsts = [], []
    for places, begins in zip(cuts, starts, strict=True):
        own = [next(encoded) for _ in places]
        ends = np.cumsum([0, *(len(ids) for ids in own)]).tolist()
        found.append(np.concatenate(own))
        firsts.append(ends[len(places) - len(begins) : -1] if begins else [])
    return found, firsts


def _cuts(text: str, starts: Sequence[int]) -> list[int]:
    """Where the pieces of a text begin: 0, if no word begins there, and behind what goes before each word's white space."""
    found = []
    for start in starts:
        cut = start
        while cut and text[cut - 1].isspace():
            cut -= 1
        found.append(cut)
    return found if found[:1] == [0] else [0, *found]


def character_edges(tokenizer: TrainedTokenizer, ids: np.ndarray, text: str) -> np.ndarray:
    """(tokens + 1,) int64: token i stands for the characters from edge i on up to edge i + 1; a character that several tokens
    share belongs to the first."""
    return np.concatenate([[0], np.cumsum(tokenizer.sizes(ids, text)[1][: len(ids)])]).astype(np.int64)


def tokens_of(edges: np.ndarray, start: int, end: int) -> tuple[int, int]:
    """(first, last) token of the characters from ``start`` up to ``end``; a token that holds only some of them is among them."""
    ends, last = edges[1:], len(edges) - 2
    first = min(int(np.searchsorted(ends, start, side="right")), last)
    holds_last = int(np.searchsorted(ends, end - 1, side="right"))
    behind = int(np.searchsorted(ends, end, side="right"))
    return first, max(first, min(max(holds_last, behind - 1), last))
