"""Softmax regression: the next token from the last k, each one-hot; a log-linear n-gram.

    p(next | x_t … x_{t−k+1}) = softmax(b + Σ_i W_i[x_{t−i}]),   i = 0 … k − 1

Multinomial logistic regression on k one-hot vectors (Bishop 2006, "Pattern Recognition and Machine Learning", section 4.3.4), as
a language model the log-bilinear one with tables of full rank (Mnih and Hinton 2007, "Three New Graphical Models for Statistical
Language Modelling", section 4).  With k = 1 it can say every bigram; with more it adds up what each place says and knows of no
combination.  The loss is convex, so that every start leads to the same optimum.
Tests: tests/models/test_softmax_regression.py (scikit-learn's logistic regression at the optimum; a bigram table's likelihood).
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from telos.layers.one_hot import one_hot_nll, table_logits
from telos.models import Hidden, Role
from telos.models.window.network import Window, WindowNetwork
from telos.tokens.vocabulary import Vocabulary


class SoftmaxRegression(Window):
    """k tables of the vocabulary squared: meant for bytes, characters and small vocabularies."""

    has_values: ClassVar[bool] = False

    def build(self, vocabulary: Vocabulary, seed: int = 1) -> "SoftmaxRegressionNetwork":
        """All weights 0, where the loss is log V: the loss is convex, and nothing needs to be drawn."""
        return SoftmaxRegressionNetwork(self, vocabulary)


class SoftmaxRegressionNetwork(WindowNetwork):
    """A built `SoftmaxRegression`.  Its hidden values are the windows' token ids, its output layer the whole model; it computes
    in the type of its parameters, since it multiplies nothing.

    Initialisation: zero, where the loss is log V; it is convex, so that every start leads to one optimum (Bishop 2006, section
    4.3.4), and nothing needs to be drawn.
    """

    def __init__(self, spec: SoftmaxRegression, vocabulary: Vocabulary):
        super().__init__(spec, vocabulary)
        self.weight = nn.Parameter(torch.zeros(spec.window, vocabulary.size, vocabulary.size))
        """W (k, V, V): place behind the next token, token there, next token."""
        self.bias = nn.Parameter(torch.zeros(vocabulary.size))

    def values(self, tokens_BTW: Tensor) -> Tensor:
        return tokens_BTW

    def chunk_logits(self, values_ND: Tensor) -> Tensor:
        return table_logits(self.weight, self.bias, values_ND).float()

    def nll(self, hidden: Hidden, targets_BT: Tensor) -> Tensor:
        nll = one_hot_nll(self.weight, self.bias, hidden.values_BTD.flatten(0, 1), targets_BT.flatten())
        return nll.view(targets_BT.shape)

    def roles(self) -> dict[str, Role]:
        return {"weight": "embedding", "bias": "vector"}

    def flops_per_token(self, context: int) -> float:
        """k additions for each logit."""
        return float(self.spec.window * self.vocabulary.size)
