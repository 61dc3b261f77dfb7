"""A recurrent encoder-decoder: the target text token by token, from its own beginning and from a source.

    p(y | x) = Π_t p(y_t | y_<t, x),   p(y_t | …) = softmax(V o_t)

o_t is the decoder's output, `telos.layers.encoder_decoder` says how it is made: without attention (Sutskever et al. 2014), with
additive (Bahdanau et al. 2015) or with multiplicative attention (Luong et al. 2015).  The decoder begins with what the encoder
carries behind its last token.  Tests: tests/models/test_seq2seq.py (every attention in NumPy, float64, and torch's own layers),
tests/contracts/test_models.py.
"""

from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from telos.foundation.errors import TelosError
from telos.foundation.random import torch_generator
from telos.layers.cross_entropy import chunk_rows, linear_nll
from telos.layers.encoder_decoder import Decoder, Encoder, joined
from telos.layers.linear import Linear
from telos.layers.recurrent import RecurrentLayer
from telos.layers.source_attention import Source, SourceAttention
from telos.models import Hidden, Inputs, Model, Network, Pattern, Role
from telos.tokens.vocabulary import Vocabulary


class Seq2Seq(Model):
    """Settings of the encoder-decoder.  ``num_layers``: of each half.  ``embedding_size``: None for hidden_size.
    ``bidirectional``: the encoder reads in both directions, each with half of hidden_size.  ``input_feeding``: the output of a
    step is read at the next one (multiplicative attention).  ``dropout``: on embeddings, between layers and on the output, not
    on recurrent connections (Zaremba et al. 2014).  ``tie_embeddings``: one table for source, target and output.
    ``context_length``: longest source and longest target."""

    patterns: ClassVar[frozenset[Pattern]] = frozenset({"encoder_decoder"})

    cell: Literal["lstm", "gru"] = "lstm"
    num_layers: int = Field(1, ge=1)
    hidden_size: int = Field(256, ge=2)
    embedding_size: int | None = Field(None, ge=1)
    bidirectional: bool = True
    attention: Literal["none", "additive", "multiplicative"] = "multiplicative"
    input_feeding: bool = False
    dropout: float = Field(0.1, ge=0, lt=1)
    tie_embeddings: bool = False
    context_length: int = Field(256, ge=1)

    @model_validator(mode="after")
    def _fits(self) -> "Seq2Seq":
        if self.bidirectional and self.hidden_size % 2:
            raise ValueError(f"hidden_size ({self.hidden_size}) must be even, for two directions of half the size")
        if self.input_feeding and self.attention != "multiplicative":
            raise ValueError(f"input_feeding goes with multiplicative attention, and attention is '{self.attention}'")
        if self.tie_embeddings and self.resolved_embedding_size != self.hidden_size:
            raise ValueError(
                f"tie_embeddings needs embedding_size ({self.embedding_size}) to be hidden_size ({self.hidden_size})"
            )
        return self

    @property
    def resolved_embedding_size(self) -> int:
        return self.embedding_size or self.hidden_size

    def build(self, vocabulary: Vocabulary, seed: int = 1) -> "EncoderDecoder":
        return EncoderDecoder(self, vocabulary, seed)


class State:
    """Where a decoder stands: the source as it was read, and what each row carries behind its last token.

    What was carried after each token of the last call is held too, so that `keep` can go back to any of them.
    """

    def __init__(self, rows: int, device: torch.device):
        self.read = False
        self.source: Source | None = None
        self.carried_BND: Tensor | None = None
        self.lengths_B = torch.zeros(rows, dtype=torch.int64, device=device)
        self._last_BTND: Tensor | None = None

    def go_on(self, before_BND: Tensor, after_BTND: Tensor) -> None:
        """Some tokens more were read."""
        self._last_BTND = torch.cat([before_BND[:, None], after_BTND], 1)
        self.carried_BND = self._last_BTND[:, -1]
        self.lengths_B = self.lengths_B + after_BTND.shape[1]

    def keep(self, lengths_B: Tensor) -> None:
        """Hold only the first ``lengths_B`` tokens of each row; drops tokens of the last call alone."""
        assert self._last_BTND is not None
        lengths_B = lengths_B.to(self.lengths_B)
        place_B = lengths_B - self.lengths_B + self._last_BTND.shape[1] - 1
        assert bool((place_B >= 0).all()), "only tokens of the last call can be dropped"
        self.carried_BND = self._last_BTND[torch.arange(len(place_B), device=place_B.device), place_B]
        self.lengths_B, self._last_BTND = lengths_B, self.carried_BND[:, None]

    def select(self, rows: Tensor) -> None:
        """Keep some rows, in the order given, any of them several times."""
        assert self._last_BTND is not None
        assert self.carried_BND is not None
        self.source = None if self.source is None else self.source.select(rows)
        self.carried_BND, self._last_BTND = self.carried_BND[rows], self._last_BTND[rows]
        self.lengths_B = self.lengths_B[rows]


