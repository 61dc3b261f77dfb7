"""Text classifier: filters of several widths over the embeddings, the largest answer of each over the text.

    c_{f,t} = ReLU(w_f · [x_t; …; x_{t+w−1}] + b_f)          h_f = max_t c_{f,t}

Kim 2014, "Convolutional Neural Networks for Sentence Classification", section 2: widths 3, 4 and 5 with 100 filters each, texts
padded with zeros so that every filter also meets their edges, dropout of a half on h; the linear head is the objective's.
Finds short phrases wherever they stand; the best of the small models on single sentences.
Tests: tests/models/test_convolution.py (torch.nn.Conv1d, padding, texts shorter than a filter).
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional

from telos.foundation.random import torch_generator
from telos.layers.linear import Linear
from telos.models import Hidden, Inputs, Model, Pattern, Role, TextEncoder
from telos.tokens.vocabulary import Vocabulary

EMBEDDING_BOUND = 0.25
"""Kim 2014, section 4.3 and the author's code: random embeddings of about the variance of trained ones.  So small, they are soon
moved further than they began; of variance 1 those of rare tokens stay noise (docs/log.md has both)."""


class Convolution(Model):
    """``embedding_size``: width of the embeddings.  ``widths``: tokens that a filter covers; ``num_filters`` of each.
    ``embedding_dropout`` and ``dropout``: of the embeddings, and of what the filters found.  ``context_length``: how many tokens
    of a text are read."""

    has_likelihood: ClassVar[bool] = False
    patterns: ClassVar[frozenset[Pattern]] = frozenset({"bidirectional"})

    embedding_size: int = Field(300, ge=1)
    widths: tuple[int, ...] = Field((3, 4, 5), min_length=1)
    num_filters: int = Field(100, ge=1)
    embedding_dropout: float = Field(0.0, ge=0, lt=1)
    dropout: float = Field(0.5, ge=0, lt=1)
    context_length: int = Field(512, ge=1)

    @field_validator("widths")
    @classmethod
    def _cover_something(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if min(widths) < 1 or len(set(widths)) < len(widths):
            raise ValueError("widths must be different whole numbers from 1 on")
        return widths

    def build(self, vocabulary: Vocabulary, seed: int = 1) -> "Filters":
        return Filters(self, vocabulary, seed)


class Filters(nn.Module, TextEncoder):
    """A built `Convolution`.  ``compute_dtype``: type of activations and products; parameters are fp32 masters.

    Initialisation: embeddings uniform in ±`EMBEDDING_BOUND`; filters uniform with variance 1/fan-in (LeCun et al. 1998,
    "Efficient BackProp", section 4.6), biases zero.
    """

    spec: Convolution

    def __init__(self, spec: Convolution, vocabulary: Vocabulary, seed: int):
        super().__init__()
        self.spec, self.vocabulary, self.context_length = spec, vocabulary, spec.context_length
        self.compute_dtype = torch.float32
        self.embeddings = nn.Parameter(torch.empty(vocabulary.size, spec.embedding_size))
        # A filter is a row of a matrix (its w·D weights): the optimizers of matrices can take it.
        made = [Linear(width * spec.embedding_size, spec.num_filters, bias=True) for width in spec.widths]
        self.filters: Sequence[Linear] = nn.ModuleList(made)  # type: ignore[assignment]
        generator = torch_generator(seed, "weights")
        with torch.no_grad():
            self.embeddings.uniform_(-EMBEDDING_BOUND, EMBEDDING_BOUND, generator=generator)
            for filters in self.filters:
                bound = (3 / filters.weight.shape[1]) ** 0.5
                filters.weight.uniform_(-bound, bound, generator=generator)

    def hidden(self, inputs: Inputs, state: None = None) -> Hidden:
        tokens_BT = inputs.tokens_BT
        x_BTD = functional.embedding(tokens_BT, self.embeddings).to(self.compute_dtype)
        x_BTD = functional.dropout(x_BTD, self.spec.embedding_dropout, self.training)
        read_BT = torch.ones_like(tokens_BT, dtype=torch.bool)
        if inputs.segments_BT is not None:
            read_BT = inputs.segments_BT == inputs.segments_BT[:, :1]
            x_BTD = x_BTD * read_BT[..., None]
        found = [self._largest(x_BTD, read_BT, *each) for each in zip(self.spec.widths, self.filters, strict=True)]
        return Hidden(functional.dropout(torch.cat(found, 1), self.spec.dropout, self.training)[:, None])

    def _largest(self, x_BTD: Tensor, read_BT: Tensor, width: int, filters: Linear) -> Tensor:
        """(B, F): the largest answer of each filter over all places where it covers at least one token that is read."""
        weight = filters.weight.view(-1, width, x_BTD.shape[2]).transpose(1, 2).to(x_BTD.dtype)
        assert filters.bias is not None
        answers_BFT = functional.conv1d(x_BTD.transpose(1, 2), weight, filters.bias.to(x_BTD.dtype), padding=width - 1)
        # An answer is never below 0, so that 0 for the places in the padding leaves the largest as it is.
        meets_BT = functional.max_pool1d(functional.pad(read_BT.to(x_BTD.dtype), (width - 1, width - 1))[:, None], width, 1)
        return (answers_BFT.relu() * meets_BT).amax(2)

    def roles(self) -> dict[str, Role]:
        found: dict[str, Role] = {"embeddings": "embedding"}
        return found | {name: "matrix" if p.ndim == 2 else "vector" for name, p in self.named_parameters() if name not in found}

    def flops_per_token(self, context: int) -> float:
        """2 for every weight of a filter at every place."""
        return 2.0 * sum(filters.weight.numel() for filters in self.filters)
