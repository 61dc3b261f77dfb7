"""Bits per byte of held-out text, where a model says how probable a text is; a bound on them is marked as a bound.

    exact    −Σ_t log₂ p(x_t | x_<t) ÷ bytes                                causal, prefix, infill, multi_token, counting
    bound    E over orders z of −Σ_t log₂ p(x_{z_t} | x_{z_<t}) ÷ bytes     permutation, masked_diffusion

A model that predicts in any order gives each order a probability of the text, and their mean cannot cost more than the mean of
their costs (Jensen): what is measured is an upper bound on the bits under the process that draws an order first.  Hoogeboom et
al. 2022, "Autoregressive Diffusion Models" (arXiv:2110.02037), equations 2 and 3; for masked diffusion `telos.objectives`'s own
bound, whose limit is the same expectation.  Bounds are compared with bounds alone.  Ends of documents are counted by all.
Tests: tests/evaluate/yardsticks/test_bits_per_byte.py.
"""

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from telos.evaluate.documents import measure
from telos.evaluate.likelihood import FEW_DOCUMENTS, Likelihood, unit_edges
from telos.evaluate.score import extent, network_nll
from telos.evaluate.yardsticks import Context, Measured, Subject, Yardstick
from telos.foundation.errors import TelosError
from telos.objectives import Objective
from telos.tokens.batches import Row

CHUNK_BYTES = 131_072
"""Text between two looks at the clock."""


class BitsPerByte(Yardstick):
    """``draws``: of a bound, how many random orders or shares of hidden tokens are drawn for each piece of text."""

    title: ClassVar[str] = "bits per byte"
    unit: ClassVar[str] = "bits per byte"
    better: ClassVar[Literal["lower", "higher"]] = "lower"
    measures: ClassVar[str] = "How many bits the model needs for a byte of text that it has not read."
    comparable: ClassVar[str] = "likelihood"

    draws: int = Field(4, ge=1)

    def applies(self, model: Subject) -> str | None:
        return None if model.likelihood is None or bounding(model.objective) is not None else model.likelihood

    def measured(self, model: Subject, context: Context) -> Measured:
        texts = list(context.texts)
        sizes = np.array([len(text.encode(errors="replace")) for text in texts])
        if not sizes.sum():
            raise TelosError("held-out texts must have at least one byte", "none", "give a file or folder with text")
        exact = model.likelihood is None
        at_once = max(1, int(CHUNK_BYTES / max(1.0, sizes.mean())))
        items: list[str] = []
        above, below = [], []
        for chunk in context.chunks(len(texts), at_once, None, "documents"):
            ids = model.tokenizer.encode_batch([texts[i] for i in chunk])
            end = model.model.vocabulary.end_of_text
            tokens = [np.append(one, end).astype(np.int64) for one in ids]
            nats = _exact(model, tokens, context) if exact else self._bound(model, tokens, chunk, context)
            for document, one, nll in zip(chunk.tolist(), ids, nats, strict=True):
                token_bytes, _ = model.tokenizer.sizes(one, texts[document])
                # A document is an item, or a block of it where there are few.
                edges = unit_edges(token_bytes.sum(keepdims=True), few=1 if len(texts) >= FEW_DOCUMENTS else 2)
                found = Likelihood.of(nll, token_bytes, edges)
                above.append(found.nats / np.log(2))
                below.append(found.bytes)
                blocks = len(found.bytes)
                items += [context.name(document) + (f"#{block}" if blocks > 1 else "") for block in range(blocks)]
        kind = "exact" if exact else "bound"
        scale = self.comparable if exact else "bound on the likelihood, over random orders"
        sees = "all before a token" if exact else "any other tokens, in random order"
        return Measured(items, np.concatenate(above), np.concatenate(below), kind, scale, sees)

    def _bound(self, model: Subject, tokens: list[np.ndarray], chunk: np.ndarray, context: Context) -> list[np.ndarray]:
        """Nats of each token, those of a piece of the document shared out evenly among its tokens, the mean over draws."""
        objective = bounding(model.objective)
        assert objective is not None
        longest, end = objective.raw_length(model.model.context_length), model.model.vocabulary.end_of_text
        rows: list[Row] = []
        sizes: list[int] = []
        for ids in tokens:
            for at in range(0, len(ids), longest):
                part = ids[at : at + longest]
                # Each piece a document of its own: figures come a row.
                rows.append(Row(part, end, np.full(len(part), len(rows)), len(rows)))
                sizes.append(len(part))
        sums = np.zeros(len(rows))
        for draw in range(self.draws):
            seed = context.seed + 1_000_003 * draw + 7919 * int(chunk[0])
            found = measure(model.whole, objective, rows, model.model.vocabulary, seed=seed, what=f"orders, draw {draw + 1}")
            sums += next(iter(found.sums.values())) / self.draws
        spread = np.repeat(sums / np.array(sizes), sizes)
        return np.split(spread, np.cumsum([len(ids) for ids in tokens])[:-1])


def bounding(objective: Objective | None) -> Objective | None:
    """The objective whose loss, summed over a text, bounds its nats; None where there is none."""
    from telos.objectives.masked_diffusion import MaskedDiffusion
    from telos.objectives.permutation import Permutation

    if isinstance(objective, MaskedDiffusion):
        return objective
    return objective.replace(predicted_fraction=1.0) if isinstance(objective, Permutation) else None


def _exact(model: Subject, tokens: list[np.ndarray], context: Context) -> list[np.ndarray]:
    whole = np.concatenate(tokens)
    if model.counts:
        nats: Any = model.model.nll(whole)
    else:
        length, stride = extent(model.model.spec)
        nats = network_nll(model.model, whole, context_length=length, stride=stride, batch_tokens=context.batch_tokens,
                           what="bits per byte")  # fmt: skip
    return np.split(nats.astype(np.float64), np.cumsum([len(ids) for ids in tokens])[:-1])
