"""Expectation maximisation for hidden Markov models with categorical emissions (Baum-Welch), batched over sequences.

With π the distribution of the first state, A of the next, B_s of the tokens of state s, and x_1 … x_T a sequence:

    α_1 = π ∘ B(x_1) / c_1      α_t = (α_{t−1} A) ∘ B(x_t) / c_t      β_T = 1      β_t = A (B(x_{t+1}) ∘ β_{t+1}) / c_{t+1}

The scales c_t = p(x_t | x_1 … x_{t−1}) make every α_t sum to 1, so that nothing underflows and log p(x) = Σ log c_t: the same
numbers as in log space, in matrix products.  Posteriors are γ_t = α_t ∘ β_t and, for pairs of states,
A ∘ Σ_t α_tᵀ (B(x_{t+1}) ∘ β_{t+1} / c_{t+1}).  Baum et al. 1970; Rabiner 1989, "A Tutorial on Hidden Markov Models", equations
18 to 40 and section V.A.  What is added to expected counts is a Dirichlet prior, and the maximum then that
of the posterior (Dempster, Laird & Rubin 1977).
Tests: tests/models/test_hmm.py (hmmlearn, all paths by hand, likelihood that never falls).
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from telos.models.counting.packed import Packed

CONCENTRATION, LEAST = 0.1, 1e-4
"""Of the first transitions (docs/log.md, 2026-11-25)."""


@dataclass(slots=True)
class Parameters:
    """``start_S``: of a document's first state; ``cut_S``: of the first state of a piece cut out of one; ``transition_SS``: from
    the row to the column; ``emission_SV``.  Float64; each row sums to 1."""

    start_S: np.ndarray
    cut_S: np.ndarray
    transition_SS: np.ndarray
    emission_SV: np.ndarray

    @classmethod
    def drawn(cls, states: int, frequencies_V: np.ndarray, rng: np.random.Generator) -> "Parameters":
        """At random.  For the tokens the text's ``frequencies_V`` times exponential draws, since a start near the data matters
        for emissions (Rabiner 1989, section V.C); for the states a few large transitions each, draws of a Dirichlet distribution
        with concentration `CONCENTRATION`: where all are about alike, so are all states, and the first passes gain nothing."""
        return cls.normalised(
            rng.random(states), rng.random(states), rng.gamma(CONCENTRATION, size=(states, states)) + LEAST,
            frequencies_V * rng.exponential(size=(states, len(frequencies_V))),
        )  # fmt: skip

    @classmethod
    def normalised(cls, *counts: np.ndarray) -> "Parameters":
        """From counts; a row of zeros, a state that is never left, becomes uniform."""
        totals = [count.sum(-1, keepdims=True) for count in counts]
        return cls(*(np.where(n > 0, count / np.where(n > 0, n, 1), 1 / count.shape[-1])
                     for count, n in zip(counts, totals, strict=True)))  # fmt: skip


@dataclass(slots=True)
class Expected:
    """Expected counts, float64, in the shapes of `Parameters`, and the log-likelihood of what was read, in nats."""

    start_S: np.ndarray
    cut_S: np.ndarray
    transition_SS: np.ndarray
    emission_SV: np.ndarray
    log_likelihood: float

    @classmethod
    def none(cls, like: Parameters) -> "Expected":
        zero = np.zeros_like
        return cls(zero(like.start_S), zero(like.cut_S), zero(like.transition_SS), zero(like.emission_SV), log_likelihood=0.0)

    def add(self, other: "Expected") -> None:
        """Those of other sequences, too."""
        self.start_S += other.start_S
        self.cut_S += other.cut_S
        self.transition_SS += other.transition_SS
        self.emission_SV += other.emission_SV
        self.log_likelihood += other.log_likelihood

    def maximised(self, pseudocount: float, frequencies_V: np.ndarray) -> Parameters:
        """The parameters under which what was expected is likeliest (Rabiner 1989, equation 40).

        ``pseudocount`` observations are added to each distribution: shared out evenly over states, and over tokens by their
        ``frequencies_V``, which sum to 1."""
        each = pseudocount / len(self.start_S)
        return Parameters.normalised(
            self.start_S + each, self.cut_S + each, self.transition_SS + each, self.emission_SV + pseudocount * frequencies_V
        )


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Products of this size on one thread each: several would wait for one another at every time step, on a busy machine
    far longer than they work.  Whole batches go side by side instead."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def expect(
    model: Parameters, tokens: np.ndarray, packed: Packed, *, whole: np.ndarray, dtype: torch.dtype = torch.float32
) -> Expected:
    """The expected counts of some sequences.  ``tokens``: packed.  ``whole``: of each sequence of ``packed.first``, whether
    it begins a document.  Time: 3 products of S × S a token, beside reading and writing S numbers a few times."""
    tokens_N = torch.from_numpy(np.ascontiguousarray(tokens))
    emission_VS = torch.from_numpy(np.ascontiguousarray(model.emission_SV.T)).to(dtype)
    transition_SS = torch.from_numpy(model.transition_SS).to(dtype)
    first_RS = torch.from_numpy(np.where(whole[:, None], model.start_S, model.cut_S)).to(dtype)
    seen_NS = emission_VS[tokens_N]
    times = list(packed.times())
    alpha_NS, scale_N = _forward(first_RS, transition_SS, seen_NS, times)
    beta_NS = _backward(transition_SS, seen_NS, scale_N, times)
    seen_NS *= beta_NS
    seen_NS /= scale_N[:, None]
    from_NS = alpha_NS[torch.from_numpy(packed.befores())]
    pairs_SS = from_NS.T @ seen_NS[times[0].stop :]
    gamma_NS = alpha_NS.mul_(beta_NS)
    begun = gamma_NS[times[0]].double().numpy()
    emission_SV = _by_token(tokens, gamma_NS, model.emission_SV.shape[1]).T
    return Expected(
        begun[whole].sum(0), begun[~whole].sum(0), (transition_SS * pairs_SS).double().numpy(), emission_SV,
        log_likelihood=float(scale_N.double().log().sum()),
    )  # fmt: skip


def _forward(first_RS: Tensor, transition_SS: Tensor, seen_NS: Tensor, times: list[slice]) -> tuple[Tensor, Tensor]:
    """α and c."""
    alpha_NS = torch.empty_like(seen_NS)
    scale_N = seen_NS.new_empty(len(seen_NS))
    ahead = first_RS
    for time in times:
        here = alpha_NS[time]
        rows = time.stop - time.start
        torch.mul(ahead[:rows], seen_NS[time], out=here)
        scale = here.sum(-1, keepdim=True)
        here /= scale
        scale_N[time] = scale[:, 0]
        ahead = here @ transition_SS
    return alpha_NS, scale_N


def _backward(transition_SS: Tensor, seen_NS: Tensor, scale_N: Tensor, times: list[slice]) -> Tensor:
    """β."""
    beta_NS = torch.ones_like(seen_NS)
    to_SS = transition_SS.T.contiguous()
    for time, after in zip(times[-2::-1], times[:0:-1], strict=True):
        rows = after.stop - after.start
        weighed = seen_NS[after] * beta_NS[after]
        weighed /= scale_N[after, None]
        torch.mm(weighed, to_SS, out=beta_NS[time.start : time.start + rows])
    return beta_NS


def _by_token(tokens: np.ndarray, gamma_NS: Tensor, size: int) -> np.ndarray:
    """Sum of the rows of each token, float64 (V, S)."""
    sums = torch.zeros(size, gamma_NS.shape[1], dtype=gamma_NS.dtype)
    sums.index_add_(0, torch.from_numpy(tokens), gamma_NS)
    return sums.double().numpy()
