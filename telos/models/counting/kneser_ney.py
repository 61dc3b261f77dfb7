"""Interpolated modified Kneser-Ney smoothing.

    p_k(w | c) = (a(c w) − D_k(a(c w))) / a(c ·)  +  γ_k(c) · p_{k−1}(w | c without its first token)
    γ_k(c)     = Σ_w D_k(a(c w)) / a(c ·)                      p_0(w) = 1 / V

Chen & Goodman 1999, "An empirical study of smoothing techniques for language modeling", section 3, with the adjusted counts a
of `telos.models.counting.counts`.  An n-gram that is left out for its small count gives all of it to γ, a(c w) in the place of
D_k(a(c w)); discounts are those of the whole text (Heafield et al. 2013, "Scalable Modified Kneser-Ney Language Model
Estimation", and KenLM's ``lmplz --prune``).
Tests: tests/models/test_ngram.py (a plain dictionary implementation), tests/models/counting/test_kenlm.py (KenLM's estimator,
every probability and back-off weight).
"""

import numpy as np

from telos.models.counting.back_off import BackOff
from telos.models.counting.counts import Counts, kept

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""Used where counts of counts say nothing (KenLM's choice for ``--discount_fallback``)."""


def discounts(counts: np.ndarray) -> np.ndarray:
    """(0, D1, D2, D3+), float64: what is taken off counts of 0, 1, 2 and 3 or more.

    With n_i the number of n-grams whose count is i and Y = n1 / (n1 + 2 n2):
    D1 = 1 − 2Y n2/n1,  D2 = 2 − 3Y n3/n2,  D3+ = 3 − 4Y n4/n3   (Chen & Goodman 1999, equation 26).
    Where one of n1 … n4 is zero or a D is not positive (small or regular texts), one discount Y for all (Ney et al. 1994)
    if n1 and n2 allow it; else `FALLBACK_DISCOUNTS`.
    """
    n1, n2, n3, n4 = (int((counts == i).sum()) for i in (1, 2, 3, 4))
    if n1 and n2:
        y = n1 / (n1 + 2 * n2)
        if n3 and n4:
            each = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
            if min(each) > 0:
                return np.array([0.0, *each])
        return np.array([0.0, y, y, y])
    return np.array([0.0, *FALLBACK_DISCOUNTS])


def estimate(tables: list[Counts], end: int, min_counts: tuple[int, ...] = ()) -> BackOff:
    """The interpolated model in back-off form: each n-gram's whole probability, and γ of each context as its weight."""
    size = len(tables[0].keys)
    stay = kept(tables, min_counts)
    model = BackOff(size, end, _unigram(tables[0].preceded))
    shorter = model.unigrams
    for table, staying in zip(tables[1:], stay[1:], strict=True):
        context, counts = table.keys // size, table.preceded
        contexts = len(shorter)
        off = discounts(counts)[np.minimum(counts, 3)]
        totals = np.bincount(context, weights=counts, minlength=contexts)
        freed = np.bincount(context, weights=np.where(staying, off, counts), minlength=contexts)
        gammas = np.divide(freed, totals, out=np.ones(contexts), where=totals > 0)
        # Of pieces, a context may stand before nothing whose own predecessor is known: it then says what its suffix says.
        shorter = (counts - off) / np.where(totals > 0, totals, 1)[context] + gammas[context] * shorter[table.suffixes]
        model.append(table.keys, shorter, gammas)
    return model if all(one.all() for one in stay) else model.only(stay[1:])


def _unigram(counts: np.ndarray) -> np.ndarray:
    """p_1 over the vocabulary, float64 (V,), from the adjusted count of each token."""
    total = int(counts.sum())
    if total == 0:
        return np.full(len(counts), 1 / len(counts))
    off = discounts(counts)[np.minimum(counts, 3)]
    return (counts - off + off.sum() / len(counts)) / total
