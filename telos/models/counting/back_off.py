"""A back-off model: what any smoothing of n-grams comes to, and what an ARPA file holds.

    p(w | c) = the n-gram's own probability                          where c w is listed
             = weight(c) · p(w | c without its first token)           where it is not; weight 1 where c is not listed

Katz 1987, "Estimation of probabilities from sparse data"; any interpolated model has this form too (Chen & Goodman 1999, section
2.8).  N-grams are keys as in `telos.models.counting.counts`; the ``end_of_text`` stands both before a document, where ARPA files
have ``<s>``, and at its end, where they have ``</s>``: it is only ever the first token of an n-gram, or the last.
Tests: tests/models/test_ngram.py, tests/models/counting/test_kenlm.py (KenLM's scores).
"""

import numpy as np

from telos.models.counting.counts import depths


class BackOff:
    """Probabilities of n-grams up to a length, and weights of contexts.

    ``unigrams`` (V,) float64.  For k = 2 … order: ``keys[k - 2]`` int64 ascending, ``probabilities[k - 2]`` float64, one each,
    and ``weights[k - 2]`` float64, one for each n-gram of k − 1 tokens.  Memory: `state_bytes`, at most 24 bytes an n-gram.
    """

    def __init__(self, size: int, end: int, unigrams: np.ndarray):
        self.size, self.end, self.unigrams = size, end, unigrams
        self.keys: list[np.ndarray] = []
        self.probabilities: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []

    def append(self, keys: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> None:
        """The n-grams of one length more, and the weights of those that are now contexts."""
        assert len(keys) == len(probabilities)
        assert len(weights) == self.entries(self.order)
        self.keys.append(keys)
        self.probabilities.append(probabilities)
        self.weights.append(weights)

    @property
    def order(self) -> int:
        return 1 + len(self.keys)

    @property
    def state_bytes(self) -> int:
        return self.unigrams.nbytes + sum(a.nbytes for a in (*self.keys, *self.probabilities, *self.weights))

    def entries(self, length: int) -> int:
        """How many n-grams of so many tokens are listed."""
        return self.size if length == 1 else len(self.keys[length - 2])

    # -- looking up -------------------------------------------------------------------------------------------------

    def find(self, length: int, contexts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Ids, int64, of the n-grams of ``length`` ≥ 2 that are a context (an id, or -1) and a token; -1: not listed."""
        keys, wanted = self.keys[length - 2], contexts * self.size + tokens
        ranks = np.searchsorted(keys, wanted)
        ranks[ranks == len(keys)] = 0
        listed = (keys[ranks] == wanted) & (contexts >= 0) if len(keys) else np.zeros(len(wanted), bool)
        return np.where(listed, ranks, -1)

    def ids(self, grams: np.ndarray) -> np.ndarray:
        """Ids of n-grams (m, k) of tokens; -1 where one is not listed."""
        found = grams[:, 0].astype(np.int64)
        for length in range(2, grams.shape[1] + 1):
            found = self.find(length, found, grams[:, length - 1])
        return found

    def grams(self, length: int) -> np.ndarray:
        """The listed n-grams of so many tokens, int64 (m, length), in the order of their ids."""
        columns, ids = [], np.arange(self.entries(length))
        for k in range(length, 1, -1):
            keys = self.keys[k - 2][ids]
            columns.append(keys % self.size)
            ids = keys // self.size
        return np.stack([ids, *columns[::-1]], axis=1)

    # -- probabilities ----------------------------------------------------------------------------------------------

    def of(self, grams: np.ndarray) -> np.ndarray:
        """p(last token | the tokens before it) of n-grams (m, k ≤ order), float64 (m,), whether they are listed or not."""
        tokens = grams[:, -1]
        probability = self.unigrams[tokens]
        for length in range(2, grams.shape[1] + 1):
            contexts = self.ids(grams[:, -length:-1])
            probability = self._longer(length, contexts, tokens, probability)[0]
        return probability

    def _longer(
        self, length: int, contexts: np.ndarray, tokens: np.ndarray, shorter: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities with one token of context more, from those with less; and the ids of the n-grams."""
        ranks = self.find(length, contexts, tokens)
        weights = np.append(self.weights[length - 2], 1.0)[contexts]
        own = self.probabilities[length - 2][ranks] if self.entries(length) else shorter
        return np.where(ranks >= 0, own, weights * shorter), ranks

    def stream(self, tokens: np.ndarray) -> np.ndarray:
        """Probability of each token of a stream given its document so far, float64 (n,)."""
        depth, _ = depths(tokens, self.end)
        probability = self.unigrams[tokens]
        ids = tokens.astype(np.int64)
        for length in range(2, self.order + 1):
            context = np.concatenate([[self.end], ids[:-1]])
            places = np.flatnonzero((depth >= length - 2) & (context >= 0))
            found, ranks = self._longer(length, context[places], tokens[places], probability[places])
            probability[places] = found
            ids = np.full(len(tokens), -1)
            ids[places] = ranks
        return probability

    def following(self, history: np.ndarray) -> np.ndarray:
        """Probability of every token after a history of at least one token, float64 (V,)."""
        probability = self.unigrams.copy()
        for length in range(2, min(self.order, len(history) + 1) + 1):
            context = int(self.ids(history[None, 1 - length :])[0])
            if context >= 0:
                probability *= self.weights[length - 2][context]
                keys = self.keys[length - 2]
                span = slice(*np.searchsorted(keys, [context * self.size, (context + 1) * self.size]))
                probability[keys[span] - context * self.size] = self.probabilities[length - 2][span]
        return probability

    # -- leaving out ------------------------------------------------------------------------------------------------

    def only(self, stay: list[np.ndarray]) -> "BackOff":
        """The model without some n-grams, weights as they are.  ``stay``: for k = 2 … order, bool for each n-gram; one that
        stays has its context."""
        made = BackOff(self.size, self.end, self.unigrams)
        new_ids, contexts_stay = np.arange(self.size), np.ones(self.size, bool)
        for keys, probabilities, weights, staying in zip(self.keys, self.probabilities, self.weights, stay, strict=True):
            context = keys[staying] // self.size
            assert contexts_stay[context].all(), "an n-gram stays without its context"
            made.append(new_ids[context] * self.size + keys[staying] % self.size, probabilities[staying], weights[contexts_stay])
            new_ids, contexts_stay = np.cumsum(staying) - 1, staying
        return made
