"""A recurrent encoder, and a recurrent decoder that looks at it.

With y_t the embedded target token before step t, h_t the top layer's state, and attention as in `telos.layers.source_attention`:

    none             h_t = cells(y_t, h_{t−1})                                      o_t = h_t
    additive         c_t = attend(h_{t−1}),  h_t = cells([y_t; c_t], h_{t−1})       o_t = tanh(W [h_t; c_t; y_t])
    multiplicative   h_t = cells(y_t, h_{t−1}),  c_t = attend(h_t)                  o_t = tanh(W [h_t; c_t])
      … fed          h_t = cells([y_t; o_{t−1}], h_{t−1}),  the rest as above

none: Sutskever et al. 2014; additive: Bahdanau et al. 2015, appendix A.2.2 (its deep output with tanh instead of maxout, and the
new state); multiplicative: Luong et al. 2015, equations 5 and 8, fed: section 3.3.  Tests: tests/models/test_seq2seq.py.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from telos.layers.cells import GRU, LSTM
from telos.layers.linear import Linear
from telos.layers.recurrent import RecurrentLayer, State
from telos.layers.recurrent_step import Steps
from telos.layers.source_attention import Score, Source, SourceAttention

Kind = Literal["lstm", "gru"]
_CELLS: dict[Kind, type[LSTM] | type[GRU]] = {"lstm": LSTM, "gru": GRU}


def _layers(kind: Kind, sizes: Sequence[int], hidden_size: int) -> nn.ModuleList:
    return nn.ModuleList(RecurrentLayer(_CELLS[kind](), size, hidden_size) for size in sizes)


class Encoder(nn.Module):
    """Layers of one or two directions; two have half the size each and are joined, so that states are (B, S, D) either way."""

    def __init__(self, kind: Kind, num_layers: int, *, input_size: int, hidden_size: int, bidirectional: bool, dropout: float):
        super().__init__()
        self.dropout = dropout
        self.directions = 2 if bidirectional else 1
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.layers = _layers(kind, [size for size in sizes for _ in range(self.directions)], hidden_size // self.directions)

    def forward(self, x_BSE: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, list[State]]:
        """States of the top layer (B, S, D), and of each layer what is carried behind its last step, directions joined.

        The padding behind ``lengths_B`` is read last in both directions, so that it changes nothing before it.
        """
        B, S = x_BSE.shape[:2]
        x_SBD = x_BSE.transpose(0, 1)
        last_B = x_BSE.new_full((B,), S, dtype=torch.int64) if lengths_B is None else lengths_B
        steps_S1 = torch.arange(S, device=x_BSE.device)[:, None]
        turned_SB = torch.where(steps_S1 < last_B, last_B - 1 - steps_S1, steps_S1)
        kept: list[State] = []
        for at in range(0, len(self.layers), self.directions):
            if at:
                x_SBD = functional.dropout(x_SBD, self.dropout, self.training)
            ways = [self._read(self.layers[at + i], x_SBD, turned_SB if i else None, last_B) for i in range(self.directions)]
            x_SBD = torch.cat([values for values, _ in ways], -1)
            kept.append(tuple(torch.cat(parts, -1) for parts in zip(*(carried for _, carried in ways), strict=True)))
        return x_SBD.transpose(0, 1), kept

    @staticmethod
    def _read(layer: nn.Module, x_SBD: Tensor, turned_SB: Tensor | None, last_B: Tensor) -> tuple[Tensor, State]:
        """One direction: its values in the order of the source, and what it carries behind each row's last token."""
        assert isinstance(layer, RecurrentLayer)
        rows_B = torch.arange(x_SBD.shape[1], device=x_SBD.device)
        zero = x_SBD.new_zeros(len(rows_B), layer.hidden_size, dtype=torch.promote_types(x_SBD.dtype, torch.float32))
        read = x_SBD if turned_SB is None else x_SBD[turned_SB, rows_B]
        values, states = layer(read.contiguous(), (zero,) * layer.cell.parts)
        return values if turned_SB is None else values[turned_SB, rows_B], tuple(
            part[last_B - 1, rows_B].to(zero.dtype) for part in states
        )


