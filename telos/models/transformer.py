"""The decoder Transformer in the Qwen3 shape.

Pre-norm blocks x += attention(norm(x)); x += feed_forward(norm(x)) with RMS norms, rotary positions, query-key norm, SwiGLU,
grouped queries, tied or untied embeddings, no biases (Qwen3 Technical Report, arXiv:2505.09388, section 2).  Module names are
transformers' own, so a saved folder is a Qwen3ForCausalLM.  Tests: tests/models/test_transformer.py, test_hugging_face.py.
"""

import contextlib
import math
from collections.abc import Callable, Iterable

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from telos.foundation.random import torch_generator
from telos.layers.attention import Attention, Cache, causal_mask
from telos.layers.cross_entropy import Kernels, chunk_rows, linear_nll
from telos.layers.feed_forward import SwiGLU
from telos.layers.linear import Linear
from telos.layers.norm import RMSNorm
from telos.layers.rotary import angles
from telos.models import Hidden, Inputs, Model, Network, Role
from telos.tokens.vocabulary import Vocabulary


class Transformer(Model):
    """Settings of the decoder.  ``intermediate_size``: width of the feed-forward layer (None: 8/3 of the hidden size, to
    the next multiple of 64, which costs what a plain layer of four times the width would).  ``head_size``: None for
    hidden_size ÷ num_heads.  ``num_key_value_heads``: None for as many as heads."""

    num_layers: int = Field(4, ge=0)
    hidden_size: int = Field(128, ge=2)
    num_heads: int = Field(2, ge=1)
    num_key_value_heads: int | None = Field(None, ge=1)
    head_size: int | None = Field(None, ge=2)
    intermediate_size: int | None = Field(None, ge=1)
    context_length: int = Field(256, ge=1)
    tie_embeddings: bool = False
    rope_theta: float = Field(10_000.0, gt=0)
    norm_eps: float = Field(1e-6, gt=0)

    @model_validator(mode="after")
    def _fits(self) -> "Transformer":
        if self.head_size is None and self.hidden_size % self.num_heads:
            raise ValueError(f"num_heads ({self.num_heads}) must divide hidden_size ({self.hidden_size}), or give head_size")
        if self.resolved_head_size % 2:
            raise ValueError(f"the head size ({self.resolved_head_size}) must be even, for rotary positions")
        if self.num_heads % self.resolved_key_value_heads:
            raise ValueError(f"num_key_value_heads ({self.num_key_value_heads}) must divide num_heads ({self.num_heads})")
        return self

    @property
    def resolved_head_size(self) -> int:
        return self.head_size or self.hidden_size // self.num_heads

    @property
    def resolved_key_value_heads(self) -> int:
        return self.num_key_value_heads or self.num_heads

    @property
    def resolved_intermediate_size(self) -> int:
        return self.intermediate_size or math.ceil(8 * self.hidden_size / 3 / 64) * 64

    def build(self, vocabulary: Vocabulary, seed: int = 1) -> "Decoder":
        return Decoder(self, vocabulary, seed)


class Block(nn.Module):
    """One layer: attention and feed-forward, each behind its norm and added to the stream."""

    def __init__(self, spec: Transformer):
        super().__init__()
        self.input_layernorm = RMSNorm(spec.hidden_size, spec.norm_eps)
        self.self_attn = Attention(spec.hidden_size, spec.num_heads, spec.resolved_key_value_heads,
                                   spec.resolved_head_size, spec.norm_eps)  # fmt: skip
        self.post_attention_layernorm = RMSNorm(spec.hidden_size, spec.norm_eps)
        self.mlp = SwiGLU(spec.hidden_size, spec.resolved_intermediate_size)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None, cache: Cache | None = None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class Stack(nn.Module):
    """Embedding, blocks and last norm (transformers calls this part ``model``)."""

    def __init__(self, spec: Transformer, vocabulary_size: int):
        super().__init__()
        self.embed_tokens = nn.Embedding(vocabulary_size, spec.hidden_size)
        self.layers: Iterable[Block] = nn.ModuleList(Block(spec) for _ in range(spec.num_layers))  # type: ignore[assignment]
        self.norm = RMSNorm(spec.hidden_size, spec.norm_eps)


