"""A built Transformer: stacks, head, and what trainers, planners and decoders ask of it."""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from telos.foundation.errors import TelosError
from telos.layers import masks
from telos.layers.attention import Attention, Kernel
from telos.layers.attention_kernel import choose
from telos.layers.cross_entropy import Kernels
from telos.layers.linear import Linear
from telos.models import Hidden, Inputs, Network, Role
from telos.models.stacks.block import Beside, Block, Memory
from telos.models.stacks.flops import flops_per_token
from telos.models.stacks.head import Head
from telos.models.stacks.initial import initialise
from telos.models.stacks.stack import Places, Run, Stack
from telos.models.stacks.state import State
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from telos.models.transformer import Transformer


class TransformerNetwork(nn.Module, Network):
    """A built `Transformer`.  ``compute_dtype``: type of activations and products; parameters are fp32 masters.

    Initialisation "identity": embeddings N(0, 1), or where they are tied to the head N(0, 0.02²), from 128 units on narrower
    by 128 ÷ width: logits must keep their size as the width grows (Yang et al. 2022, arXiv:2203.03466, table 8), and that of
    the token itself is as large as width times deviation; query, key, value, gate and up uniform with variance 1/fan-in
    (LeCun); the maps that write to the stream, and an untied head, zero, so that a block starts as the identity and the loss at
    log V (Zhang et al. 2019, "Fixup"; as nanochat does).  "normal": everything N(0, 0.02²), the maps that write to the stream
    by 1/√(2 · layers) narrower (Radford et al. 2019, "GPT-2", section 2.3).
    Either: biases 0, norms 1, routers N(0, 0.02²).
    """

    spec: "Transformer"

    def __init__(self, spec: "Transformer", vocabulary: Vocabulary, seed: int):
        super().__init__()
        self.spec, self.vocabulary, self.context_length = spec, vocabulary, spec.context_length
        self.compute_dtype = torch.float32
        both = spec.architecture == "encoder_decoder"
        self.model = Stack(spec, spec.num_layers, vocabulary.size, spec.architecture != "encoder", cross=both)
        layers = spec.num_layers if spec.num_encoder_layers is None else spec.num_encoder_layers
        self.encoder = Stack(spec, layers, None, causal=False, cross=False) if both else None
        self.head = Head(spec)
        self.lm_head = None if spec.tie_embeddings else Linear(spec.hidden_size, vocabulary.size)
        self.lm_bias = nn.Parameter(torch.zeros(vocabulary.size)) if spec.head_bias else None
        experts = spec.experts
        self.routed_fraction = experts.experts_per_token / experts.num_experts if experts else 1.0
        self._kernels = Kernels()
        self._run: Run = Block.__call__
        self._compiled = False
        initialise(self, seed)

    @property
    def head_weight(self) -> Tensor:
        return self.model.embed_tokens.weight if self.lm_head is None else self.lm_head.weight

    # -- forward ----------------------------------------------------------------------------------------------------

    def hidden(self, inputs: Inputs, state: State | None = None) -> Hidden:
        """See `telos.models.Network`.  An encoder sees both directions whatever ``inputs.pattern`` says; an encoder-decoder
        reads ``inputs.source_BS``, with a state at the first call alone.

        Raises `TelosError` for a pattern that the architecture does not have, a source that is missing, a text longer than
        learned positions, a state of other rows.
        """
        self._check(inputs, state)
        if state is not None:
            values, _ = self._continued(inputs, state)
            return Hidden(values, state)
        # Compiled blocks know one way of running, that of training; measuring goes the same way and drops the gradient.
        measuring = self._compiled and not torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        with torch.enable_grad() if measuring else contextlib.nullcontext():
            values, penalties = self._whole(inputs)
        experts = self.spec.experts
        balance = {"balance": experts.balance * torch.stack(penalties).mean()} if experts and penalties else {}
        return Hidden(values.detach(), None) if measuring else Hidden(values, penalties=balance)

    def _check(self, inputs: Inputs, state: State | None) -> None:
        architecture, pattern = self.spec.architecture, inputs.pattern
        if architecture == "decoder" and pattern not in self.spec.patterns:
            raise TelosError(f"a decoder reads with one of the patterns {', '.join(sorted(self.spec.patterns))}", f"'{pattern}'",
                             "set model.architecture=encoder_decoder")  # fmt: skip
        if state is None:
            if architecture == "encoder_decoder" and inputs.source_BS is None:
                raise TelosError("an encoder-decoder needs a source beside its text", "no source",
                                 "give Inputs.source_BS, or set model.architecture=decoder")  # fmt: skip
            return
        if architecture == "encoder" or pattern in ("bidirectional", "dense"):
            raise TelosError("what sees both directions must be read whole", "a state to go on from",
                             "give the whole text without a state")  # fmt: skip
        if architecture == "encoder_decoder" and inputs.source_BS is None and state.memory is None:
            raise TelosError("an encoder-decoder needs a source beside its text", "no source at the first call",
                             "give Inputs.source_BS with the first tokens")  # fmt: skip
        if state.rows != len(inputs.tokens_BT):
            raise TelosError("a state must have as many rows as the tokens that continue it",
                             f"{state.rows} rows, {len(inputs.tokens_BT)} of tokens",
                             "make it with new_state(rows, …)")  # fmt: skip

    def _whole(self, inputs: Inputs) -> tuple[Tensor, list[Tensor]]:
        """Rows from their beginning."""
        tokens, segments = inputs.tokens_BT, inputs.segments_BT
        if self._compiled and segments is None:  # a mask of the shape that was compiled
            segments = torch.zeros_like(tokens, dtype=torch.int32)
        if inputs.pattern == "dense":
            places = dense_places(inputs, self.spec.architecture == "decoder")
        else:
            both = self.spec.architecture == "encoder" or inputs.pattern == "bidirectional"
            places = whole_places(tokens, segments, not both, inputs.prefix_BT if inputs.pattern == "prefix" else None)
        memory, penalties = self._memory(inputs) if self.encoder is not None else (None, [])
        values, more = self.model(self._embedded(tokens), inputs.types_BT, places, self._run, memory=memory)
        return values, penalties + more

    def _continued(self, inputs: Inputs, state: State) -> tuple[Tensor, list[Tensor]]:
        """Tokens behind those that the state holds."""
        tokens = inputs.tokens_BT
        if self.encoder is not None and inputs.source_BS is not None:
            state.memory, _ = self._memory(inputs)
        positions = state.lengths_B[:, None] + torch.arange(tokens.shape[1], device=tokens.device)
        held = int(state.lengths_B.max()) + tokens.shape[1]
        prefix = None
        if inputs.pattern == "prefix" and inputs.prefix_BT is not None:
            prefix = torch.zeros(len(tokens), held, dtype=torch.bool, device=tokens.device)
            prefix.scatter_(1, positions, inputs.prefix_BT)

        def allowed(window: int | None) -> Tensor:
            distances = masks.distances(positions, held)
            seen = distances <= 0
            if prefix is not None:
                seen = seen | prefix[:, None]
            return seen if window is None else seen & masks.within(distances, window, causal=True)

        places = Places(positions, positions, held, allowed)
        result = self.model(self._embedded(tokens), inputs.types_BT, places, Block.__call__, state=state, memory=state.memory)
        state.lengths_B = state.lengths_B + tokens.shape[1]
        return result

    def _memory(self, inputs: Inputs) -> tuple[list[Memory], list[Tensor]]:
        """What each decoder layer reads of the source."""
        assert self.encoder is not None
        assert inputs.source_BS is not None
        source, lengths, segments = inputs.source_BS, inputs.source_lengths_B, inputs.source_segments_BS
        columns = torch.arange(source.shape[1], device=source.device)
        counted = columns < (lengths[:, None] if lengths is not None else source.shape[1])
        counted = counted.expand(source.shape)
        places = whole_places(source, (~counted).int() if segments is None else segments, causal=False)
        values, penalties = self.encoder(self._embedded(source), None, places, self._run)
        seen = counted[:, None]
        if segments is not None:
            assert inputs.segments_BT is not None
            # A query of padding sees something too: nothing at all would be no number.
            seen = (inputs.segments_BT[:, :, None] == segments[:, None]) | (inputs.segments_BT == 0)[:, :, None]
        mask = masks.additive(seen, self.compute_dtype)
        crosses = [block.cross_attn for block in self.model.layers]
        return [Memory(*cross.keys_and_values(values), mask) for cross in crosses if cross is not None], penalties

    def embedding_table(self) -> nn.Embedding:
        return self.model.embed_tokens

    def _embedded(self, tokens: Tensor) -> Tensor:
        return self.model.embed_tokens(tokens).to(self.compute_dtype)

    def nll(self, hidden: Hidden, targets_BT: Tensor) -> Tensor:
        x = hidden.values_BTD.flatten(0, 1)
        return self.head.nll(x, self.head_weight, self.lm_bias, targets_BT.flatten(), self._kernels).view(targets_BT.shape)

    def over_logits(self, hidden: Hidden, function: Callable[[Tensor], Tensor]) -> Tensor:
        joined = self.head.over_logits(hidden.values_BTD.flatten(0, 1), self.head_weight, self.lm_bias, function)
        return joined.view(*hidden.values_BTD.shape[:2], *joined.shape[1:])

    def new_state(self, rows: int, capacity: int) -> State:
        return State(self.spec, rows, capacity, self.compute_dtype, self.head_weight.device)

    # -- what trainers and planners ask -----------------------------------------------------------------------------

    def roles(self) -> dict[str, Role]:
        def role(name: str, parameter: Tensor) -> Role:
            if ("embed_" in name and parameter.ndim == 2) or "relative_bias" in name:
                return "embedding"
            if "lm_head" in name:
                return "head"
            return "matrix" if parameter.ndim == 2 else "vector"

        return {name: role(name, parameter) for name, parameter in self.named_parameters()}

    def flops_per_token(self, context: int) -> float:
        return flops_per_token(self, context)

    def choose_attention(self, rows: int, length: int, compiled: bool) -> Kernel:
        """The faster attention kernel for training on this device, in this type and shape, by measuring."""
        spec = self.spec
        if spec.attention_softcap is not None:
            return "explicit"
        return choose(self.head_weight.device, self.compute_dtype, rows=rows, length=length, compiled=compiled,
                      num_heads=spec.num_heads, num_key_value_heads=spec.resolved_key_value_heads,
                      head_size=spec.resolved_head_size)  # fmt: skip

    def use_attention(self, kernel: Kernel) -> None:
        """Run every attention with this kernel."""
        for module in self.modules():
            if isinstance(module, Attention):
                module.kernel = kernel

    def compile_blocks(self) -> None:
        """Compile one block (all blocks share it), and on a GPU the loss.  Rows of one shape only.  Of
        blocks with experts only the attention is compiled: how many tokens an expert gets is known when it runs."""
        if self.spec.experts is None:
            self._run = torch.compile(Block.forward, fullgraph=True, dynamic=False)
        else:
            look: Any = torch.compile(Block.look, fullgraph=True, dynamic=False)

            def run(block: Block, x: Tensor, beside: Beside) -> tuple[Tensor, Tensor | None]:
                return block.think(look(block, x, beside), beside.depth)

            self._run = run
        self._compiled = True
        self._kernels = Kernels.compiled(self.head_weight.device)


def whole_places(tokens_BT: Tensor, segments_BT: Tensor | None, causal: bool, prefix_BT: Tensor | None = None) -> Places:
    """Places of rows that are read from their beginning."""
    length, device = tokens_BT.shape[1], tokens_BT.device
    places = torch.arange(length, device=device)[None]
    absolute = places if segments_BT is None else masks.places_in_segment(segments_BT)

    def allowed(window: int | None) -> Tensor:
        return masks.visible(length, device, segments_BT, causal=causal, prefix_BT=prefix_BT, window=window)

    return Places(places, absolute, length, allowed)


def dense_places(inputs: Inputs, one_way: bool) -> Places:
    """Places of rows whose tokens stand and see as the inputs say.  ``one_way``: how far a window reaches is counted as where
    only what comes before is seen."""
    positions, visible = inputs.positions_BT, inputs.visible_BTT
    assert positions is not None
    assert visible is not None

    def allowed(window: int | None) -> Tensor:
        if window is None:
            return visible
        far = masks.distances(positions, positions).abs()
        return visible & (far < window if one_way else far <= window // 2)

    return Places(positions, positions, positions.shape[1], allowed, positions)
