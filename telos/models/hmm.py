"""Hidden Markov models over tokens: a state that cannot be seen, and a distribution of tokens in each.

    p(x_1 … x_T) = Σ_{s_1 … s_T} π(s_1) B_{s_1}(x_1) Π_t A(s_{t−1}, s_t) B_{s_t}(x_t)

Rabiner 1989, "A Tutorial on Hidden Markov Models and Selected Applications in Speech Recognition".  A document is one sequence,
its end of text included, and begins with π.  Fitted by expectation maximisation (`telos.models.counting.baum_welch`), scored
and read out by `telos.models.counting.hidden_states`.
Tests: tests/models/test_hmm.py (hmmlearn, all paths by hand, a known source's entropy).
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from telos.foundation import machine
from telos.foundation.errors import TelosError
from telos.foundation.progress import progress
from telos.foundation.random import generator
from telos.models import Counting, Model
from telos.models.counting import folder, hidden_states
from telos.models.counting.baum_welch import Expected, Parameters, expect, one_thread
from telos.models.counting.packed import Packed, pieces, sequences
from telos.models.sizing import Estimate
from telos.tokens.vocabulary import Vocabulary

BATCH_NUMBERS = 4_000_000
"""States times tokens of a batch: about 80 MB."""


class HMM(Model):
    """``num_states``: S.  ``iterations``: passes of expectation maximisation at most; it ends before where one brings less than
    ``tolerance`` nats a token.  ``restarts``: how many random beginnings are followed to their ends; the likeliest is kept.
    ``pseudocount``: observations that are added to each state's distributions, of tokens in the text's own shares and of states
    evenly, so that what was not seen stays possible (0: pure maximum likelihood).

    ``piece_tokens``: longer documents are cut for fitting (not for scoring), so that many sequences go side by side; a piece from
    the middle has a first state of its own distribution.  ``fit_tokens``: at most about so many tokens are fitted, pieces chosen
    by the seed.
    """

    learns_by: ClassVar[Literal["gradient", "counting"]] = "counting"

    num_states: int = Field(64, ge=1, le=4096)
    iterations: int = Field(30, ge=1)
    tolerance: float = Field(1e-4, ge=0)
    restarts: int = Field(1, ge=1)
    pseudocount: float = Field(1.0, ge=0)
    piece_tokens: int = Field(256, ge=2)
    fit_tokens: int = Field(1_000_000, ge=1)

    def build(self, vocabulary: Vocabulary, seed: int = 1) -> "HiddenMarkov":
        """A model that has fitted nothing yet, and so says 1 / V; ``seed``: of its random beginnings."""
        return HiddenMarkov(self, vocabulary, seed)

    def estimate(self, vocabulary: Vocabulary, *, training_tokens: int = 1_000_000, **_: Any) -> Estimate:
        """π, A and B in float64, four times over while they are fitted, and the stream and the places of its pieces, 8 bytes a
        token each.  A batch takes four float32 numbers for each state and token, π, A and B in float32, and some 47 bytes a
        token; there are as many side by side as cores.  A token takes one product with A to predict.

        Measured: tests/models/test_sizing.py (resident memory, on one core and on two).
        """
        states, fitted = self.num_states, min(training_tokens, self.fit_tokens)
        numbers = states * (2 + states + vocabulary.size)
        batch = min(fitted, max(1, BATCH_NUMBERS // states))
        side_by_side = min(machine.cores(), -(-fitted // batch))
        each = (16 * states + 47) * batch + 4 * numbers
        training = 4 * 8 * numbers + side_by_side * each + 8 * (fitted + training_tokens)
        return Estimate(numbers, 2.0 * states**2, training, 8 * numbers, 8 * numbers)


class HiddenMarkov(Counting):
    """A hidden Markov model.  ``parameters``: π, A and B.  ``log_likelihoods``: log p a token of the fitted text before each
    pass, in nats, of the beginning that was kept."""

    def __init__(self, spec: HMM, vocabulary: Vocabulary, seed: int = 1):
        self.spec: HMM = spec
        self.vocabulary, self.seed = vocabulary, seed
        self._forget()

    def _forget(self) -> None:
        self.fitted_tokens = 0
        self.log_likelihoods: list[float] = []
        states, size = self.spec.num_states, self.vocabulary.size
        shapes = ((states,), (states,), (states, states), (states, size))
        self.parameters = Parameters.normalised(*(np.ones(shape) for shape in shapes))

    def fit(self, tokens: np.ndarray) -> None:
        """Expectation maximisation over a stream, from random beginnings.  Takes 6 S² operations a token and pass."""
        tokens = folder.checked(tokens, self.vocabulary)
        self._forget()
        if not len(tokens):
            return
        batches = list(self._batches(tokens))
        self.fitted_tokens = sum(len(packed) for packed, _ in batches)
        frequencies = np.bincount(tokens, minlength=self.vocabulary.size) + 1.0
        frequencies /= frequencies.sum()
        best = None
        total = self.fitted_tokens * self.spec.iterations * self.spec.restarts
        with progress("fitting states", total, "tokens") as advance, one_thread():
            for restart in range(self.spec.restarts):
                begun = Parameters.drawn(self.spec.num_states, frequencies, generator(self.seed, "hmm", restart))
                found = self._maximise(begun, frequencies, tokens, batches, advance=advance)
                if best is None or found[1][-1] > best[1][-1]:
                    best = found
        assert best is not None
        self.parameters, self.log_likelihoods = best

    def _batches(self, tokens: np.ndarray) -> Iterator[tuple[Packed, np.ndarray]]:
        """(pieces side by side, which of them begin a document), of about `BATCH_NUMBERS` numbers each."""
        first, lengths, whole = pieces(*sequences(tokens, self.vocabulary.end_of_text), self.spec.piece_tokens)
        chosen = generator(self.seed, "hmm pieces").permutation(len(first))
        chosen = chosen[: 1 + np.searchsorted(np.cumsum(lengths[chosen]), self.spec.fit_tokens)]
        chosen = chosen[np.argsort(-lengths[chosen], kind="stable")]  # pieces of like lengths go together
        room = max(1, BATCH_NUMBERS // self.spec.num_states)
        batch = np.cumsum(lengths[chosen]) // room
        for part in np.split(chosen, np.flatnonzero(np.diff(batch)) + 1):
            yield Packed(first[part], lengths[part]), whole[part]

    def _maximise(
        self, model: Any, frequencies: np.ndarray, tokens: np.ndarray, batches: list[tuple[Packed, np.ndarray]], *, advance: Any
    ) -> tuple[Any, list[float]]:
        """(parameters, nats a token before each pass) from one beginning."""
        history: list[float] = []
        for _ in range(self.spec.iterations):
            counts = Expected.none(model)
            for found, (packed, _) in zip(_side_by_side(model, tokens, batches), batches, strict=True):
                counts.add(found)
                advance(len(packed), note=f"{-history[-1]:.3f} nats/token" if history else "")
            if not np.isfinite(counts.log_likelihood):
                raise TelosError("every token of the text must be possible in some state that can be reached",
                                 "one whose probability is below what 32 bits hold", "raise model.pseudocount")  # fmt: skip
            model = counts.maximised(self.spec.pseudocount, frequencies)
            history.append(counts.log_likelihood / self.fitted_tokens)
            if len(history) > 1 and history[-1] - history[-2] < self.spec.tolerance:
                break
        return model, history

    def nll(self, tokens: np.ndarray) -> np.ndarray:
        tokens = folder.checked(tokens, self.vocabulary)
        packed = Packed(*sequences(tokens, self.vocabulary.end_of_text))
        nats = np.zeros(len(tokens), np.float32)
        with one_thread(), np.errstate(divide="ignore"):
            nats[packed.places] = -np.log(hidden_states.filtered(self.parameters, tokens[packed.places], packed))
        return nats

    def log_probabilities(self, context: np.ndarray) -> np.ndarray:
        document = folder.document(folder.checked(context, self.vocabulary), self.vocabulary.end_of_text)
        with np.errstate(divide="ignore"):
            return np.log(hidden_states.predicted(self.parameters, document) @ self.parameters.emission_SV)

    def states(self, tokens: np.ndarray) -> np.ndarray:
        """The likeliest sequence of states of each document of a stream, int64 (n,).  Time: S² sums a token."""
        tokens = folder.checked(tokens, self.vocabulary)
        packed = Packed(*sequences(tokens, self.vocabulary.end_of_text))
        found = np.zeros(len(tokens), np.int64)
        found[packed.places] = hidden_states.viterbi(self.parameters, tokens[packed.places], packed)
        return found

    def save(self, path: Path, lineage: Mapping[str, Any] | None = None) -> None:
        """Write model.safetensors and config.json into a folder; ``lineage`` as in `folder.save`."""
        facts = {"fitted_tokens": self.fitted_tokens, "log_likelihoods": self.log_likelihoods}
        folder.save(path, self, {name: getattr(self.parameters, name) for name in _NAMES}, facts, lineage)


def _side_by_side(model: Parameters, tokens: np.ndarray, batches: list[tuple[Packed, np.ndarray]]) -> Iterator[Expected]:
    """Expected counts of each batch in their order, as many at once as there are cores; sums do not depend on how many."""
    with ThreadPoolExecutor(machine.cores()) as pool:
        yield from pool.map(lambda batch: expect(model, tokens[batch[0].places], batch[0], whole=batch[1]), batches)


_NAMES = ("start_S", "cut_S", "transition_SS", "emission_SV")


def load(path: Path) -> HiddenMarkov:
    """The model of a folder that `HiddenMarkov.save` wrote."""
    model, arrays, facts = folder.read(path, "hmm")
    for name in _NAMES:
        wanted, found = getattr(model.parameters, name).shape, arrays[name].shape if name in arrays else None
        if found != wanted:
            raise folder.contradiction(path, f"{name} of shape {found}, not {wanted}")
        setattr(model.parameters, name, arrays[name])
    model.fitted_tokens, model.log_likelihoods = facts["fitted_tokens"], facts["log_likelihoods"]
    return model
