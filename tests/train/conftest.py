"""A small text in Chinese and English as a token store, a tiny network of our own, and one call that trains it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from telos.foundation.document import Document
from telos.foundation.files import MANIFEST, sha256
from telos.models import Hidden, Inputs, Model, Network
from telos.objectives.causal import Causal
from telos.optim.optimizers.muon import Muon
from telos.optim.schedules.warmup_stable_decay import WarmupStableDecay
from telos.tokens.batches import Batches
from telos.tokens.store import TokenStore
from telos.tokens.tokenizers.byte import Byte
from telos.tokens.vocabulary import Vocabulary
from telos.train.clock import Clock
from telos.train.loop import Outcome, train
from telos.train.settings import Train

ENGLISH = "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness. "
CHINESE = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。中华人民共和国公民在法律面前一律平等。"
TEXTS = [f"{i} {ENGLISH[i:]}{CHINESE[: 5 + i]}" for i in range(12)] + [f"{i} {CHINESE[i:]}" for i in range(12)]


QUICK = {"budget": "12 steps", "batch_tokens": 96, "checkpoint_every": "0 steps", "precision": "fp32", "threads": 1,
         "watchers": ["metrics_jsonl"]}  # fmt: skip


class TinySpec(Model):
    """Embedding, one hidden matrix and a head; with dropout, so that its seeding is tested."""

    hidden_size: int = 16
    dropout: float = 0.0
    penalty: float = 0.0

    def build(self, vocabulary: Vocabulary, seed: int = 1) -> "Tiny":
        return Tiny(self, vocabulary, seed)


class Tiny(nn.Module, Network):
    """A token sees itself and a running mean of what came before it in its row."""

    def __init__(self, spec: TinySpec, vocabulary: Vocabulary, seed: int):
        super().__init__()
        self.spec, self.vocabulary, self.context_length, self.compute_dtype = spec, vocabulary, 24, torch.float32
        generator = torch.Generator().manual_seed(seed)

        def made(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(shape, generator=generator) * 0.3)

        self.embed, self.mix, self.head = made(vocabulary.size, spec.hidden_size), made(spec.hidden_size, spec.hidden_size), None
        self.head, self.gain = made(vocabulary.size, spec.hidden_size), nn.Parameter(torch.ones(spec.hidden_size))

    def hidden(self, inputs: Inputs, state: Any = None) -> Hidden:
        x = self.embed[inputs.tokens_BT]
        steps = torch.arange(1, x.shape[1] + 1, device=x.device, dtype=x.dtype)[None, :, None]
        x = x + torch.tanh(x.cumsum(1) / steps @ self.mix)
        x = nn.functional.dropout(x, self.spec.dropout, self.training)
        penalties = {"size": self.spec.penalty * x.square().mean()} if self.spec.penalty else {}
        return Hidden(x * self.gain, None, penalties)

    def nll(self, hidden: Hidden, targets_BT: torch.Tensor) -> torch.Tensor:
        logits = hidden.values_BTD @ self.head.T
        return nn.functional.cross_entropy(logits.flatten(0, 1), targets_BT.flatten(), reduction="none").view(targets_BT.shape)

    def over_logits(self, hidden: Hidden, function: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        return function(hidden.values_BTD @ self.head.T)

    def new_state(self, rows: int, capacity: int) -> Any:
        raise NotImplementedError

    def roles(self) -> dict:
        return {"embed": "embedding", "mix": "matrix", "head": "head", "gain": "vector"}

    def flops_per_token(self, context: int) -> float:
        return 2.0 * (self.mix.numel() + self.head.numel())


@pytest.fixture(scope="session")
def tokenizer():
    return Byte().train(lambda: iter(TEXTS), 0)


@pytest.fixture(scope="session")
def store(tokenizer, tmp_path_factory) -> TokenStore:
    folder = tmp_path_factory.mktemp("tokens") / "train"
    documents = (Document(f"{i:032x}", text, f"{i}.txt") for i, text in enumerate(TEXTS))
    return TokenStore.write(folder, documents, tokenizer)


@pytest.fixture
def tiny(tokenizer) -> Callable[..., Tiny]:
    def make(**settings: Any) -> Tiny:
        return TinySpec(**settings).build(tokenizer.vocabulary)

    return make


@pytest.fixture
def run(store, tokenizer, tiny, tmp_path) -> Callable[..., Outcome]:
    """Train the tiny network (or another) in a folder; keyword arguments change settings or parts."""

    def call(folder: Path | None = None, network: Any = None, *, evaluate=None, clock=None, data_hash=None, objective=None,
             optimizer=None, seed=1, owned=None, raw_length=24, drawn=Batches, **settings: Any) -> Outcome:  # fmt: skip
        network = network if network is not None else tiny()
        spec = Train(**(QUICK | settings))
        batches = drawn(store, raw_length, spec.rows(raw_length), seed)
        folder = folder or tmp_path / "run"
        folder.mkdir(exist_ok=True)
        return train(network, objective or Causal(), owned, optimizer=optimizer or Muon(), schedule=WarmupStableDecay(),
                     settings=spec.replace(seed=seed), batches=batches, vocabulary=tokenizer.vocabulary, folder=folder,
                     data_hash=data_hash or sha256(store.folder / MANIFEST), clock=clock or Clock(spec.budget),
                     evaluate=evaluate)  # fmt: skip

    return call
