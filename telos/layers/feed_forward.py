"""Position-wise feed-forward layers.

Tests: tests/layers/test_feed_forward.py (against transformers' activations).
"""

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from telos.layers.linear import Linear, joined

Activation = Literal["gelu", "gelu_tanh", "silu", "relu", "relu2"]


def gelu_tanh(x: Tensor) -> Tensor:
    """The tanh approximation of GELU: Hendrycks and Gimpel 2016, section 2."""
    return functional.gelu(x, approximate="tanh")


def relu2(x: Tensor) -> Tensor:
    """max(x, 0)²: So et al. 2021, "Primer", section 3."""
    return functional.relu(x).square()


ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "gelu_tanh": gelu_tanh,
    "silu": functional.silu,
    "relu": functional.relu,
    "relu2": relu2,
}


class FeedForward(nn.Module):
    """y = W_down f(W_up x), or gated y = W_down (f(W_gate x) ⊙ W_up x).

    Vaswani et al. 2017, section 3.3; gated: Shazeer 2020, "GLU Variants Improve Transformer", equation 6.
    """

    def __init__(self, hidden_size: int, intermediate_size: int, *, activation: Activation, gated: bool, bias: bool):
        super().__init__()
        self.gate_proj = Linear(hidden_size, intermediate_size, bias) if gated else None
        self.up_proj = Linear(hidden_size, intermediate_size, bias)
        self.down_proj = Linear(intermediate_size, hidden_size, bias)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        if self.gate_proj is None:
            return self.down_proj(self.activation(self.up_proj(x)))
        gate, up = joined(x, self.gate_proj, self.up_proj)
        return self.down_proj(self.activation(gate) * up)
