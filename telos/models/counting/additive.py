"""Additive smoothing (Laplace, Lidstone) and relative frequencies, of the n-grams of one length.

    p(w | c) = (n(c w) + δ) / (n(c ·) + δ V),   c the last order − 1 tokens, fewer where the document has begun later

δ = 1 adds one (Manning & Schütze 1999, section 6.2.2).  δ = 0 is maximum likelihood, which gives
nothing to what it has not seen; after a context that it has not seen it is 1 / V, the limit δ → 0.
Tests: tests/models/counting/test_additive.py (the formula, and published figures of bigrams over names).
"""

import numpy as np

from telos.models.counting.back_off import BackOff
from telos.models.counting.counts import Counts


def estimate(tables: list[Counts], end: int, pseudocount: float) -> BackOff:
    """The model in back-off form.

    There is one length for all contexts but those at a document's start, so that a shorter n-gram has a probability of its own
    only where it begins with ``end``; any other is 1 / V, what is left to an unseen context.
    """
    size = len(tables[0].keys)
    uniform = np.full(size, 1 / size)
    if len(tables) == 1:
        total = tables[0].raw.sum() + pseudocount * size
        return BackOff(size, end, (tables[0].raw + pseudocount) / total if total else uniform)
    model = BackOff(size, end, uniform)
    opens = np.arange(size) == end  # of contexts: whether they begin a document
    for length, table in enumerate(tables[1:], start=2):
        context, contexts = table.keys // size, len(opens)
        totals = np.bincount(context, weights=table.raw, minlength=contexts) + pseudocount * size
        own = opens | (length == len(tables))
        probabilities = np.where(own[context], (table.raw + pseudocount) / totals[context], 1 / size)
        weights = np.divide(pseudocount * size, totals, out=np.ones(contexts), where=own & (totals > 0))
        model.append(table.keys, probabilities, weights)
        opens = opens[context]
    return model
