"""A recurrent encoder, and a recurrent decoder that looks at it.

With y_t the embedded target token before step t, h_t the top layer's state, and attention as in `telos.layers.source_attention`:

    none             h_t = cells(y_t, h_{t−1})                                      o_t = h_t
    additive         c_t = attend(h_{t−1}),  h_t = cells([y_t; c_t], h_{t−1})       o_t = tanh(W [h_t; c_t; y_t])
    multiplicative   h_t = cells(y_t, h_{t−1}),  c_t = attend(h_t)                  o_t = tanh(W [h_t; c_t])
      … fed          h_t = cells([y_t; o_{t−1}], h_{t−1}),  the rest as above

none: Sutskever et al. 2014; additive: Bahdanau et al. 2015, appendix A.2.2 (its deep output with tanh instead of maxout, and the
new state); multiplicative: Luong et al. 2015, equations 5 and 8, fed: section 3.3.  Tests: tests/models/test_seq2seq.py.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from telos.layers.linear import Linear
from telos.layers.recurrent_step import Cell, Kind, Steps, run
from telos.layers.source_attention import Score, Source, SourceAttention

Kept = list[tuple[Tensor, ...]]
"""Of each layer, what its cell carries: (h,) or (h, c), each (B, D)."""


class Encoder(nn.Module):
    """Layers of one or two directions; two have half the size each and are joined, so that states are (B, S, D) either way."""

    def __init__(self, kind: Kind, num_layers: int, *, input_size: int, hidden_size: int, bidirectional: bool, dropout: float):
        super().__init__()
        self.dropout = dropout
        self.directions = 2 if bidirectional else 1
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.cells = nn.ModuleList(
            Cell(kind, size, hidden_size // self.directions) for size in sizes for _ in range(self.directions)
        )

    def forward(self, x_BSE: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Kept]:
        """States of the top layer (B, S, D), and of each layer what is carried behind the last step, directions joined."""
        kept: Kept = []
        x = x_BSE
        for at in range(0, len(self.cells), self.directions):
            if at:
                x = functional.dropout(x, self.dropout, self.training)
            cells = list(self.cells)[at : at + self.directions]
            found = [run(cell, x, lengths_B, reverse=i == 1) for i, cell in enumerate(cells)]  # type: ignore[arg-type]
            x = torch.cat([values for values, _ in found], -1)
            kept.append(tuple(torch.cat(parts, -1) for parts in zip(*(carried for _, carried in found), strict=True)))
        return x, kept


class Decoder(nn.Module):
    """The cells, the attention and the map that joins them; see the module for what is computed."""

    def __init__(
        self,
        kind: Kind,
        num_layers: int,
        *,
        input_size: int,
        hidden_size: int,
        attention: Score | None,
        fed: bool,
        dropout: float,
    ):
        super().__init__()
        self.dropout, self.fed = dropout, fed or attention == "additive"
        sizes = [input_size + hidden_size * self.fed] + [hidden_size] * (num_layers - 1)
        self.cells = nn.ModuleList(Cell(kind, size, hidden_size) for size in sizes)
        self.attention = SourceAttention(attention, hidden_size) if attention is not None else None
        if attention is not None:
            self.combine = Linear(2 * hidden_size + input_size * (attention == "additive"), hidden_size)

    def forward(self, y_BTE: Tensor, source: Source | None, carried_BND: Tensor, remember: bool) -> tuple[Tensor, list[Tensor]]:
        """Outputs (B, T, D), and to ``remember`` what is carried after each step (each (B, N, D))."""
        steps = [Steps(cell, y_BTE.dtype) for cell in self.cells]  # type: ignore[arg-type]
        reads, ys = steps[0].read(y_BTE).unbind(1), y_BTE.unbind(1)  # of a slice the gradient would be as large as the whole
        *flat, output = carried_BND.unbind(1)
        size = len(flat) // len(steps)
        kept = [tuple(flat[i : i + size]) for i in range(0, len(flat), size)]
        outputs: list[Tensor] = []
        history: list[Tensor] = []
        for t in range(len(ys)):
            context = None
            read = reads[t]
            if self._asks_before:
                context = self._attend(kept[-1][0], source)
                read = read + steps[0].also(context)
            elif self.fed:
                read = read + steps[0].also(output)
            for layer, step in enumerate(steps):
                if layer:
                    read = step.read(functional.dropout(kept[layer - 1][0], self.dropout, self.training))
                kept[layer] = step.step(read, kept[layer])
            output = kept[-1][0]
            if context is not None:
                output = torch.tanh(self.combine(torch.cat([output, context, ys[t]], -1)))
            elif self.fed:
                output = torch.tanh(self.combine(torch.cat([output, self._attend(output, source)], -1)))
            outputs.append(output)
            if remember:
                history.append(joined(kept, output))
        values_BTD = torch.stack(outputs, 1)
        if self.attention is not None and not self.fed:  # nothing of it enters the loop: all steps ask at once
            assert source is not None
            values_BTD = torch.tanh(self.combine(torch.cat([values_BTD, self.attention(values_BTD, source)], -1)))
        return values_BTD, history

    @property
    def _asks_before(self) -> bool:
        return self.attention is not None and self.attention.score == "additive"

    def _attend(self, query_BD: Tensor, source: Source | None) -> Tensor:
        assert self.attention is not None
        assert source is not None
        return self.attention(query_BD[:, None], source)[:, 0]


def joined(kept: Kept, output_BD: Tensor) -> Tensor:
    """What a decoder carries, as one tensor (B, N, D)."""
    return torch.stack([*(one for layer in kept for one in layer), output_BD], 1)
