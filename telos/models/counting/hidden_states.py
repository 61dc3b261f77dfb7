"""What a hidden Markov model says of a text: each token's probability (filter), and the likeliest states (Viterbi).

    filter:   p(x_t | x_1 … x_{t−1}) = Σ_s (α_{t−1} A)_s B_s(x_t)                    (α as in `baum_welch`)
    Viterbi:  δ_t(s) = max_r [δ_{t−1}(r) + log A_rs] + log B_s(x_t), and back along the r that gave the maximum

Rabiner 1989, "A Tutorial on Hidden Markov Models", sections III.A and III.B; Viterbi 1967.  Float64.
Tests: tests/models/test_hmm.py (hmmlearn, all paths by hand).
"""

import numpy as np

from telos.models.counting.baum_welch import Parameters
from telos.models.counting.packed import Packed

VITERBI_NUMBERS = 2_000_000
"""At most so many sums of a state pair and a sequence are held at once."""


def filtered(model: Parameters, tokens: np.ndarray, packed: Packed) -> np.ndarray:
    """Probability of each packed token given those before it in its sequence, float64 (n,).  After a token of probability 0 the
    states stay as they were predicted."""
    found = np.empty(len(packed))
    emission_VS = np.ascontiguousarray(model.emission_SV.T)
    ahead = np.broadcast_to(model.start_S, (len(packed.first), len(model.start_S)))
    for time in packed.times():
        ahead = ahead[: time.stop - time.start]
        joint = ahead * emission_VS[tokens[time]]
        scale = joint.sum(-1)
        found[time] = scale
        possible = scale > 0
        alpha = np.where(possible[:, None], joint, ahead) / np.where(possible, scale, 1.0)[:, None]
        ahead = alpha @ model.transition_SS
    return found


def predicted(model: Parameters, document: np.ndarray) -> np.ndarray:
    """Distribution of the state after a document's beginning, float64 (S,)."""
    ahead = model.start_S
    for token in document:
        joint = ahead * model.emission_SV[:, token]
        scale = joint.sum()
        ahead = (joint / scale if scale > 0 else ahead) @ model.transition_SS
    return ahead


def viterbi(model: Parameters, tokens: np.ndarray, packed: Packed) -> np.ndarray:
    """The states of the likeliest path through each sequence, int64 (n,), packed; the lower state where two are as likely."""
    with np.errstate(divide="ignore"):
        start, transition, emission_VS = np.log(model.start_S), np.log(model.transition_SS), np.log(model.emission_SV.T)
    states = len(start)
    back = np.zeros((len(packed), states), np.min_scalar_type(states - 1))
    times = list(packed.times())
    last = np.zeros((len(packed.first), states))
    score = np.broadcast_to(start, last.shape)
    at_once = max(1, VITERBI_NUMBERS // states**2)
    for t, time in enumerate(times):
        rows = time.stop - time.start
        if t:
            score = np.empty((rows, states))
            for part in (slice(i, min(rows, i + at_once)) for i in range(0, rows, at_once)):
                paths = last[part, :, None] + transition
                chosen = paths.argmax(1)
                back[time][part] = chosen
                score[part] = np.take_along_axis(paths, chosen[:, None], 1)[:, 0]
        last[:rows] = score + emission_VS[tokens[time]]
    found = np.zeros(len(packed), np.int64)
    here = last.argmax(1)
    for time in reversed(times):
        rows = np.arange(time.stop - time.start)
        found[time] = here[rows]
        here[rows] = back[time][rows, here[rows]]
    return found
