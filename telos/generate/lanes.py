"""Sequences that grow together: what gives the logits of each one's next token.

`NetworkLanes` keeps a state (a key-value cache, a recurrent state), `CountingLanes` the contexts themselves.  Both have
``logits_BV`` for the rows as they are, ``grow`` to give each row its next token, and ``select`` to go on with some rows.
Tests: tests/generate/test_engine.py (cached equals uncached, batched equals single).
"""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from telos.models import Counting, Hidden, Inputs, Network, Pattern


class Lanes(Protocol):
    """What the engine asks of either kind of model."""

    logits_BV: Tensor
    """Logits of each row's next token, on the CPU, fp32 or fp64."""

    def grow(self, tokens: list[int]) -> None:
        """Append one token to each row."""

    def select(self, rows: list[int]) -> None:
        """Go on with these rows, in this order; the same row may come several times."""


def reads_source(model: Network | Counting) -> bool:
    """Whether a model is an encoder-decoder: a prompt is then its source, and what it writes begins anew."""
    return "encoder_decoder" in getattr(getattr(model, "spec", None), "patterns", ())


class NetworkLanes:
    """Rows of a network, prompts of unequal lengths padded on the right; ``sources`` of an encoder-decoder, padded too.

    The padding is read once with the prompts and then dropped from the state (``keep``), so every row stands at its own
    length and no row's values depend on another's.  Logits are taken at one position a row.
    """

    def __init__(self, network: Network, prompts: list[list[int]], capacity: int, sources: list[list[int]] | None = None):
        self._network = network
        self._device = next(network.parameters()).device  # type: ignore[attr-defined]
        self._state = network.new_state(len(prompts), capacity)
        tokens_BT, lengths_B = self._padded(prompts)
        inputs = Inputs(tokens_BT)
        self._pattern: Pattern = "causal" if sources is None else "encoder_decoder"
        if sources is not None:
            source_BS, source_lengths_B = self._padded(sources)
            inputs = Inputs(tokens_BT, pattern=self._pattern, source_BS=source_BS, source_lengths_B=source_lengths_B)
        self._read(inputs, lengths_B - 1)
        if len({len(prompt) for prompt in prompts}) > 1:
            self._state.keep(lengths_B)

    def _padded(self, sequences: list[list[int]]) -> tuple[Tensor, Tensor]:
        """Sequences padded with 0 to one length, and their lengths."""
        lengths = [len(one) for one in sequences]
        padded = [one + [0] * (max(lengths) - len(one)) for one in sequences]
        return torch.tensor(padded, dtype=torch.int64, device=self._device), torch.tensor(lengths, device=self._device)

    def _read(self, inputs: Inputs, last_B: Tensor) -> None:
        hidden = self._network.hidden(inputs, self._state)
        self._state = hidden.state
        rows_B = torch.arange(len(last_B), device=self._device)
        last = Hidden(hidden.values_BTD[rows_B, last_B][:, None])
        self.logits_BV = self._network.over_logits(last, lambda logits: logits)[:, 0].cpu()

    def grow(self, tokens: list[int]) -> None:
        tokens_BT = torch.tensor(tokens, dtype=torch.int64, device=self._device)[:, None]
        self._read(Inputs(tokens_BT, pattern=self._pattern), torch.zeros_like(tokens_BT[:, 0]))

    def select(self, rows: list[int]) -> None:
        self._state.select(torch.tensor(rows, device=self._device))
        self.logits_BV = self.logits_BV[rows]


class CountingLanes:
    """Rows of a model that counts: it is asked with each row's whole context at every step."""

    def __init__(self, model: Counting, prompts: list[list[int]]):
        self._model = model
        self._contexts = [list(prompt) for prompt in prompts]
        self._ask()

    def _ask(self) -> None:
        rows = [self._model.log_probabilities(np.asarray(context, dtype=np.int64)) for context in self._contexts]
        self.logits_BV = torch.from_numpy(np.stack(rows))

    def grow(self, tokens: list[int]) -> None:
        for context, token in zip(self._contexts, tokens, strict=True):
            context.append(token)
        self._ask()

    def select(self, rows: list[int]) -> None:
        self._contexts = [self._contexts[row].copy() for row in rows]
        self.logits_BV = self.logits_BV[rows]