class Decoder(nn.Module):
    """The layers, the attention and the map that joins them; see the module for what is computed."""

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
        self.dropout = dropout
        self.fed = fed or attention == "additive"
        """Whether something of a step before is part of the input."""
        self.layers = _layers(kind, [input_size + hidden_size * self.fed] + [hidden_size] * (num_layers - 1), hidden_size)
        self.attention = SourceAttention(attention, hidden_size) if attention is not None else None
        if attention is not None:
            self.combine = Linear(2 * hidden_size + input_size * (attention == "additive"), hidden_size)

    def forward(self, y_BTE: Tensor, source: Source | None, carried_BND: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (B, T, D), and what is carried after each step (B, T, N, D); ``carried_BND`` as `joined` gives it."""
        *flat, output = carried_BND.unbind(1)
        size = len(flat) // len(self.layers)
        kept = [tuple(flat[i : i + size]) for i in range(0, len(flat), size)]
        return self._step_by_step(y_BTE, source, kept, output) if self.fed else self._at_once(y_BTE, source, kept)

    def _at_once(self, y_BTE: Tensor, source: Source | None, kept: list[State]) -> tuple[Tensor, Tensor]:
        """Nothing is fed back: a layer reads the whole target, then the next one does, then all steps look at the source."""
        x_TBD, history = y_BTE.transpose(0, 1).contiguous(), []
        for number, (layer, first) in enumerate(zip(self.layers, kept, strict=True)):
            if number:
                x_TBD = functional.dropout(x_TBD, self.dropout, self.training)
            x_TBD, states = layer(x_TBD, first)
            history += states
        h_BTD = x_TBD.transpose(0, 1)
        carried_BTND = joined([*history, x_TBD], 2).transpose(0, 1)
        if self.attention is None:
            return h_BTD, carried_BTND
        assert source is not None
        return torch.tanh(self.combine(torch.cat([h_BTD, self.attention(h_BTD, source)], -1))), carried_BTND

    def _step_by_step(self, y_BTE: Tensor, source: Source | None, kept: list[State], output: Tensor) -> tuple[Tensor, Tensor]:
        assert self.attention is not None
        assert source is not None
        dtype, asks_before = y_BTE.dtype, self.attention.score == "additive"
        steps = [Steps(layer, dtype) for layer in self.layers]  # type: ignore[arg-type]
        # Unbound: the gradient of a slice would be as large as the whole.
        reads, ys = steps[0].read(y_BTE).unbind(1), y_BTE.unbind(1)
        outputs, history = [], []
        output = output.to(dtype)
        for t, y in enumerate(ys):
            fed = self._attend(kept[-1][0].to(dtype), source) if asks_before else output
            read = reads[t] + steps[0].also(fed)
            for number, step in enumerate(steps):
                if number:
                    read = step.read(functional.dropout(kept[number - 1][0].to(dtype), self.dropout, self.training))
                kept[number] = step.step(read, kept[number])
            h = kept[-1][0].to(dtype)
            seen = [h, fed, y] if asks_before else [h, self._attend(h, source)]
            output = torch.tanh(self.combine(torch.cat(seen, -1)))
            outputs.append(output)
            history.append([*(part for state in kept for part in state), output])
        carried_BTND = torch.stack([joined(parts, 1) for parts in history], 1)
        return torch.stack(outputs, 1), carried_BTND

    def _attend(self, query_BD: Tensor, source: Source) -> Tensor:
        assert self.attention is not None
        return self.attention(query_BD[:, None], source)[:, 0]


def joined(parts: Sequence[Tensor], axis: int) -> Tensor:
    """What a decoder carries, of all layers and the last output (…, D), along a new axis of one tensor; fp32 at least."""
    wide = torch.promote_types(parts[0].dtype, torch.float32)
    return torch.stack([part.to(wide) for part in parts], axis)
