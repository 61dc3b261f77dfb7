"""A small text in Chinese and English, and a trained tokenizer of each kind."""

from collections.abc import Callable

import pytest

from telos.foundation.document import Document
from telos.tokens.tokenizers import Tokenizer, TrainedTokenizer
from telos.tokens.tokenizers.bpe import BPE
from telos.tokens.tokenizers.byte import Byte
from telos.tokens.tokenizers.character import Character
from telos.tokens.tokenizers.word import Word

CHINESE = [
    "中华人民共和国公民在法律面前一律平等。国家尊重和保障人权。",
    "任何公民享有宪法和法律规定的权利，同时必须履行宪法和法律规定的义务。",
    "中华人民共和国国家机关实行民主集中制的原则。全国人民代表大会由民主选举产生，对人民负责，受人民监督。",
    "春眠不觉晓，处处闻啼鸟。\n夜来风雨声，花落知多少。",
]
ENGLISH = [
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness.",
    "Call me Ishmael. Some years ago—never mind how long precisely—having little or no money in my purse,\nI thought I'd sail.",
    "def add(first, second):\n    return first + second\n\n\nprint(add(1, 2345))\n",
]
TEXTS = CHINESE + ENGLISH

SETTINGS: dict[str, Tokenizer] = {"byte": Byte(), "character": Character(), "bpe": BPE(vocab_size=340), "word": Word()}


def train(spec: Tokenizer, texts: list[str]) -> TrainedTokenizer:
    return spec.train(lambda: iter(texts), sum(len(text.encode(errors="replace")) for text in texts))


@pytest.fixture(scope="session")
def make() -> Callable[[Tokenizer, list[str]], TrainedTokenizer]:
    return train


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return list(TEXTS)


@pytest.fixture(scope="session", params=list(SETTINGS))
def tokenizer(request: pytest.FixtureRequest) -> TrainedTokenizer:
    return train(SETTINGS[request.param], TEXTS)


@pytest.fixture(scope="session")
def byte() -> TrainedTokenizer:
    return train(Byte(), [])


@pytest.fixture(scope="session")
def documents() -> Callable[[list[str]], list[Document]]:
    return lambda texts: [Document(f"{i:032x}", text, f"{i}.txt") for i, text in enumerate(texts)]
