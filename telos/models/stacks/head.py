"""From the last layer's values to logits."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from telos.layers.cross_entropy import After, Kernels, chunk_rows, linear_nll
from telos.layers.feed_forward import ACTIVATIONS
from telos.layers.linear import Linear
from telos.layers.norm import norm

if TYPE_CHECKING:
    from telos.models.transformer import Transformer


class Head(nn.Module):
    """z = softcap(W transform(scale · x) + b), W and b being the network's.

    ``transform``: norm(f(W_t x + b_t)), as BERT's (Devlin et al. 2019, published code); ``scale``: as T5's, whose tied
    embeddings are of size 1 (width^−½, Raffel et al. 2020, published code).
    """

    def __init__(self, spec: "Transformer"):
        super().__init__()
        width = spec.hidden_size
        self.scale, self.softcap = spec.logit_scale, spec.logit_softcap
        self.transform = Linear(width, width, spec.head_bias) if spec.head_transform else None
        self.transform_norm = norm(spec.norm, width, spec.norm_eps, spec.norm_bias) if spec.head_transform else None
        self.activation = ACTIVATIONS[spec.activation]

    def read(self, x: Tensor) -> Tensor:
        """What the output matrix reads."""
        if self.transform is not None and self.transform_norm is not None:
            x = self.transform_norm(self.activation(self.transform(x)))
        return x if self.scale == 1 else x * self.scale

    def nll(self, x_ND: Tensor, weight: Tensor, bias: Tensor | None, targets_N: Tensor, kernels: Kernels) -> Tensor:
        return linear_nll(self.read(x_ND), weight, targets_N, kernels, bias=bias, softcap=self.softcap)

    def over_logits(self, x_ND: Tensor, weight: Tensor, bias: Tensor | None, function: Callable[[Tensor], Tensor]) -> Tensor:
        """``function`` of the logits, chunk by chunk."""
        x = self.read(x_ND)
        used, after = weight.to(x.dtype), After(bias, self.softcap)
        wide = torch.promote_types(x.dtype, torch.float32)
        parts = x.split(chunk_rows(weight.shape[0]))
        return torch.cat([function(after.logits(part @ used.t(), wide)) for part in parts])
