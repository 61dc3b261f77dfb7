"""Small models of every way to be asked, with weights that are not zero."""

import json

import numpy as np
import pytest
import torch

from telos.evaluate.yardsticks import Subject
from telos.models.gru import GRU
from telos.models.ngram import NGram
from telos.models.transformer import Transformer
from telos.objectives import Objective
from telos.tokens.tokenizers.byte import Byte

ENCODER = {"architecture": "encoder"}
BOTH = {"architecture": "encoder_decoder"}
KINDS = {
    "causal": ({"kind": "causal"}, {}),
    "prefix": ({"kind": "prefix"}, {}),
    "multi_token": ({"kind": "multi_token", "tokens": 2}, {}),
    "infill": ({"kind": "infill"}, {}),
    "masked": ({"kind": "masked"}, ENCODER),
    "masked_diffusion": ({"kind": "masked_diffusion"}, {}),
    "permutation": ({"kind": "permutation"}, {}),
    "spans_causal": ({"kind": "span_corruption", "max_spans": 4, "layout": "causal"}, {}),
    "spans_prefix": ({"kind": "mixture_of_denoisers", "max_spans": 4, "layout": "prefix"}, {}),
    "spans_both": ({"kind": "span_corruption", "max_spans": 4, "layout": "encoder_decoder"}, BOTH),
    "replaced_token": ({"kind": "replaced_token"}, ENCODER),
    "gru": ({"kind": "causal"}, None),
}
"""Name → (objective, settings of a Transformer; None for a GRU)."""


def made(name: str, context_length: int = 128) -> Subject:
    """A model with random weights, keyed by its name."""
    tokenizer = Byte().train(lambda: iter(()), 0)
    settings, architecture = KINDS[name]
    objective = Objective.parse(settings)
    vocabulary = tokenizer.vocabulary.with_specials(objective.special_tokens())
    if architecture is None:
        spec = GRU(hidden_size=12, context_length=context_length)
    else:
        spec = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=context_length, **architecture)
    network = spec.build(vocabulary, 1)
    owned = objective.build(network, vocabulary)
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    with torch.no_grad():
        for module in (network, owned):
            for parameter in [] if module is None else module.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.2)
    return Subject(network.eval(), tokenizer, objective.fitted(spec), None if owned is None else owned.eval())


def counted(texts: list[str], order: int = 6) -> Subject:
    """An n-gram of bytes that has read the texts."""
    tokenizer = Byte().train(lambda: iter(()), 0)
    model = NGram(order=order).build(tokenizer.vocabulary)
    end = tokenizer.vocabulary.end_of_text
    model.fit(np.concatenate([np.append(tokenizer.encode(text), end) for text in texts]).astype(np.int64))
    return Subject(model, tokenizer)


@pytest.fixture(scope="session")
def subject():
    """A function from name to model, each made once."""
    known: dict[str, Subject] = {}

    def of(name: str) -> Subject:
        if name not in known:
            known[name] = made(name)
        return known[name]

    return of


@pytest.fixture
def ngram():
    return counted


@pytest.fixture
def new_subject():
    """The same, of another context length, made anew."""
    return made


@pytest.fixture
def labelled_file(tmp_path):
    """A function from (text, label) to a JSON Lines file of them."""

    def write(rows):
        path = tmp_path / "set.jsonl"
        path.write_text("\n".join(json.dumps({"text": text, "label": label}) for text, label in rows))
        return path

    return write


@pytest.fixture
def two_classes():
    """A function from a number to so many texts of two classes, which their letters tell."""

    def make(n=120):
        rng, letters = np.random.default_rng(1), ("aeiou ", "xyzwq ")
        return [("".join(rng.choice(list(letters[i % 2]), 12)) + "!", ("vowels", "rest")[i % 2]) for i in range(n)]

    return make
