"""N-grams with interpolated modified Kneser-Ney smoothing, on any tokens: the baseline in every report.

The formula and its sources stand in `telos.models.counting.kneser_ney`.  The document's start is a context: the
``end_of_text`` before it.  The last step of the interpolation is the uniform distribution over the vocabulary, so every
token has a probability and they sum to 1 after any context, seen or not.
Tests: tests/models/test_ngram.py (equality with a plain dictionary implementation, sums, known likelihoods).
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from telos.foundation.errors import TelosError
from telos.foundation.files import read_json, write_json
from telos.models import Counting, Model
from telos.models.counting.kneser_ney import Table, count, depths, unigram
from telos.models.sizing import Estimate
from telos.tokens.vocabulary import Vocabulary

MODEL_TYPE = "telos_ngram"


class NGram(Model):
    """``order``: tokens in an n-gram, the predicted one included; 1 is the unigram."""

    learns_by: ClassVar[Literal["gradient", "counting"]] = "counting"

    order: int = Field(5, ge=1, le=32)

    def build(self, vocabulary: Vocabulary, seed: int = 1) -> "KneserNey":
        """An n-gram model that has counted nothing yet, and so says 1 / V; nothing in it is random."""
        return KneserNey(self, vocabulary)

    def estimate(self, vocabulary: Vocabulary, *, training_tokens: int = 1_000_000, **_: Any) -> Estimate:
        """At most so much, reached where no n-gram stands twice in ``training_tokens``; a parameter is a count.

        A table holds 12 bytes an n-gram and 12 a context (`Table`), and counting takes some 125 a token and 32 a token of the
        vocabulary beside the counts (measured: tests/models/test_sizing.py).
        Prediction looks up and computes next to nothing, so FLOPs are left out.
        """
        distinct = [min(training_tokens, vocabulary.size**length) for length in range(2, self.order + 1)]
        contexts = [vocabulary.size, *distinct[:-1]] if distinct else []
        held = 12 * (vocabulary.size + sum(distinct) + sum(contexts))
        counting = 12 * sum(distinct) + (125 if distinct else 28) * training_tokens + 32 * vocabulary.size
        return Estimate(vocabulary.size + sum(distinct), None, max(held, counting), held, held)


class KneserNey(Counting):
    """A counted n-gram model.

    Time: one sort of the stream for each length above 1.  Memory: at most 24 bytes for each distinct n-gram
    (`state_bytes`).
    """

    def __init__(self, spec: NGram, vocabulary: Vocabulary):
        self.spec: NGram = spec
        self.vocabulary = vocabulary
        self._set(0, np.zeros(vocabulary.size, np.uint32), [])

    def _set(self, fitted_tokens: int, unigrams: np.ndarray, longer: list[tuple[np.ndarray, np.ndarray]]) -> None:
        self.fitted_tokens = fitted_tokens
        self.unigrams = unigrams
        """Adjusted count of each token, uint32 (V,)."""
        self.probabilities = unigram(unigrams)
        """p_1, float64 (V,)."""
        self.tables: list[Table] = []
        """N-grams of 2, 3 … tokens."""
        contexts = self.vocabulary.size
        for keys, counts in longer:
            self.tables.append(Table.of(keys, counts, contexts, self.vocabulary.size))
            contexts = len(keys)

    @property
    def state_bytes(self) -> int:
        """Memory of the counts and what is derived from them."""
        return self.unigrams.nbytes + self.probabilities.nbytes + sum(table.state_bytes for table in self.tables)

    def fit(self, tokens: np.ndarray, starts: np.ndarray | None = None) -> None:
        """Count a stream.  ``starts``, of the same length: where pieces cut out of documents begin (see `kneser_ney.depths`)."""
        tokens = self._checked(tokens)
        end, size = self.vocabulary.end_of_text, self.vocabulary.size
        found = count(tokens, end, size, self.spec.order, starts) if len(tokens) else (np.zeros(size, np.uint32), [])
        self._set(len(tokens), *found)

    def nll(self, tokens: np.ndarray) -> np.ndarray:
        tokens = self._checked(tokens)
        if not len(tokens):
            return np.zeros(0, np.float32)
        end, size = self.vocabulary.end_of_text, self.vocabulary.size
        depth, _ = depths(tokens, end)
        probability = self.probabilities[tokens]
        ids = tokens.astype(np.int64)
        for length, table in enumerate(self.tables, start=2):
            context = np.concatenate([[end], ids[:-1]])
            places = np.flatnonzero((depth >= length - 2) & (context >= 0))
            context = context[places]
            followed = table.totals[context] > 0
            places, context = places[followed], context[followed]
            ranks = table.find(context * size + tokens[places])
            probability[places] = table.left(ranks) / table.totals[context] + table.backoffs[context] * probability[places]
            ids = np.full(len(tokens), -1)
            ids[places] = ranks
        return -np.log(probability).astype(np.float32)

    def log_probabilities(self, context: np.ndarray) -> np.ndarray:
        end, size = self.vocabulary.end_of_text, self.vocabulary.size
        context = self._checked(context)
        ends = np.flatnonzero(context == end)
        document = context[ends[-1] + 1 :] if len(ends) else context
        history = np.concatenate([[end], document])[-max(1, self.spec.order - 1) :]
        probability = self.probabilities.copy()
        for length, table in enumerate(self.tables[: len(history)], start=1):
            place = self._id(history[-length:])
            if place is None or table.totals[place] == 0:
                break
            span = slice(*np.searchsorted(table.keys, [place * size, (place + 1) * size]))
            probability *= table.backoffs[place]
            probability[table.keys[span] - place * size] += table.left(np.arange(span.start, span.stop)) / table.totals[place]
        return np.log(probability)

    def save(self, folder: Path, lineage: Mapping[str, Any] | None = None) -> None:
        """Write model.safetensors (keys and counts; the rest follows from them) and config.json into a folder.

        ``lineage``: what this came from, for lineage.json, by which a corpus knows a model's folder and passes it over.
        """
        from safetensors.numpy import save_file

        arrays = {"counts_1": self.unigrams}
        for length, table in enumerate(self.tables, start=2):
            arrays |= {f"keys_{length}": table.keys, f"counts_{length}": table.counts}
        save_file(arrays, Path(folder) / "model.safetensors")
        facts = {"model_type": MODEL_TYPE, "spec": self.spec.dump(), "vocabulary": asdict(self.vocabulary)}
        write_json(Path(folder) / "config.json", facts | {"fitted_tokens": self.fitted_tokens})
        if lineage is not None:
            write_json(Path(folder) / "lineage.json", dict(lineage))

    def _id(self, tokens: np.ndarray) -> int | None:
        """The id of an n-gram, or None where it was not seen."""
        found = int(tokens[0])
        for token, table in zip(tokens[1:], self.tables, strict=False):
            found = int(table.find(np.array([found * self.vocabulary.size + int(token)]))[0])
            if found < 0:
                return None
        return found

    def _checked(self, tokens: np.ndarray) -> np.ndarray:
        tokens = np.asarray(tokens, np.int64)
        if len(tokens) and not 0 <= tokens.min() <= tokens.max() < self.vocabulary.size:
            raise TelosError(f"tokens must be 0 to {self.vocabulary.size - 1}, the ids of this model's vocabulary",
                             f"{tokens.min()} to {tokens.max()}", "use the tokenizer that the model was made with")  # fmt: skip
        return tokens


def load(folder: Path) -> KneserNey:
    """The model of a folder that `KneserNey.save` wrote."""
    from safetensors.numpy import load_file

    facts = read_json(Path(folder) / "config.json")
    if facts.get("model_type") != MODEL_TYPE:
        raise TelosError(f"{folder} must hold an n-gram model (model_type '{MODEL_TYPE}')",
                         f"model_type {facts.get('model_type')!r}", "name another folder")  # fmt: skip
    model = NGram.parse(facts["spec"]).build(Vocabulary(**facts["vocabulary"]))
    arrays = load_file(Path(folder) / "model.safetensors")
    if len(arrays["counts_1"]) != model.vocabulary.size:
        raise TelosError("model.safetensors must hold a count for each token of config.json's vocabulary",
                         f"{len(arrays['counts_1'])} counts, {model.vocabulary.size} tokens",
                         "take both files from one model")  # fmt: skip
    lengths = range(2, 2 + (len(arrays) - 1) // 2)
    model._set(facts["fitted_tokens"], arrays["counts_1"], [(arrays[f"keys_{k}"], arrays[f"counts_{k}"]) for k in lengths])
    return model
