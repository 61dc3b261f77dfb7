"""Sequences that grow together: what gives the logits of each one's next token.

`NetworkLanes` keeps a state (a key-value cache, a recurrent state), `CountingLanes` the contexts themselves.  Both have
``logits_BV`` for the rows as they are, ``grow`` to give each row its next token, and ``select`` to go on with some rows.
Tests: tests/generate/test_engine.py (cached equals uncached, batched equals single).
"""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from telos.models import Counting, Hidden, Inputs, Network


class Lanes(Protocol):
    """What the engine asks of either kind of model."""

    logits_BV: Tensor
    """Logits of each row's next token, on the CPU, fp32 or fp64."""

    def grow(self, tokens: list[int]) -> None:
        """Append one token to each row."""

    def select(self, rows: list[int]) -> None:
        """Go on with these rows alone, in this order."""


class NetworkLanes:
    """Rows of a network, prompts of unequal lengths padded on the right.

    The padding is read once with the prompts and then dropped from the state (``keep``), so every row stands at its own
    length and no row's values depend on another's.  Logits are taken at one position a row.
    """

    def __init__(self, network: Network, prompts: list[list[int]], capacity: int):
        self._network = network
        self._device = next(network.parameters()).device  # type: ignore[attr-defined]
        lengths = [len(prompt) for prompt in prompts]
        padded = [prompt + [0] * (max(lengths) - len(prompt)) for prompt in prompts]
        self._state = network.new_state(len(prompts), capacity)
        lengths_B = torch.tensor(lengths, device=self._device)
        self._read(padded, lengths_B - 1)
        if min(lengths) < max(lengths):
            self._state.keep(lengths_B)

    def _read(self, tokens: list[list[int]], last_B: Tensor) -> None:
        tokens_BT = torch.tensor(tokens, dtype=torch.int64, device=self._device)
        hidden = self._network.hidden(Inputs(tokens_BT), self._state)
        self._state = hidden.state
        rows_B = torch.arange(len(tokens), device=self._device)
        last = Hidden(hidden.values_BTD[rows_B, last_B][:, None])
        self.logits_BV = self._network.over_logits(last, lambda logits: logits)[:, 0].cpu()

    def grow(self, tokens: list[int]) -> None:
        self._read([[token] for token in tokens], torch.zeros(len(tokens), dtype=torch.int64, device=self._device))

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
        self._contexts = [self._contexts[row] for row in rows]
        self.logits_BV = self.logits_BV[rows]
