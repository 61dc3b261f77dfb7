"""The gated recurrent unit as a language model.

    r, z = σ(W x_t + b + U h_{t−1} + d);   n = tanh(W x_t + b + r (U h_{t−1} + d));   h_t = (1 − z) n + z h_{t−1}
    p(next) = softmax(E h_t)

Cho et al. 2014, in the form that torch and cuDNN compute (the reset gate r behind the product).  Three quarters of an LSTM's
products, and one state instead of two.  Tests: tests/models/test_recurrent.py (torch.nn.GRU: logits, gradients, a step of AdamW).
"""

from telos.layers import cells
from telos.models.recurrent.settings import Recurrent


class GRU(Recurrent):
    """Three products a step."""

    def cell(self) -> cells.GRU:
        return cells.GRU()
