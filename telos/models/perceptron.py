"""The neural probabilistic language model: a perceptron on the embeddings of the last k tokens.

    x = [C[x_t]; …; C[x_{t−k+1}]],   h = tanh(H x + d),   p(next) = softmax(U h + W x + b)

Bengio, Ducharme, Vincent and Jauvin 2003, "A Neural Probabilistic Language Model", equation 1 (JMLR 3: 1137–1155); W, the direct
connections, may be left out, as there.  Dropout on what the output layer reads: Srivastava et al. 2014.
Tests: tests/models/test_perceptron.py (the same network from torch.nn: logits, gradients, a step of AdamW).
"""

import math

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from telos.foundation.random import torch_generator
from telos.layers.cross_entropy import Kernels, linear_nll
from telos.layers.linear import Linear
from telos.models import Hidden, Role
from telos.models.window.network import Window, WindowNetwork
from telos.tokens.vocabulary import Vocabulary


class Perceptron(Window):
    """``embedding_size``: of each token; ``hidden_size``: of the tanh layer; ``direct_connections``: from the embeddings to the
    output.  ``dropout``: share of the values before the output that are dropped in training."""

    window: int = Field(8, ge=1, le=64)
    embedding_size: int = Field(64, ge=1)
    hidden_size: int = Field(512, ge=1)
    direct_connections: bool = False
    dropout: float = Field(0.0, ge=0, lt=1)

    def build(self, vocabulary: Vocabulary, seed: int = 1) -> "PerceptronNetwork":
        return PerceptronNetwork(self, vocabulary, seed)


class PerceptronNetwork(WindowNetwork):
    """A built `Perceptron`.

    Initialisation: C N(0, 1), and H uniform with variance 1/fan-in (LeCun et al. 1998, "Efficient BackProp", section 4.6), so
    that tanh works in the middle of its range; U, W, b and d zero, so that the loss begins at log V.
    """

    spec: Perceptron

    def __init__(self, spec: Perceptron, vocabulary: Vocabulary, seed: int):
        super().__init__(spec, vocabulary)
        inputs = spec.window * spec.embedding_size
        self.embed_tokens = nn.Embedding(vocabulary.size, spec.embedding_size)
        self.hidden_layer = Linear(inputs, spec.hidden_size, bias=True)
        self.lm_head = Linear(spec.hidden_size + (inputs if spec.direct_connections else 0), vocabulary.size, bias=True)
        self._kernels = Kernels()
        self._initialise(seed)

    @torch.no_grad()
    def _initialise(self, seed: int) -> None:
        generator = torch_generator(seed, "weights")
        self.embed_tokens.weight.normal_(0, 1, generator=generator)
        bound = math.sqrt(3 / self.hidden_layer.weight.shape[1])
        self.hidden_layer.weight.uniform_(-bound, bound, generator=generator)
        self.lm_head.weight.zero_()

    def values(self, tokens_BTW: Tensor) -> Tensor:
        x = self.embed_tokens(tokens_BTW).flatten(2).to(self.compute_dtype)
        h = torch.tanh(self.hidden_layer(x))
        return functional.dropout(torch.cat([h, x], -1) if self.spec.direct_connections else h, self.spec.dropout, self.training)

    def chunk_logits(self, values_ND: Tensor) -> Tensor:
        return self.lm_head(values_ND).float()

    def nll(self, hidden: Hidden, targets_BT: Tensor) -> Tensor:
        """The bias is the weight of a last value that is always 1."""
        x = hidden.values_BTD.flatten(0, 1)
        assert self.lm_head.bias is not None
        weight = torch.cat([self.lm_head.weight, self.lm_head.bias[:, None]], 1)
        x = torch.cat([x, x.new_ones(x.shape[0], 1)], 1)
        return linear_nll(x, weight, targets_BT.flatten(), self._kernels).view(targets_BT.shape)

    def roles(self) -> dict[str, Role]:
        return {
            "embed_tokens.weight": "embedding",
            "hidden_layer.weight": "matrix",
            "hidden_layer.bias": "vector",
            "lm_head.weight": "head",
            "lm_head.bias": "vector",
        }

    def flops_per_token(self, context: int) -> float:
        """2 per weight of both matrix products (the embedding is a look-up), whatever the context."""
        return 2.0 * (self.hidden_layer.weight.numel() + self.lm_head.weight.numel())
