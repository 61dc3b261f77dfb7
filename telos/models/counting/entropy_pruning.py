"""Relative-entropy pruning: leave out the n-grams without which the model changes least.

Without the n-gram c w its probability becomes α'(c) p(w | c⁻), c⁻ the context without its first token, and the weight of c

    α'(c) = (1 − Σ p(v | c) + p(w | c)) / (1 − Σ p(v | c⁻) + p(w | c⁻)),    both sums over the tokens v listed after c.

The model p' then differs from p by

    D(p‖p') = −p(c) { p(w | c) [log p(w | c⁻) + log α'(c) − log p(w | c)] + [1 − Σ p(v | c)] [log α'(c) − log α(c)] }

and the n-gram goes where e^D − 1, the relative change of the perplexity, is below the threshold.  Stolcke 1998, "Entropy-based
Pruning of Backoff Language Models", equations 3 to 8, from the longest n-grams to the shortest; one that is the context of an
n-gram that stays, stays.  p(c) is the model's own; after Kneser-Ney smoothing its short n-grams are not those of a marginal,
and pruning costs more than it would after other smoothing (Chelba et al. 2010, "Study on Interaction between Entropy Pruning and
Kneser-Ney Smoothing").
Tests: tests/models/counting/test_entropy_pruning.py (D by summing over the whole vocabulary, sums, thresholds).
"""

import numpy as np

from telos.models.counting.back_off import BackOff


def prune(model: BackOff, threshold: float) -> BackOff:
    """The model without the n-grams whose going changes its perplexity by a smaller share than ``threshold``; weights anew, so
    that probabilities add up to 1.  A threshold of 0 leaves all."""
    stay = [np.ones(len(keys), bool) for keys in model.keys]
    for length in range(model.order, 1, -1):
        needed = np.zeros(model.entries(length), bool)
        if length < model.order:
            needed[model.keys[length - 1][stay[length - 1]] // model.size] = True
        stay[length - 2] = needed | (np.expm1(divergences(model, length)) >= threshold)
    return _weighed(model.only(stay), model)


def divergences(model: BackOff, length: int) -> np.ndarray:
    """D(p‖p') in nats, float64 (m,), without each of the n-grams of ``length`` tokens alone."""
    keys, p = model.keys[length - 2], model.probabilities[length - 2]
    grams, context = model.grams(length), keys // model.size
    lower = model.of(grams[:, 1:])
    freed, unlisted = _left(model, length, lower)
    alpha_new = (freed[context] + p) / (unlisted[context] + lower)
    change = p * (np.log(lower) + np.log(alpha_new) - np.log(p))
    there = freed[context] > 0
    rest = np.log(alpha_new[there]) - np.log(model.weights[length - 2][context[there]])
    change[there] += freed[context[there]] * rest
    return -_joint(model, length - 1)[context] * change


def _left(model: BackOff, length: int, lower: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each context, 1 − Σ p(v | c) and 1 − Σ p(v | c⁻) over the tokens v that are listed after it.

    The first is the weight times the second, which keeps its digits where both are small."""
    context = model.keys[length - 2] // model.size
    unlisted = np.maximum(0.0, 1 - np.bincount(context, weights=lower, minlength=model.entries(length - 1)))
    return model.weights[length - 2] * unlisted, unlisted


def _joint(model: BackOff, length: int) -> np.ndarray:
    """Probability of each listed n-gram, float64 (m,): of its first token, and of each that follows given those before."""
    grams = model.grams(length)
    product = np.ones(len(grams))
    for k in range(1, length + 1):
        product *= model.of(grams[:, :k])
    return product


def _weighed(pruned: BackOff, whole: BackOff) -> BackOff:
    """The pruned model with the weights that make probabilities add up to 1, from the shortest contexts on."""
    made = BackOff(pruned.size, pruned.end, pruned.unigrams)
    for length in range(2, pruned.order + 1):
        keys, p = pruned.keys[length - 2], pruned.probabilities[length - 2]
        context, contexts = keys // pruned.size, made.entries(length - 1)
        made.append(keys, p, pruned.weights[length - 2])
        lower = made.of(made.grams(length)[:, 1:])
        followed = np.bincount(context, minlength=contexts) > 0
        left = 1 - np.bincount(context, weights=p, minlength=contexts)
        unlisted = 1 - np.bincount(context, weights=lower, minlength=contexts)
        weights = np.divide(left, unlisted, out=pruned.weights[length - 2].copy(), where=followed & (unlisted > _ALL_LISTED))
        made.weights[length - 2] = np.where(followed, weights, 1.0)
    return made


_ALL_LISTED = 1e-12
"""A context after which less than this is left to tokens that are not listed has all of them listed, but for rounding."""
