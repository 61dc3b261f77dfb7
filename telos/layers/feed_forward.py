"""Position-wise feed-forward layers."""

from torch import Tensor, nn
from torch.nn import functional

from telos.layers.linear import Linear, joined


class SwiGLU(nn.Module):
    """y = W_down (SiLU(W_gate x) ⊙ W_up x).  Shazeer 2020, "GLU Variants Improve Transformer", equation 6."""

    def __init__(self, hidden_size: int, intermediate_size: int):
        super().__init__()
        self.gate_proj = Linear(hidden_size, intermediate_size)
        self.up_proj = Linear(hidden_size, intermediate_size)
        self.down_proj = Linear(intermediate_size, hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = joined(x, self.gate_proj, self.up_proj)
        return self.down_proj(functional.silu(gate) * up)