class EncoderDecoder(nn.Module, Network):
    """A built `Seq2Seq`.  ``compute_dtype``: type of activations and products; parameters are fp32 masters.

    Initialisation: layers as `RecurrentLayer.initialise` says; embeddings N(0, 1), or N(0, 1/D) where they are tied to the head;
    other matrices uniform with variance 1/fan-in (LeCun et al. 1998); an untied head zero, so that the loss begins at log V.
    """

    spec: Seq2Seq

    def __init__(self, spec: Seq2Seq, vocabulary: Vocabulary, seed: int):
        super().__init__()
        self.spec, self.vocabulary, self.context_length = spec, vocabulary, spec.context_length
        self.compute_dtype = torch.float32
        width, size = spec.resolved_embedding_size, spec.hidden_size
        attention = None if spec.attention == "none" else spec.attention
        self.target_embedding = nn.Embedding(vocabulary.size, width)
        self.source_embedding = None if spec.tie_embeddings else nn.Embedding(vocabulary.size, width)
        sizes = {"input_size": width, "hidden_size": size}
        self.encoder = Encoder(spec.cell, spec.num_layers, **sizes, bidirectional=spec.bidirectional, dropout=spec.dropout)
        self.decoder = Decoder(
            spec.cell, spec.num_layers, **sizes, attention=attention, fed=spec.input_feeding, dropout=spec.dropout
        )
        self.head = None if spec.tie_embeddings else Linear(size, vocabulary.size)
        self._initialise(seed)

    @torch.no_grad()
    def _initialise(self, seed: int) -> None:
        generator = torch_generator(seed, "weights")
        deviation = self.spec.hidden_size**-0.5 if self.spec.tie_embeddings else 1.0
        for module in self.modules():
            if isinstance(module, (RecurrentLayer, SourceAttention)):
                module.initialise(generator)
            elif isinstance(module, nn.Embedding):
                module.weight.normal_(0, deviation, generator=generator)
        if self.decoder.attention is not None:
            bound = (3 / self.decoder.combine.weight.shape[1]) ** 0.5
            self.decoder.combine.weight.uniform_(-bound, bound, generator=generator)
        if self.head is not None:
            self.head.weight.zero_()

    @property
    def head_weight(self) -> Tensor:
        return self.target_embedding.weight if self.head is None else self.head.weight

    # -- forward ----------------------------------------------------------------------------------------------------

    def hidden(self, inputs: Inputs, state: State | None = None) -> Hidden:
        """Outputs at each target token.  One pair a row: segments are not read.

        Raises `TelosError` where there is no source, or a state of other rows than the tokens.
        """
        rows = len(inputs.tokens_BT)
        if state is not None and len(state.lengths_B) != rows:
            raise TelosError("a state must have as many rows as the tokens that continue it",
                             f"{len(state.lengths_B)} and {rows}", "select the rows, or begin with a new state")  # fmt: skip
        if state is not None and state.read:
            assert inputs.source_BS is None, "the source comes with the first tokens alone"
            assert state.carried_BND is not None
            source, before_BND = state.source, state.carried_BND
        else:
            source, before_BND = self._read_source(inputs)
        y_BTE = self._embedded(self.target_embedding, inputs.tokens_BT)
        values_BTD, after_BTND = self.decoder(y_BTE, source, before_BND)
        if state is not None:
            state.read, state.source = True, source
            state.go_on(before_BND, after_BTND)
        return Hidden(functional.dropout(values_BTD, self.spec.dropout, self.training), state)

    def _read_source(self, inputs: Inputs) -> tuple[Source | None, Tensor]:
        """What attention sees, and what the decoder begins with."""
        if inputs.source_BS is None:
            raise TelosError("model 'seq2seq' reads a source and writes a target", "tokens without a source",
                             "train it with objective.kind=sequence_to_sequence, and ask it with telos generate")  # fmt: skip
        lengths_B = inputs.source_lengths_B
        x_BSE = self._embedded(self.source_embedding or self.target_embedding, inputs.source_BS)
        states_BSD, kept = self.encoder(x_BSE, lengths_B)
        attention = self.decoder.attention
        source = None if attention is None else attention.source(states_BSD, lengths_B)
        parts = [part for layer in kept for part in layer]
        return source, joined([*parts, torch.zeros_like(parts[0])], 1)

    def _embedded(self, table: nn.Embedding, tokens: Tensor) -> Tensor:
        return functional.dropout(table(tokens).to(self.compute_dtype), self.spec.dropout, self.training)

    def nll(self, hidden: Hidden, targets_BT: Tensor) -> Tensor:
        return linear_nll(hidden.values_BTD.flatten(0, 1), self.head_weight, targets_BT.flatten()).view(targets_BT.shape)

    def over_logits(self, hidden: Hidden, function: Callable[[Tensor], Tensor]) -> Tensor:
        x = hidden.values_BTD.flatten(0, 1)
        weight = self.head_weight.to(x.dtype)
        whole = torch.cat([function((part @ weight.t()).float()) for part in x.split(chunk_rows(weight.shape[0]))])
        return whole.view(*hidden.values_BTD.shape[:2], *whole.shape[1:])

    def new_state(self, rows: int, capacity: int) -> State:
        return State(rows, self.head_weight.device)

    # -- what trainers and planners ask -----------------------------------------------------------------------------

    def roles(self) -> dict[str, Role]:
        def role(name: str, parameter: Tensor) -> Role:
            if "embedding" in name:
                return "embedding"
            if name.startswith("head"):
                return "head"
            return "matrix" if parameter.ndim == 2 and min(parameter.shape) > 1 else "vector"

        return {name: role(name, parameter) for name, parameter in self.named_parameters()}

    def flops_per_token(self, context: int) -> float:
        """Of a target token and as much source: 2 per weight of every matrix product, and 2·2·D·context for scores and mixing of
        attention over a source of that length."""
        roles = self.roles()
        products = sum(p.numel() for name, p in self.named_parameters() if roles[name] in ("matrix", "head"))
        products += self.head_weight.numel() if self.head is None else 0
        return 2.0 * products + (4.0 * self.spec.hidden_size * context if self.spec.attention != "none" else 0.0)
