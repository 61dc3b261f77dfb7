"""One layer of a Transformer."""

from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from telos.layers.attention import Attention, Cache
from telos.layers.experts import MixtureOfExperts
from telos.layers.feed_forward import FeedForward
from telos.layers.norm import norm

if TYPE_CHECKING:
    from telos.models.transformer import Transformer


class Memory(NamedTuple):
    """What a layer's cross-attention reads: keys and values of the source (B, G, S, K), and what of it is no padding, an
    additive mask (B, 1, 1, S)."""

    k: Tensor
    v: Tensor
    mask: Tensor


class Beside(NamedTuple):
    """What a block reads beside the stream.  ``mask``: additive (B or 1, 1 or H, T, S).  ``cos``, ``sin``: of rotary positions.
    ``depth`` (B, 1, 1): what each row's additions are multiplied by (stochastic depth)."""

    mask: Tensor
    cos: Tensor | None = None
    sin: Tensor | None = None
    cache: Cache | None = None
    memory: Memory | None = None
    depth: Tensor | None = None


class Block(nn.Module):
    """Attention, cross-attention where there is a source, and feed-forward: each behind its norm (or before it, or both) and
    added to the stream.  Names are those of transformers' Llama family, which the first of each norm belongs to."""

    def __init__(self, spec: "Transformer", cross: bool, layer: int):
        super().__init__()

        def stream_norm() -> nn.Module:
            return norm(spec.norm, spec.hidden_size, spec.norm_eps, spec.norm_bias)

        def attention() -> Attention:
            return Attention(
                spec.hidden_size, spec.num_heads, spec.resolved_key_value_heads, spec.resolved_head_size, spec.norm_eps,
                query_key_norm=spec.query_key_norm, bias=spec.attention_bias, scale=spec.attention_scale,
                softcap=spec.attention_softcap, dropout=spec.attention_dropout,
            )  # fmt: skip

        self.after, self.both, self.dropout = spec.norm_place == "after", spec.norm_place == "both", spec.dropout
        self.input_layernorm = stream_norm()
        self.self_attn = attention()
        self.attention_output_layernorm = stream_norm() if self.both else None
        self.cross_attention_layernorm = stream_norm() if cross else None
        self.cross_attn = attention() if cross else None
        self.cross_attention_output_layernorm = stream_norm() if cross and self.both else None
        self.post_attention_layernorm = stream_norm()
        sizes = (spec.hidden_size, spec.resolved_intermediate_size)
        how: Any = {"activation": spec.activation, "gated": spec.gated, "bias": spec.feed_forward_bias}
        experts = spec.experts if spec.experts is not None and spec.experts.stand_in(layer) else None
        self.mlp = FeedForward(*sizes, **how) if experts is None else MixtureOfExperts(experts, *sizes, **how)
        self.mlp_output_layernorm = stream_norm() if self.both else None

    def forward(self, x: Tensor, beside: Beside) -> tuple[Tensor, Tensor | None]:
        """x (B, T, D) → (B, T, D), and the balance penalty of its experts."""
        return self.think(self.look(x, beside), beside.depth)

    def look(self, x: Tensor, beside: Beside) -> Tensor:
        """Both attentions."""
        depth, memory = beside.depth, beside.memory
        y = self.self_attn(self._before(x, self.input_layernorm), beside.cos, beside.sin, beside.mask, beside.cache)
        x = self._added(x, y, self.input_layernorm, self.attention_output_layernorm, depth)
        if self.cross_attn is not None and self.cross_attention_layernorm is not None and memory is not None:
            y = self.cross_attn.cross(self._before(x, self.cross_attention_layernorm), *memory)
            x = self._added(x, y, self.cross_attention_layernorm, self.cross_attention_output_layernorm, depth)
        return x

    def think(self, x: Tensor, depth: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The feed-forward layer, or the experts."""
        y = self.mlp(self._before(x, self.post_attention_layernorm))
        y, penalty = y if isinstance(y, tuple) else (y, None)
        return self._added(x, y, self.post_attention_layernorm, self.mlp_output_layernorm, depth), penalty

    def _before(self, x: Tensor, first: nn.Module) -> Tensor:
        return x if self.after else first(x)

    def _added(self, x: Tensor, y: Tensor, first: nn.Module, last: nn.Module | None, depth: Tensor | None) -> Tensor:
        if last is not None:
            y = last(y)
        if self.dropout and self.training:
            y = functional.dropout(y, self.dropout)
        x = x + (y if depth is None else y * depth)
        return first(x) if self.after else x
