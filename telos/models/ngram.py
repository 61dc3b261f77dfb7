"""N-grams, smoothed by interpolated modified Kneser-Ney, on any tokens: the baseline in every report.

The formulas and their sources stand in `telos.models.counting`: `kneser_ney`, `additive`, `entropy_pruning`, and `back_off`,
the form that all of them come to and that ARPA files hold.  The document's start is a context: the ``end_of_text`` before it.
The last step of the interpolation is the uniform distribution over the vocabulary, so every token has a probability and they
sum to 1 after any context, seen or not (but for ``maximum_likelihood``, which gives none to what it has not seen).
Tests: tests/models/test_ngram.py (equality with a plain dictionary implementation, sums, known likelihoods).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from telos.foundation.errors import TelosError
from telos.models import Counting, Model
from telos.models.counting import additive, arpa, entropy_pruning, folder, kneser_ney
from telos.models.counting.back_off import BackOff
from telos.models.counting.counts import count
from telos.models.sizing import Estimate
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

Smoothing = Literal["kneser_ney", "additive", "maximum_likelihood", "arpa"]


class NGram(Model):
    """``order``: tokens in an n-gram, the predicted one included; 1 is the unigram.

    ``smoothing``: kneser_ney (interpolated, modified), additive, maximum_likelihood, or arpa for the probabilities of an ARPA
    file, which cannot be fitted.  ``pseudocount``: δ of additive smoothing.  ``min_counts``: an n-gram of 1, 2 … tokens must
    stand so often in the text to be listed, the last value for all longer ones (KenLM's ``--prune`` plus one); empty: all are.
    ``prune_threshold``: n-grams whose going raises the perplexity by a smaller share than this are left out; 0: none is.
    The last two are for kneser_ney.
    """

    learns_by: ClassVar[Literal["gradient", "counting"]] = "counting"

    order: int = Field(5, ge=1, le=32)
    smoothing: Smoothing = "kneser_ney"
    pseudocount: float = Field(1.0, gt=0)
    min_counts: tuple[int, ...] = ()
    prune_threshold: float = Field(0.0, ge=0)

    @model_validator(mode="after")
    def _fit_together(self) -> "NGram":
        if self.min_counts and (self.min_counts[0] != 1 or list(self.min_counts) != sorted(self.min_counts)):
            raise ValueError("min_counts must begin with 1, since every token stays, and never fall")
        if self.smoothing != "kneser_ney" and (self.min_counts or self.prune_threshold):
            raise ValueError("min_counts and prune_threshold need smoothing kneser_ney")
        return self

    def build(self, vocabulary: Vocabulary, seed: int = 1) -> "CountedNGram":
        """An n-gram model that has counted nothing yet, and so says 1 / V; nothing in it is random."""
        return CountedNGram(self, vocabulary)

    def estimate(self, vocabulary: Vocabulary, *, training_tokens: int = 1_000_000, **_: Any) -> Estimate:
        """At most so much, reached where no n-gram stands twice in ``training_tokens``; a parameter is a probability or a weight.

        An n-gram takes 16 bytes and a context 8 (`BackOff`).  Counting takes some 131 bytes a token, smoothing some 66 an n-gram,
        pruning some 115 (measured: tests/models/test_sizing.py).  Prediction looks up and computes next to nothing, so FLOPs are
        left out.
        """
        size = vocabulary.size
        distinct = [min(training_tokens, size**length) for length in range(2, self.order + 1)]
        contexts = [size, *distinct[:-1]] if distinct else []
        held = 8 * size + 16 * sum(distinct) + 8 * sum(contexts)
        counting = 12 * sum(distinct) + (131 if distinct else 28) * training_tokens
        smoothing = (115 if self.prune_threshold else 66) * sum(distinct)
        training = max(held, counting, smoothing) + 32 * size
        return Estimate(size + sum(distinct) + sum(contexts), None, training, held, held)


class CountedNGram(Counting):
    """A counted n-gram model.  Time: one sort of the stream for each length above 1."""

    def __init__(self, spec: NGram, vocabulary: Vocabulary):
        self.spec: NGram = spec
        self.vocabulary = vocabulary
        self.fitted_tokens, self.back_off = 0, self._uniform()

    def _uniform(self) -> BackOff:
        size = self.vocabulary.size
        return BackOff(size, self.vocabulary.end_of_text, np.full(size, 1 / size))

    @property
    def state_bytes(self) -> int:
        """Memory of the model, at most 24 bytes for each distinct n-gram."""
        return self.back_off.state_bytes

    def fit(self, tokens: np.ndarray, starts: np.ndarray | None = None) -> None:
        """Count a stream.  ``starts``, of the same length: where pieces cut out of documents begin (see `counts.depths`)."""
        if self.spec.smoothing == "arpa":
            raise TelosError("a model that is fitted must have smoothing kneser_ney, additive or maximum_likelihood",
                             "smoothing arpa, whose probabilities come from a file", "set model.smoothing")  # fmt: skip
        tokens = folder.checked(tokens, self.vocabulary)
        if not len(tokens):
            self.fitted_tokens, self.back_off = 0, self._uniform()
            return
        end = self.vocabulary.end_of_text
        tables = count(tokens, end, self.vocabulary.size, self.spec.order, starts)
        if self.spec.smoothing == "kneser_ney":
            model = kneser_ney.estimate(tables, end, self.spec.min_counts)
            if self.spec.prune_threshold:
                model = entropy_pruning.prune(model, self.spec.prune_threshold)
        else:
            model = additive.estimate(tables, end, self.spec.pseudocount if self.spec.smoothing == "additive" else 0.0)
        self.fitted_tokens, self.back_off = len(tokens), model

    def nll(self, tokens: np.ndarray) -> np.ndarray:
        return _negative_log(self.back_off.stream(folder.checked(tokens, self.vocabulary))).astype(np.float32)

    def log_probabilities(self, context: np.ndarray) -> np.ndarray:
        end = self.vocabulary.end_of_text
        history = np.concatenate([[end], folder.document(folder.checked(context, self.vocabulary), end)])
        return -_negative_log(self.back_off.following(history[-max(1, self.back_off.order - 1) :]))

    def save(self, path: Path, lineage: Mapping[str, Any] | None = None) -> None:
        """Write model.safetensors and config.json into a folder; ``lineage`` as in `folder.save`."""
        model, arrays = self.back_off, {"unigrams": self.back_off.unigrams}
        for length, parts in enumerate(zip(model.keys, model.probabilities, model.weights, strict=True), start=2):
            arrays |= dict(zip((f"keys_{length}", f"probabilities_{length}", f"weights_{length - 1}"), parts, strict=True))
        folder.save(path, self, arrays, {"fitted_tokens": self.fitted_tokens}, lineage)

    def to_arpa(self, path: str | Path, words: Sequence[str]) -> None:
        """Write an ARPA file (gzipped where its name ends in .gz).  ``words``: how each token is written
        (`telos.models.counting.spelling.spellings`)."""
        arpa.write_arpa(self.back_off, words, path)


def from_arpa(path: str | Path, tokenizer_hash: str = "", words: Sequence[str] | None = None) -> tuple[list[str], CountedNGram]:
    """(words, model) of an ARPA file: its tokens are the words in their order, or as ``words`` orders them, and last the end of
    text.  ``tokenizer_hash``: of the tokenizer that gives these ids."""
    words, back_off = arpa.read_arpa(path, words)
    vocabulary = Vocabulary(len(words), tokenizer_hash, {END_OF_TEXT: len(words)})
    model = NGram(order=back_off.order, smoothing="arpa").build(vocabulary)
    model.back_off = back_off
    return words, model


def load(path: Path) -> CountedNGram:
    """The model of a folder that `CountedNGram.save` wrote."""
    model, arrays, facts = folder.read(path, "ngram")
    size, end = model.vocabulary.size, model.vocabulary.end_of_text
    if "unigrams" not in arrays or arrays["unigrams"].shape != (size,):
        raise folder.contradiction(path, f"no probabilities of {size} tokens")
    back_off = BackOff(size, end, arrays["unigrams"])
    for length in range(2, 2 + (len(arrays) - 1) // 3):
        names = (f"keys_{length}", f"probabilities_{length}", f"weights_{length - 1}")
        keys, probabilities, weights = (arrays.get(name, np.zeros(0)) for name in names)
        if not set(names) <= set(arrays) or len(keys) != len(probabilities) or len(weights) != back_off.entries(length - 1):
            raise folder.contradiction(path, f"the tables of {length} tokens are missing or of other lengths")
        back_off.append(keys, probabilities, weights)
    if back_off.order not in (1, model.spec.order):  # 1: nothing was counted yet
        raise folder.contradiction(path, f"order {model.spec.order}, and tables of up to {back_off.order} tokens")
    model.fitted_tokens, model.back_off = facts["fitted_tokens"], back_off
    return model


def _negative_log(probability: np.ndarray) -> np.ndarray:
    """−log p, infinite where p is 0."""
    with np.errstate(divide="ignore"):
        return -np.log(probability)
