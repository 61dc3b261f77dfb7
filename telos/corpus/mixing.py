"""Mixing: how often each training document is taken, so that the parts of a mixture have the shares that were asked for.

Of parts with n_i bytes of training text, part i gets the share

    p_i = w_i ÷ Σ w_j            where weights are given
    p_i = n_i^(1/τ) ÷ Σ n_j^(1/τ)   else: temperature sampling (Conneau et al. 2020, section 3.1, with α = 1/τ)

of B bytes in all.  That is e_i = p_i B ÷ n_i epochs of the part, at most ``max_epochs`` (repeating text more than about four
times teaches little: Muennighoff et al. 2023, section 4); what a capped part leaves goes to the others in proportion.
Every document of part i is taken ⌊e_i⌋ times, and the first ones by a hash once more until their bytes make up the rest.
Test: tests/corpus/test_mixing.py.
"""

from collections.abc import Sequence

import numpy as np

from telos.corpus.sources import Source
from telos.corpus.split import Assignment, Documents, uniform
from telos.corpus.survivors import Survivors
from telos.foundation.errors import TelosError


def copies_of(  # noqa: PLR0917
    sources: Sequence[Source], survivors: Survivors, documents: Documents, assignment: Assignment, max_bytes: int | None,
    seed: int,
) -> np.ndarray | None:  # fmt: skip
    """How often each surviving document is taken, int64 (held-out ones once); None where no source is a mixture."""
    from telos.corpus.sources.mixture import Mixture

    mixtures = [source for source in sources if isinstance(source, Mixture)]
    if not mixtures:
        return None
    if len(sources) > 1 or assignment.split is None:
        found = f"{len(sources)} sources" if len(sources) > 1 else "documents that are cut by position"
        raise TelosError("a mixture must be the only source, and be split by whole documents", found,
                         "put all sources into the mixture, and choose split.kind=content")  # fmt: skip
    mixture, train = mixtures[0], np.flatnonzero(assignment.split == 0)
    parts = mixture.part_of(survivors.sources().to_pylist())
    copies = np.ones(len(documents), np.int64)
    mine, sizes = parts[train], documents.size_bytes[train]
    available = np.bincount(mine, sizes, minlength=len(mixture.parts)).astype(np.float64)
    total = float(available.sum()) if max_bytes is None else float(min(max_bytes, available.sum() * mixture.max_epochs))
    epochs = epochs_of(available, shares(available, mixture.weights(), mixture.temperature), total, mixture.max_epochs)
    u = uniform(documents.keys[train], seed, "mixture")
    for part, wanted in enumerate(epochs.tolist()):
        rows = np.flatnonzero(mine == part)
        rows = rows[np.lexsort((rows, u[rows]))]
        whole = int(wanted)
        once_more = np.cumsum(sizes[rows]) <= (wanted - whole) * available[part]
        copies[train[rows]] = whole + once_more
    return copies


def shares(available: np.ndarray, weights: Sequence[float] | None, temperature: float) -> np.ndarray:
    """p_i of each part; parts without text get nothing."""
    raw = np.asarray(weights, np.float64) if weights is not None else available ** (1 / temperature)
    raw = np.where(available > 0, raw, 0.0)
    return raw / raw.sum()


def epochs_of(available: np.ndarray, wanted: np.ndarray, total: float, max_epochs: float) -> np.ndarray:
    """e_i of each part, none above ``max_epochs``; together ``total`` bytes where the caps allow it."""
    epochs = np.zeros(len(available))
    free = available > 0
    left = total
    while free.any() and left > 0:
        share = wanted * free / max((wanted * free).sum(), 1e-300)
        trial = np.where(free, share * left / np.maximum(available, 1), epochs)
        capped = free & (trial >= max_epochs)
        if not capped.any():
            return np.where(free, trial, epochs)
        epochs[capped] = max_epochs
        left -= float((available[capped] * max_epochs).sum())
        free &= ~capped
    return epochs