class DecoderState:
    """Key-value cache: per layer (B, G, capacity, K) keys and values, ``lengths_B`` tokens held per row."""

    def __init__(self, spec: Transformer, rows: int, capacity: int, dtype: torch.dtype, device: torch.device):
        shape = (spec.num_layers, rows, spec.resolved_key_value_heads, capacity, spec.resolved_head_size)
        self.keys, self.values = torch.zeros(shape, dtype=dtype, device=device), torch.zeros(shape, dtype=dtype, device=device)
        self.lengths_B = torch.zeros(rows, dtype=torch.int64, device=device)
        self.capacity = capacity

    def keep(self, lengths_B: Tensor) -> None:
        """Hold only the first ``lengths_B`` tokens of each row (drops padding or rejected tokens)."""
        self.lengths_B = lengths_B.to(self.lengths_B)

    def select(self, rows: Tensor) -> None:
        """Keep some rows, in the order given."""
        self.keys, self.values, self.lengths_B = self.keys[:, rows], self.values[:, rows], self.lengths_B[rows]


class Decoder(nn.Module, Network):
    """A built `Transformer`.  ``compute_dtype``: type of activations and products; parameters are fp32 masters.

    Initialisation: embeddings N(0, 1), or N(0, 0.02²) where they are tied to the head; query, key, value, gate and up
    uniform with variance 1/fan-in (LeCun); the maps that write to the stream, and an untied head, zero, so that a block starts as
    the identity and the loss at log V (Zhang et al. 2019, "Fixup"; as nanochat does).
    """

    spec: Transformer

    def __init__(self, spec: Transformer, vocabulary: Vocabulary, seed: int):
        super().__init__()
        self.spec, self.vocabulary, self.context_length = spec, vocabulary, spec.context_length
        self.compute_dtype = torch.float32
        self.model = Stack(spec, vocabulary.size)
        self.lm_head = None if spec.tie_embeddings else Linear(spec.hidden_size, vocabulary.size)
        self._kernels = Kernels()
        self._run: Callable[..., Tensor] = Block.__call__
        self._compiled = False
        self._initialise(seed)

    @torch.no_grad()
    def _initialise(self, seed: int) -> None:
        generator = torch_generator(seed, "weights")
        self.model.embed_tokens.weight.normal_(0, 0.02 if self.spec.tie_embeddings else 1.0, generator=generator)
        for name, parameter in self.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight", "lm_head.weight")):
                parameter.zero_()
            elif name.endswith("_proj.weight"):
                bound = math.sqrt(3 / parameter.shape[1])
                parameter.uniform_(-bound, bound, generator=generator)

    @property
    def head_weight(self) -> Tensor:
        return self.model.embed_tokens.weight if self.lm_head is None else self.lm_head.weight

    # -- forward ----------------------------------------------------------------------------------------------------

    def hidden(self, inputs: Inputs, state: DecoderState | None = None) -> Hidden:
        if state is not None:
            return Hidden(self._continued(inputs.tokens_BT, state), state)
        # Compiled blocks know one way of running, that of training; measuring goes the same way and drops the gradient.
        measuring = self._compiled and not torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        with torch.enable_grad() if measuring else contextlib.nullcontext():
            values = self._whole(inputs)
        return Hidden(values.detach() if measuring else values)

    def _whole(self, inputs: Inputs) -> Tensor:
        """Rows from their beginning."""
        tokens, segments = inputs.tokens_BT, inputs.segments_BT
        if self._compiled and segments is None:  # a mask of the shape that was compiled
            segments = torch.zeros_like(tokens, dtype=torch.int32)
        mask = causal_mask(segments, tokens.shape[1], self.compute_dtype, tokens.device)
        x, cos, sin = self._embedded(tokens, torch.arange(tokens.shape[1], device=tokens.device)[None])
        for block in self.model.layers:
            x = self._run(block, x, cos, sin, mask)
        return self.model.norm(x)

    def _continued(self, tokens: Tensor, state: DecoderState) -> Tensor:
        """Tokens behind those that the state holds."""
        positions = state.lengths_B[:, None] + torch.arange(tokens.shape[1], device=tokens.device)
        held = int(state.lengths_B.max()) + tokens.shape[1]
        seen = torch.arange(held, device=tokens.device) <= positions[:, :, None]
        mask = torch.zeros(seen.shape, dtype=self.compute_dtype, device=tokens.device).masked_fill_(~seen, -math.inf)[:, None]
        x, cos, sin = self._embedded(tokens, positions)
        for i, block in enumerate(self.model.layers):
            x = block(x, cos, sin, mask, Cache(state.keys[i], state.values[i], positions, held))
        state.lengths_B = state.lengths_B + tokens.shape[1]
        return self.model.norm(x)

    def _embedded(self, tokens: Tensor, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the first block reads, and the angles of the positions."""
        cos, sin = angles(positions, self.spec.resolved_head_size, self.spec.rope_theta)
        x = self.model.embed_tokens(tokens).to(self.compute_dtype)
        return x, cos[:, None].to(self.compute_dtype), sin[:, None].to(self.compute_dtype)

    def nll(self, hidden: Hidden, targets_BT: Tensor) -> Tensor:
        x = hidden.values_BTD
        return linear_nll(x.flatten(0, 1), self.head_weight, targets_BT.flatten(), self._kernels).view(targets_BT.shape)

    def over_logits(self, hidden: Hidden, function: Callable[[Tensor], Tensor]) -> Tensor:
        x = hidden.values_BTD.flatten(0, 1)
        weight = self.head_weight.to(x.dtype)
        parts = [function((part @ weight.t()).float()) for part in x.split(chunk_rows(weight.shape[0]))]
        joined = torch.cat(parts)
        return joined.view(*hidden.values_BTD.shape[:2], *joined.shape[1:])

    def new_state(self, rows: int, capacity: int) -> DecoderState:
        return DecoderState(self.spec, rows, capacity, self.compute_dtype, self.head_weight.device)

    # -- what trainers and planners ask -----------------------------------------------------------------------------

    def roles(self) -> dict[str, Role]:
        def role(name: str, parameter: Tensor) -> Role:
            if "embed_tokens" in name:
                return "embedding"
            if "lm_head" in name:
                return "head"
            return "matrix" if parameter.ndim == 2 else "vector"

        return {name: role(name, parameter) for name, parameter in self.named_parameters()}

    def flops_per_token(self, context: int) -> float:
        """2 per weight of every matrix product (the embedding is a look-up), and 2·2·H·K·context/2 a layer for scores and
        mixing under a causal mask."""
        spec = self.spec
        products = sum(p.numel() for name, p in self.named_parameters() if p.ndim == 2 and "embed_tokens" not in name)
        products += self.head_weight.numel() if self.lm_head is None else 0
        return 2.0 * products + 2.0 * spec.num_layers * spec.num_heads * spec.resolved_head_size * context

    def compile_blocks(self) -> None:
        """Compile one block (all blocks share it) and the two chunk functions of the loss.  Rows of one shape only."""
        self._run = torch.compile(Block.forward, fullgraph=True, dynamic=False)
        self._compiled = True
        self._kernels = Kernels()
        self._kernels.forward = torch.compile(Kernels.forward, fullgraph=True, dynamic=False)
        self._kernels.backward = torch.compile(Kernels.backward, fullgraph=True, dynamic=False)
