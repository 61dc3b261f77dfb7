"""The long short-term memory as a language model.

    i, f, o = σ(W x_t + b + U h_{t−1} + d);   g = tanh(…);   c_t = f c_{t−1} + i g;   h_t = o tanh(c_t)
    p(next) = softmax(E h_t)

Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000; as a language model Sundermeyer et al. 2012, with
dropout as in Merity et al. 2018.  Tests: tests/models/test_recurrent.py (torch.nn.LSTM: logits, gradients and a step of AdamW).
"""

from telos.layers import cells
from telos.models.recurrent.settings import Recurrent


class LSTM(Recurrent):
    """Four products a step; the cell c carries what is remembered past the gates."""

    def cell(self) -> cells.LSTM:
        return cells.LSTM()
