"""A small network whose logits are known, models that count, and a byte tokenizer, for the tests of this room."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from telos.models import Counting, Hidden, Inputs, Network
from telos.models.transformer import Transformer
from telos.tokens.tokenizers import TrainedTokenizer
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary


class ByteTokens(TrainedTokenizer):
    """Every byte is a token; a few more tokens stand for several bytes, some of them cut inside a character."""

    more = ("的".encode(), "人民".encode()[:4], b" the", "€".encode()[:2])

    def __init__(self) -> None:
        self.token_bytes = [bytes([i]) for i in range(256)] + list(self.more) + [b""]
        ordinary = len(self.token_bytes) - 1
        self.vocabulary = Vocabulary(ordinary, "0123456789abcdef", {END_OF_TEXT: ordinary})

    def encode(self, text: str) -> np.ndarray:
        return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.uint32)

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        return [self.encode(text) for text in texts]

    def save(self, folder: Path) -> None:
        raise NotImplementedError


class Echo(nn.Module, Network):
    """h_t = h_{t−1}/2 + E x_t, logits = h_t Wᵀ: every token that was read counts, and the logits can be worked out."""

    def __init__(self, vocabulary: Vocabulary, context_length: int = 64, width: int = 16, seed: int = 0):
        super().__init__()
        made = torch.Generator().manual_seed(seed)
        self.table = nn.Parameter(torch.randn(vocabulary.size, width, generator=made))
        self.head = nn.Parameter(torch.randn(vocabulary.size, width, generator=made) / 2)
        self.spec, self.vocabulary, self.context_length = Transformer(), vocabulary, context_length
        self.calls: list[tuple[int, int]] = []

    def hidden(self, inputs: Inputs, state: Any = None) -> Hidden:
        embedded_BTD = self.table[inputs.tokens_BT]
        B, T, D = embedded_BTD.shape
        self.calls.append((B, T))
        h_BD = torch.zeros(B, D) if state is None else state.last()
        values = []
        for t in range(T):
            h_BD = h_BD / 2 + embedded_BTD[:, t]
            values.append(h_BD)
            if state is not None:
                state.append(h_BD)
        return Hidden(torch.stack(values, 1), state)

    def over_logits(self, hidden: Hidden, function: Callable[[Tensor], Tensor]) -> Tensor:
        logits = function((hidden.values_BTD.flatten(0, 1) @ self.head.t()).float())
        return logits.view(*hidden.values_BTD.shape[:2], *logits.shape[1:])

    def new_state(self, rows: int, capacity: int) -> "EchoState":
        return EchoState(rows, capacity, self.table.shape[1])

    def nll(self, hidden: Hidden, targets_BT: Tensor) -> Tensor:
        raise NotImplementedError

    def roles(self) -> dict:
        return {"table": "embedding", "head": "head"}

    def flops_per_token(self, context: int) -> float:
        return 2.0 * self.head.numel()


class EchoState:
    """h after every token of every row; asked for more than ``capacity`` it fails."""

    def __init__(self, rows: int, capacity: int, width: int):
        self.h_BSD, self.lengths_B = torch.zeros(rows, capacity, width), torch.zeros(rows, dtype=torch.int64)

    def last(self) -> Tensor:
        at = (self.lengths_B - 1).clamp(min=0)
        return self.h_BSD[torch.arange(len(at)), at] * (self.lengths_B > 0)[:, None]

    def append(self, h_BD: Tensor) -> None:
        self.h_BSD[torch.arange(len(h_BD)), self.lengths_B] = h_BD
        self.lengths_B = self.lengths_B + 1

    def keep(self, lengths_B: Tensor) -> None:
        self.lengths_B = lengths_B.clone()

    def select(self, rows: Tensor) -> None:
        self.h_BSD, self.lengths_B = self.h_BSD[rows], self.lengths_B[rows]


class Script(Counting):
    """Says given tokens one after another with probability 0.9, whatever was read, starting after the first ``skip``."""

    def __init__(self, vocabulary: Vocabulary, tokens: Iterable[int], skip: int):
        self.vocabulary, self.tokens, self.skip = vocabulary, list(tokens), skip

    def fit(self, tokens: np.ndarray) -> None:
        raise NotImplementedError

    def nll(self, tokens: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def log_probabilities(self, context: np.ndarray) -> np.ndarray:
        at = len(context) - self.skip
        p = np.full(self.vocabulary.size, 0.1 / (self.vocabulary.size - 1))
        p[self.tokens[at] if at < len(self.tokens) else self.vocabulary.end_of_text] = 0.9
        return np.log(p)


@pytest.fixture
def tokenizer() -> ByteTokens:
    return ByteTokens()


@pytest.fixture
def echo() -> Callable[..., Echo]:
    return Echo


@pytest.fixture
def script() -> Callable[..., Script]:
    return Script
