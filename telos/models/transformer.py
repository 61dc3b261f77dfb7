"""The Transformer: every token looks at the others by attention; a decoder, an encoder or an encoder-decoder.

One implementation, whose settings make it a decoder (GPT-2, Llama, Qwen3, Mixtral, Gemma-like), an encoder (BERT,
ModernBERT-like) or an encoder-decoder (T5, BART-like).

    x ← x + attention(norm(x));   x ← x + feed_forward(norm(x))                    (norms before; Vaswani et al. 2017 put
    them after)

The defaults are the Qwen3 shape (arXiv:2505.09388, section 2): RMS norms, rotary positions, query-key norm, SwiGLU, no
biases.  Its parts stand in telos/layers, their assembly in telos/models/stacks.  Which settings are transformers' GPT-2,
Llama … says telos/models/hugging_face.  Tests: tests/models/test_transformer.py, tests/models/hugging_face/.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal, cast

from pydantic import Field, model_validator

from telos.layers.experts import Experts
from telos.layers.feed_forward import Activation
from telos.layers.norm import NormKind
from telos.layers.rotary import RotaryScaling
from telos.models import Model, Pattern
from telos.models.stacks.network import TransformerNetwork
from telos.tokens.vocabulary import Vocabulary

PATTERNS: dict[str, frozenset[Pattern]] = {
    "decoder": frozenset({"causal", "prefix", "bidirectional", "dense"}),
    "encoder": frozenset({"bidirectional", "dense"}),
    "encoder_decoder": frozenset({"encoder_decoder"}),
}


class _Patterns:
    """The patterns of a `Transformer` by its architecture; asked of the class, those of the default."""

    def __get__(self, spec: "Transformer | None", owner: type) -> frozenset[Pattern]:
        return PATTERNS["decoder" if spec is None else spec.architecture]


class Transformer(Model):
    """Settings.

    Shape.  ``architecture``: decoder, encoder, or both with cross-attention.  ``num_encoder_layers``: of an encoder-decoder
    (None: ``num_layers``).  ``head_size``: None for hidden_size ÷ num_heads.  ``num_key_value_heads``: None for as many as
    heads (1: multi-query).  ``intermediate_size``: width of the feed-forward layer (None: what costs as much as a plain
    layer of four times the width: 8/3 of it, to the next multiple of 64, where gated).

    Norms.  ``norm_place``: before each part, after the sum, or both (before, and on what is added).  ``embedding_norm``: one
    on the embeddings, too.  ``query_key_norm``: of each head's queries and keys.  Biases: ``norm_bias`` (layer norms only),
    ``attention_bias``, ``feed_forward_bias``, ``head_bias``.

    Positions.  ``rope_theta``, ``rope_scaling``: of rotary ones; ``local_rope_theta``: of layers with a window, where
    another. ``num_buckets``, ``max_distance``: of buckets.  ``windows``: how far back each layer sees (null: everything),
    repeated over the layers.

    Attention.  ``attention_scale``: None for 1/√K.  ``attention_softcap``, ``logit_softcap``: c in c tanh(z ÷ c).

    Head and embeddings.  ``tie_embeddings``: the head is the embedding.  ``head_transform``: a dense layer and norm before
    it. ``logit_scale`` and ``embedding_scale``: factors of what the head reads and of token embeddings.
    ``num_token_types``: 0 for none.

    Training.  ``dropout``: of embeddings and of what each part adds; ``attention_dropout``: of attention weights;
    ``stochastic_depth``: how often the last layer is skipped, earlier ones in proportion (Huang et al. 2016, section 3).
    ``initialization``: see `TransformerNetwork`.
    """

    architecture: Literal["decoder", "encoder", "encoder_decoder"] = "decoder"
    num_layers: int = Field(4, ge=0)
    num_encoder_layers: int | None = Field(None, ge=0)
    hidden_size: int = Field(128, ge=2)
    num_heads: int = Field(2, ge=1)
    num_key_value_heads: int | None = Field(None, ge=1)
    head_size: int | None = Field(None, ge=2)
    intermediate_size: int | None = Field(None, ge=1)
    context_length: int = Field(256, ge=1)

    norm: NormKind = "rms"
    norm_place: Literal["before", "after", "both"] = "before"
    norm_eps: float = Field(1e-6, gt=0)
    norm_bias: bool = True
    embedding_norm: bool = False
    query_key_norm: bool = True

    positions: Literal["rotary", "learned", "sinusoidal", "alibi", "buckets", "none"] = "rotary"
    rope_theta: float = Field(10_000.0, gt=0)
    local_rope_theta: float | None = Field(None, gt=0)
    rope_scaling: RotaryScaling | None = None
    num_buckets: int = Field(32, ge=4, multiple_of=4)
    max_distance: int = Field(128, ge=2)
    windows: tuple[int | None, ...] = ()

    attention_bias: bool = False
    attention_scale: float | None = Field(None, gt=0)
    attention_softcap: float | None = Field(None, gt=0)

    activation: Activation = "silu"
    gated: bool = True
    feed_forward_bias: bool = False
    experts: Experts | None = None

    tie_embeddings: bool = False
    head_bias: bool = False
    head_transform: bool = False
    embedding_scale: float = Field(1.0, gt=0)
    logit_scale: float = Field(1.0, gt=0)
    logit_softcap: float | None = Field(None, gt=0)
    num_token_types: int = Field(0, ge=0)

    dropout: float = Field(0.0, ge=0, lt=1)
    attention_dropout: float = Field(0.0, ge=0, lt=1)
    stochastic_depth: float = Field(0.0, ge=0, lt=1)
    initialization: Literal["identity", "normal"] = "identity"

    patterns: ClassVar[frozenset[Pattern]] = cast(frozenset[Pattern], _Patterns())
    packs_pairs: ClassVar[bool] = True
    TRAINING_ONLY: ClassVar[tuple[str, ...]] = ("dropout", "attention_dropout", "stochastic_depth", "initialization")
    """Settings that change nothing of what a trained network says."""

    @model_validator(mode="after")
    def _fits(self) -> "Transformer":
        if self.head_size is None and self.hidden_size % self.num_heads:
            raise ValueError(f"num_heads ({self.num_heads}) must divide hidden_size ({self.hidden_size}), or give head_size")
        if self.positions == "rotary" and self.resolved_head_size % 2:
            raise ValueError(f"the head size ({self.resolved_head_size}) must be even, for rotary positions")
        if self.num_heads % self.resolved_key_value_heads:
            raise ValueError(f"num_key_value_heads ({self.num_key_value_heads}) must divide num_heads ({self.num_heads})")
        if any(window is not None and window < 1 for window in self.windows):
            raise ValueError(f"windows must be at least 1, or null for a layer that sees everything ({list(self.windows)})")
        deepest = max(self.num_layers, self.num_encoder_layers or 0)
        if self.experts is not None and self.experts.layers and self.experts.layers[-1] >= deepest:
            raise ValueError(f"experts.layers must be below {deepest}, the number of layers ({list(self.experts.layers)})")
        if self.positions == "buckets" and self.max_distance <= self.num_buckets // 2:
            raise ValueError(f"max_distance ({self.max_distance}) must be above half of num_buckets ({self.num_buckets})")
        return self

    @property
    def resolved_head_size(self) -> int:
        return self.head_size or self.hidden_size // self.num_heads

    @property
    def resolved_key_value_heads(self) -> int:
        return self.num_key_value_heads or self.num_heads

    @property
    def resolved_intermediate_size(self) -> int:
        usual = math.ceil(8 * self.hidden_size / 3 / 64) * 64 if self.gated else 4 * self.hidden_size
        return self.intermediate_size or usual

    def window(self, layer: int) -> int | None:
        """How far back the layer sees."""
        return self.windows[layer % len(self.windows)] if self.windows else None

    def resolved(self) -> "Transformer":
        """The same network with every size said, and what has no effect beside the other settings at its default."""
        defaults = {name: info.get_default() for name, info in type(self).model_fields.items()}
        idle = [name for name, used in (
            ("num_encoder_layers", self.architecture == "encoder_decoder"),
            ("norm_bias", self.norm == "layer"),
            ("rope_theta", self.positions == "rotary"), ("rope_scaling", self.positions == "rotary"),
            ("local_rope_theta", self.positions == "rotary" and any(self.windows)),
            ("num_buckets", self.positions == "buckets"), ("max_distance", self.positions == "buckets"),
        ) if not used]  # fmt: skip
        windows = tuple(self.window(layer) for layer in range(self.num_layers))
        changes = {name: defaults[name] for name in idle}
        changes |= {"intermediate_size": self.resolved_intermediate_size, "head_size": self.resolved_head_size,
                    "num_key_value_heads": self.resolved_key_value_heads,
                    "windows": windows if any(windows) else ()}  # fmt: skip
        if self.experts is not None:
            deepest = max(self.num_layers, self.num_encoder_layers or 0)
            size, layers = self.experts.intermediate_size or self.resolved_intermediate_size, self.experts.layers
            changes["experts"] = self.experts.replace(intermediate_size=size, layers=None if layers == tuple(range(deepest))
                                                      else layers)  # fmt: skip
        if self.architecture == "encoder_decoder" and self.num_encoder_layers is None:
            changes["num_encoder_layers"] = self.num_layers
        return self.replace(**changes)

    def setting_for(self, needs: Sequence[Pattern]) -> str:
        return next(f"model.architecture={name}" for need in needs for name, has in PATTERNS.items() if need in has)

    def build(self, vocabulary: Vocabulary, seed: int = 1) -> TransformerNetwork:
        return TransformerNetwork(self, vocabulary, seed)
