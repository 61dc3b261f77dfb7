"""Embedding, blocks and last norm."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from telos.foundation.errors import TelosError
from telos.layers import masks
from telos.layers.norm import norm
from telos.layers.positions import RelativeBias, alibi, sinusoidal
from telos.layers.rotary import angles
from telos.models.stacks.block import Beside, Block, Memory
from telos.models.stacks.state import State

if TYPE_CHECKING:
    from telos.models.transformer import Transformer

Run = Callable[..., tuple[Tensor, Tensor | None]]
"""How a block is called: as it is, or compiled."""


@dataclass(slots=True)
class Places:
    """Where the tokens of a call stand.  ``places_BT``: in their row, for rotary positions and caches; ``absolute_BT``: in their
    document, for positions that are added.  ``num_keys``: S, how many keys there are.  ``allowed``: window → who sees whom, bool
    (B or 1, T, S).  ``keys_BS``: the keys' places, where they are not 0 … S − 1."""

    places_BT: Tensor
    absolute_BT: Tensor
    num_keys: int
    allowed: Callable[[int | None], Tensor]
    keys_BS: Tensor | None = None

    def distances(self) -> Tensor:
        """Key's place − query's, (B or 1, T, S)."""
        return masks.distances(self.places_BT, self.num_keys if self.keys_BS is None else self.keys_BS)


class Stack(nn.Module):
    """A decoder's or an encoder's layers.  ``embed_tokens`` stands in the decoder, and in an encoder by itself; an
    encoder-decoder's two stacks share it.  (transformers calls this part ``model``.)"""

    def __init__(self, spec: "Transformer", num_layers: int, vocabulary_size: int | None, causal: bool, cross: bool):
        super().__init__()
        width = spec.hidden_size
        self.spec, self.causal = spec, causal
        if vocabulary_size is not None:
            self.embed_tokens = nn.Embedding(vocabulary_size, width)
        self.embed_positions = nn.Embedding(spec.context_length, width) if spec.positions == "learned" else None
        self.embed_types = nn.Embedding(spec.num_token_types, width) if spec.num_token_types else None
        self.embed_norm = norm(spec.norm, width, spec.norm_eps, spec.norm_bias) if spec.embedding_norm else None
        buckets = spec.positions == "buckets"
        self.relative_bias = RelativeBias(spec.num_buckets, spec.max_distance, spec.num_heads, not causal) if buckets else None
        self.layers: Iterable[Block] = nn.ModuleList(Block(spec, cross, n) for n in range(num_layers))  # type: ignore[assignment]
        last = spec.norm_place != "after"
        self.norm = norm(spec.norm, width, spec.norm_eps, spec.norm_bias) if last else None

    def forward(
        self,
        embedded: Tensor,
        types_BT: Tensor | None,
        places: Places,
        run: Run,
        *,
        state: State | None = None,
        memory: list[Memory] | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """Token embeddings (B, T, D) → the last layer's values, and the balance penalty of each layer with experts."""
        x, dtype = self._read(embedded, types_BT, places), embedded.dtype
        seen: dict[int | None, tuple[Tensor, Tensor | None, Tensor | None]] = {}
        penalties = []
        for index, block in enumerate(self.layers):
            window = self.spec.window(index)
            if window not in seen:
                seen[window] = (self._mask(places, window, dtype), *self._rotary(places, window, dtype))
            mask, cos, sin = seen[window]
            cache = None if state is None else state.cache(index, places.places_BT, places.num_keys)
            source = None if memory is None else memory[index]
            x, penalty = run(block, x, Beside(mask, cos, sin, cache, source, self._depth(index, x)))
            if penalty is not None:
                penalties.append(penalty)
        return x if self.norm is None else self.norm(x), penalties

    # -- embeddings and positions -----------------------------------------------------------------------------------

    def _read(self, embedded: Tensor, types_BT: Tensor | None, places: Places) -> Tensor:
        """What the first block reads."""
        x = embedded
        if self.spec.embedding_scale != 1:
            x = x * self.spec.embedding_scale
        if self.embed_positions is not None:
            x = x + self.embed_positions(self._within_context(places.absolute_BT)).to(x.dtype)
        elif self.spec.positions == "sinusoidal":
            x = x + sinusoidal(places.absolute_BT, self.spec.hidden_size).to(x.dtype)
        if self.embed_types is not None:
            x = x + self.embed_types(types_BT if types_BT is not None else torch.zeros_like(places.places_BT)).to(x.dtype)
        if self.embed_norm is not None:
            x = self.embed_norm(x)
        return functional.dropout(x, self.spec.dropout) if self.spec.dropout and self.training else x

    def _within_context(self, absolute_BT: Tensor) -> Tensor:
        longest = self.spec.context_length
        if absolute_BT.numel() and int(absolute_BT.max()) >= longest:
            raise TelosError(f"a text must have at most {longest} tokens, as many as the model has learned positions",
                             f"{int(absolute_BT.max()) + 1}",
                             "give shorter texts, or train with a larger model.context_length")  # fmt: skip
        return absolute_BT

    def _rotary(self, places: Places, window: int | None, dtype: torch.dtype) -> tuple[Tensor | None, Tensor | None]:
        spec = self.spec
        if spec.positions != "rotary":
            return None, None
        local = window is not None and spec.local_rope_theta is not None
        theta = spec.local_rope_theta if local and spec.local_rope_theta is not None else spec.rope_theta
        cos, sin = angles(places.places_BT, spec.resolved_head_size, theta, None if local else spec.rope_scaling)
        return cos[:, None].to(dtype), sin[:, None].to(dtype)

    def _mask(self, places: Places, window: int | None, dtype: torch.dtype) -> Tensor:
        """Who sees whom, with the biases of distances where positions are such: (B or 1, 1 or H, T, S)."""
        mask = masks.additive(places.allowed(window), dtype)
        if self.spec.positions == "alibi":
            return mask + alibi(places.distances(), self.spec.num_heads).to(dtype)
        if self.relative_bias is not None:
            return mask + self.relative_bias(places.distances()).to(dtype)
        return mask

    def _depth(self, index: int, x: Tensor) -> Tensor | None:
        """0 for rows that skip the block, 1 ÷ the probability of not skipping it for the others."""
        rate = self.spec.stochastic_depth
        if not (rate and self.training):
            return None
        kept = 1 - rate * (index + 1) / len(list(self.layers))
        return torch.bernoulli(torch.full((len(x), 1, 1), kept, device=x.device)).to(x.dtype) / kept
