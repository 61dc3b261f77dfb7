"""A recurrent language model: embedding, layers of one cell, and the output layer.

Inside, time is the first axis, so that the rows of a step lie together.  Tests: tests/models/test_recurrent.py.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from telos.foundation.errors import TelosError
from telos.foundation.random import torch_generator
from telos.layers.cells import Keep
from telos.layers.cross_entropy import Kernels, chunk_rows, linear_nll
from telos.layers.linear import Linear
from telos.layers.recurrent import RecurrentLayer
from telos.models import Hidden, Inputs, Network, Role
from telos.models.recurrent.state import RecurrentState
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from telos.models.recurrent.settings import Recurrent

STEPS_AT_ONCE = 128
"""Without gradient a long row is read in pieces of so many steps: the gates of all steps of a piece are held."""


class RecurrentNetwork(nn.Module, Network):
    """A built `rnn`, `lstm` or `gru`.  ``compute_dtype``: type of activations and products; parameters are fp32 masters.

    Initialisation: embeddings N(0, 1), and an untied output layer 0, so that the loss begins at log V; tied ones uniform in ±0.1
    (Zaremba et al. 2014), with which it begins there but for a thousandth.  Layers: `RecurrentLayer.initialise`.
    """

    spec: "Recurrent"

    def __init__(self, spec: "Recurrent", vocabulary: Vocabulary, seed: int):
        super().__init__()
        self.spec, self.vocabulary, self.context_length = spec, vocabulary, spec.context_length
        self.compute_dtype = torch.float32
        size = spec.resolved_embedding_size
        self.embed_tokens = nn.Embedding(vocabulary.size, size)
        sizes = [size, *spec.layer_sizes]
        self.layers: Iterable[RecurrentLayer] = nn.ModuleList(  # type: ignore[assignment]
            RecurrentLayer(spec.cell(), sizes[i], sizes[i + 1], spec.recurrent_dropout) for i in range(spec.num_layers)
        )
        self.lm_head = None if spec.tie_embeddings else Linear(sizes[-1], vocabulary.size)
        self._kernels = Kernels()
        self._initialise(seed)

    @torch.no_grad()
    def _initialise(self, seed: int) -> None:
        generator = torch_generator(seed, "weights")
        if self.lm_head is None:
            self.embed_tokens.weight.uniform_(-0.1, 0.1, generator=generator)
        else:
            self.embed_tokens.weight.normal_(0, 1, generator=generator)
            self.lm_head.weight.zero_()
        for layer in self.layers:
            layer.initialise(generator)

    @property
    def head_weight(self) -> Tensor:
        return self.embed_tokens.weight if self.lm_head is None else self.lm_head.weight

    # -- forward ----------------------------------------------------------------------------------------------------

    def hidden(self, inputs: Inputs, state: RecurrentState | None = None) -> Hidden:
        """Raises `TelosError` for a state of another number of rows."""
        tokens_TB = inputs.tokens_BT.t()
        rows = tokens_TB.shape[1]
        if state is not None and state.rows != rows:
            raise TelosError("a state must have as many rows as the tokens that go on from it",
                             f"{state.rows} rows, tokens of {rows}", "make one with new_state for these rows")  # fmt: skip
        keep = _keep(inputs.segments_BT, *tokens_TB.shape)
        going = self.new_state(rows, len(tokens_TB)) if state is None else state
        at_once = max(1, len(tokens_TB)) if torch.is_grad_enabled() else STEPS_AT_ONCE
        masks = self._masks(rows) if self.training else None
        parts = [self._steps(tokens_TB[at : at + at_once], going, keep[at : at + at_once], masks, at == 0)
                 for at in range(0, max(1, len(tokens_TB)), at_once)]  # fmt: skip
        out = parts[0] if len(parts) == 1 else torch.cat(parts)
        return Hidden(out.transpose(0, 1), state)

    def _steps(self, tokens_TB: Tensor, state: RecurrentState, keep: Keep, masks: list[Tensor] | None, first: bool) -> Tensor:
        """Some steps of all rows; ``state`` is moved on."""
        x = self.embed_tokens(tokens_TB)
        if masks is not None and self.spec.embedding_dropout:
            x = x * masks[-1][tokens_TB]
        x = x.to(self.compute_dtype)
        before, after = state.parts(), []
        for i, layer in enumerate(self.layers):
            if masks is not None and self.spec.dropout:
                x = x * masks[i].to(x.dtype)
            parts = layer.cell.parts
            x, states = layer(x, tuple(before[i * parts : (i + 1) * parts]), keep)
            after += states
        if masks is not None and self.spec.dropout:
            x = x * masks[self.spec.num_layers].to(x.dtype)
        state.advance(after, len(tokens_TB), joined=not first)
        return x

    def _masks(self, rows: int) -> list[Tensor]:
        """Of the values that each layer and the output read, (1, B, D); and of the vocabulary, (V, 1): 0 or 1/(1 − p)."""
        weight, spec = self.head_weight, self.spec
        sizes = [spec.resolved_embedding_size, *spec.layer_sizes]
        masks = [nn.functional.dropout(weight.new_ones(1, rows, size), spec.dropout) for size in sizes] if spec.dropout else []
        if spec.embedding_dropout:
            masks.append(nn.functional.dropout(weight.new_ones(len(weight), 1), spec.embedding_dropout))
        return masks

    def nll(self, hidden: Hidden, targets_BT: Tensor) -> Tensor:
        x = hidden.values_BTD
        return linear_nll(x.flatten(0, 1), self.head_weight, targets_BT.flatten(), self._kernels).view(targets_BT.shape)

    def over_logits(self, hidden: Hidden, function: Callable[[Tensor], Tensor]) -> Tensor:
        x = hidden.values_BTD.flatten(0, 1)
        weight = self.head_weight.to(x.dtype)
        joined = torch.cat([function((part @ weight.t()).float()) for part in x.split(chunk_rows(weight.shape[0]))])
        return joined.view(*hidden.values_BTD.shape[:2], *joined.shape[1:])

    # -- state ------------------------------------------------------------------------------------------------------

    @property
    def part_sizes(self) -> list[int]:
        """Values of each part of the state: every layer's h, an LSTM's c behind it."""
        return [layer.hidden_size for layer in self.layers for _ in range(layer.cell.parts)]

    def new_state(self, rows: int, capacity: int) -> RecurrentState:
        """``capacity`` is of no concern: the state has one size for any length."""
        return RecurrentState(self.part_sizes, rows, self.head_weight)

    # -- what trainers and planners ask -----------------------------------------------------------------------------

    def roles(self) -> dict[str, Role]:
        def role(name: str) -> Role:
            if name.startswith("embed_tokens"):
                return "embedding"
            if name.startswith("lm_head"):
                return "head"
            return "vector" if ".bias_" in name else "matrix"

        return {name: role(name) for name, _ in self.named_parameters()}

    def flops_per_token(self, context: int) -> float:
        """2 per weight of every matrix product (the embedding is a look-up), whatever the context."""
        products = sum(p.numel() for name, p in self.named_parameters() if ".weight_" in name)
        return 2.0 * (products + self.head_weight.numel())


def _keep(segments_BT: Tensor | None, steps: int, rows: int) -> Keep:
    """Where a row's segment changes, 0 for that row; None for a step at which none does."""
    if segments_BT is None or steps < 2:
        return [None] * steps
    same_TB = segments_BT[:, 1:].t() == segments_BT[:, :-1].t()
    quiet = same_TB.all(1).tolist()
    return [None, *(None if whole else same_TB[t][:, None].float() for t, whole in enumerate(quiet))]
