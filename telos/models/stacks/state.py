"""What decoding keeps of the tokens that were read."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from telos.layers.attention import Cache
from telos.models.stacks.block import Memory

if TYPE_CHECKING:
    from telos.models.transformer import Transformer


class State:
    """Key-value cache: per layer (B, G, capacity, K) keys and values, ``lengths_B`` tokens held per row.  ``memory``: of an
    encoder-decoder, what each layer reads of the source, from the first call on."""

    def __init__(self, spec: "Transformer", rows: int, capacity: int, dtype: torch.dtype, device: torch.device):
        shape = (spec.num_layers, rows, spec.resolved_key_value_heads, capacity, spec.resolved_head_size)
        self.keys, self.values = torch.zeros(shape, dtype=dtype, device=device), torch.zeros(shape, dtype=dtype, device=device)
        self.lengths_B = torch.zeros(rows, dtype=torch.int64, device=device)
        self.capacity = capacity
        self.memory: list[Memory] | None = None

    @property
    def rows(self) -> int:
        return len(self.lengths_B)

    def cache(self, layer: int, positions_BT: Tensor, held: int) -> Cache:
        return Cache(self.keys[layer], self.values[layer], positions_BT, held)

    def keep(self, lengths_B: Tensor) -> None:
        """Hold only the first ``lengths_B`` tokens of each row (drops padding or rejected tokens)."""
        self.lengths_B = lengths_B.to(self.lengths_B)

    def select(self, rows: Tensor) -> None:
        """Keep some rows, in the order given; a row may be taken more than once."""
        self.keys, self.values, self.lengths_B = self.keys[:, rows], self.values[:, rows], self.lengths_B[rows]
        if self.memory is not None:
            masks = {id(part.mask): part.mask[rows] for part in self.memory}
            self.memory = [Memory(part.k[rows], part.v[rows], masks[id(part.mask)]) for part in self.memory]
