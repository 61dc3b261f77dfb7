"""The simple recurrent network as a language model.

    h_t = tanh(W x_t + b + U h_{t−1} + d);   p(next) = softmax(E h_t)

Elman 1990, "Finding Structure in Time"; as a language model Mikolov et al. 2010.  Gradients shrink or grow with every step
back, so it remembers a few words; `lstm` and `gru` were made to remember more. Tests: tests/models/test_recurrent.py
(torch.nn.RNN: logits, gradients and a step of AdamW).
"""

from typing import Literal

from telos.layers.cells import Tanh
from telos.models.recurrent.settings import Recurrent


class RNN(Recurrent):
    """``nonlinearity``: "relu" for max(0, ·) (Le et al. 2015)."""

    nonlinearity: Literal["tanh", "relu"] = "tanh"

    def cell(self) -> Tanh:
        return Tanh(rectified=self.nonlinearity == "relu")
