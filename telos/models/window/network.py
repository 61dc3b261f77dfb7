"""A network whose next token depends on the last k tokens alone.

Tests: tests/models/test_softmax_regression.py, tests/models/test_perceptron.py, tests/contracts/test_models.py.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from telos.layers.cross_entropy import chunk_rows
from telos.models import Hidden, Inputs, Model, Network
from telos.models.window.state import WindowState, window_codes
from telos.tokens.vocabulary import Vocabulary


class Window(Model):
    """``window``: k, how many tokens the next one depends on; before a document's first token the end of text stands.
    ``context_length``: tokens in a row of training; the window goes on from row to row, and nothing else hangs on it."""

    carries_state: ClassVar[bool] = True

    window: int = Field(2, ge=1, le=64)
    context_length: int = Field(64, ge=1)


class WindowNetwork(nn.Module, Network):
    """Reads windows of tokens; ``compute_dtype``: type of activations and products, parameters are fp32 masters."""

    spec: Window

    def __init__(self, spec: Window, vocabulary: Vocabulary):
        super().__init__()
        self.spec, self.vocabulary, self.context_length = spec, vocabulary, spec.context_length
        self.compute_dtype = torch.float32

    @abstractmethod
    def values(self, tokens_BTW: Tensor) -> Tensor:
        """What the output reads, (B, T, D), from the tokens of each window, (B, T, k), the newest first."""

    @abstractmethod
    def chunk_logits(self, values_ND: Tensor) -> Tensor:
        """Logits (N, V) of some rows of values, fp32."""

    def hidden(self, inputs: Inputs, state: WindowState | None = None) -> Hidden:
        """Raises `TelosError` for a state of another number of rows."""
        tokens = inputs.tokens_BT
        going = self.new_state(tokens.shape[0], tokens.shape[1]) if state is None else state
        codes_BTW = window_codes(tokens, inputs.segments_BT, going.values_BS)
        if state is not None:
            state.advance(codes_BTW)
        ids = torch.where(codes_BTW == 0, self.vocabulary.end_of_text, codes_BTW - 1)
        return Hidden(self.values(ids), state)

    def over_logits(self, hidden: Hidden, function: Callable[[Tensor], Tensor]) -> Tensor:
        values = hidden.values_BTD.flatten(0, 1)
        joined = torch.cat([function(self.chunk_logits(part)) for part in values.split(chunk_rows(self.vocabulary.size))])
        return joined.view(*hidden.values_BTD.shape[:2], *joined.shape[1:])

    def new_state(self, rows: int, capacity: int) -> WindowState:
        """``capacity`` is of no concern: the state has one size for any length."""
        return WindowState(rows, self.spec.window - 1, next(self.parameters()).device)
