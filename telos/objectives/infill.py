"""Infilling: the middle of a text after what comes before and behind it, by moving it to the end.

    prefix, suffix, middle     <|fim_prefix|> p <|fim_suffix|> s <|fim_middle|> m <|endoftext|>
    suffix, prefix, middle     <|fim_prefix|> <|fim_suffix|> s <|fim_middle|> p m <|endoftext|>
    loss = −Σ_t log p(y_t | y_<t) ÷ |y|          (nats per token)

A share of the texts is cut at two places, drawn evenly between tokens or between characters, and read in one of the two orders;
the others stay as they are, so the model still writes from left to right.  Cut between characters, each part is of the tokens
that it has by itself, as a user gives it, and the model learns to go on from the middle of a word.  Bavarian et al. 2022,
"Efficient Training of Language Models to Fill in the Middle" (arXiv:2207.14255), sections 3 and 4.3; the second order is that of
its appendix D, which shares its form with the first.
Tests: tests/objectives/test_infill.py (both orders by hand; a permutation of the text; texts that stay, against `causal`).
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

from telos.models import Inputs
from telos.objectives import Batch, Example, Loss, Objective
from telos.objectives._cuts import Cutter, require_bytes
from telos.objectives._paired import pieces_of, shifted
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary

PREFIX, SUFFIX, MIDDLE = "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"
MOST_MORE = 16
"""Tokens by which cutting between characters may lengthen a text; one that would grow more is cut between tokens."""


class Infill(Objective):
    """``rate``: share of the texts that are cut; of what a row has of a document, each.  ``suffix_first``: share of these read
    in the second order.  ``level``: where a cut may be; between characters only what stands around it is encoded anew.  A piece
    that is cut ends with the end of text, which says that the middle is whole; another is what `causal` makes of it."""

    rate: float = Field(0.5, ge=0, le=1)
    suffix_first: float = Field(0.5, ge=0, le=1)
    level: Literal["token", "character"] = "token"

    @property
    def scores_text(self) -> bool:
        """It writes from left to right, too."""
        return self.rate < 1

    def special_tokens(self) -> tuple[str, ...]:
        return (PREFIX, SUFFIX, MIDDLE)

    def raw_length(self, context_length: int) -> int:
        """The most tokens of one document whose example fits."""
        more = 4 + MOST_MORE * (self.level == "character")
        return max(0, context_length - more)

    def examples(self, row: Row, rng: np.random.Generator, vocabulary: Vocabulary) -> Example:
        end, (ids, pieces, count) = vocabulary.end_of_text, pieces_of(row, vocabulary.end_of_text)
        names = [vocabulary.specials[name] for name in (PREFIX, SUFFIX, MIDDLE)]
        edges = np.searchsorted(pieces, np.arange(count + 1))
        texts = [ids[edges[piece] : edges[piece + 1]] for piece in range(count)]
        lots = rng.random((count, 4))
        parts = self._parts(texts, lots, vocabulary)
        # Only a row's last piece can go on behind the row.
        open_piece = -1 if len(row.tokens) and row.tokens[-1] == end else count - 1
        made = []
        for piece, text in enumerate(texts):
            if piece in parts:
                made.append(np.append(_moved(parts[piece], names, lots[piece, 1] < self.suffix_first), end))
            else:
                made.append(text if piece == open_piece else np.append(text, end))
        targets = np.concatenate(made)
        segments = np.repeat(np.arange(count), [len(text) for text in made])
        inputs = shifted(targets, segments, vocabulary.begin_of_text)
        if 0 not in parts and row.previous != end:
            inputs[0] = row.previous
        weights = np.ones(len(targets), np.float32)
        return {"tokens": inputs, "targets": targets, "segments": (segments + 1).astype(np.int32), "weights": weights}

    def _parts(self, texts: list[np.ndarray], lots: np.ndarray, vocabulary: Vocabulary) -> dict[int, list[np.ndarray]]:
        """Before, inside and behind, of the texts that are cut, by their place."""
        chosen = [piece for piece in range(len(texts)) if lots[piece, 0] < self.rate]
        parts = {piece: _between_tokens(texts[piece], lots[piece, 2:]) for piece in chosen}
        if self.level == "character" and chosen:
            cutter = Cutter(require_bytes(vocabulary.tokenizer, "infill by characters"))
            taken = [piece for piece in chosen if cutter.add(texts[piece], lots[piece, 2:])]
            for piece, cut in zip(taken, cutter.done(), strict=True):
                if sum(map(len, cut)) <= len(texts[piece]) + MOST_MORE:
                    parts[piece] = cut
        return parts

    def weights(self, batch: Batch) -> Mapping[str, float]:
        return {"nll": float(batch["weights"].double().sum())}

    def loss(self, model: Any, batch: Batch, rng: np.random.Generator) -> Loss:
        hidden = model.hidden(Inputs(batch["tokens"], segments_BT=batch["segments"]))
        return Loss({"nll": ((model.nll(hidden, batch["targets"]) * batch["weights"]).sum(), 1.0)})


def _between_tokens(text: np.ndarray, places: np.ndarray) -> list[np.ndarray]:
    return np.split(text, sorted(int(place * (len(text) + 1)) for place in places))


def _moved(parts: list[np.ndarray], names: list[int], suffix_first: bool) -> np.ndarray:
    (before, inside, behind), (prefix, suffix, middle) = parts, names
    if suffix_first:
        return np.concatenate([[prefix, suffix], behind, [middle], before, inside])
    return np.concatenate([[prefix], before, [suffix], behind, [middle], inside])
