"""Our `Transformer` and transformers' T5ForConditionalGeneration, of both versions (1.1: gated, untied).

Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer".
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from telos.foundation.errors import TelosError
from telos.models.hugging_face._architecture import ACTIVATIONS, Architecture
from telos.models.hugging_face._names import Rename, modules
from telos.models.transformer import Transformer

if TYPE_CHECKING:
    from torch import Tensor


def _layers(stack: str, own: str, last: int) -> dict[str, str]:
    """Names of one stack; ``last``: number of its feed-forward part."""
    theirs, ours = f"{stack}.block.*.layer.", f"{own}.layers.*."
    names = {f"{theirs}0.SelfAttention.{part}": f"{ours}self_attn.{part}_proj" for part in "qkvo"}
    return {
        **names,
        f"{theirs}0.layer_norm": ours + "input_layernorm",
        f"{theirs}{last}.layer_norm": ours + "post_attention_layernorm",
        f"{theirs}{last}.DenseReluDense.wi_0": ours + "mlp.gate_proj",
        f"{theirs}{last}.DenseReluDense.wi_1": ours + "mlp.up_proj",  # without a gate it is called wi
        f"{theirs}{last}.DenseReluDense.wo": ours + "mlp.down_proj",
        f"{stack}.final_layer_norm": f"{own}.norm",
    }


class T5(Architecture):
    """An encoder-decoder with learned biases for buckets of distances, whose scores are not scaled."""

    name = "T5ForConditionalGeneration"
    model_type = "t5"
    same: ClassVar = {"hidden_size": "d_model", "head_size": "d_kv", "intermediate_size": "d_ff", "num_heads": "num_heads",
                      "num_encoder_layers": "num_layers", "num_buckets": "relative_attention_num_buckets",
                      "max_distance": "relative_attention_max_distance", "norm_eps": "layer_norm_epsilon",
                      "context_length": "n_positions", "dropout": "dropout_rate",
                      "tie_embeddings": "tie_word_embeddings"}  # fmt: skip
    defaults: ClassVar = {"num_buckets": 32, "max_distance": 128, "norm_eps": 1e-6, "context_length": 512, "dropout": 0.1,
                          "tie_embeddings": True}  # fmt: skip
    constants: ClassVar = {"architecture": "encoder_decoder", "positions": "buckets", "query_key_norm": False,
                           "attention_scale": 1.0}  # fmt: skip
    fixed: ClassVar = {"is_encoder_decoder": (True,)}
    written = ("is_encoder_decoder",)
    without_effect = frozenset(["classifier_dropout", "initializer_factor", "output_past", "task_specific_params"])
    others = frozenset(["dense_act_fn", "feed_forward_proj", "is_gated_act", "num_decoder_layers", "scale_decoder_outputs"])
    renames = (
        *modules({
            "shared": "model.embed_tokens",
            **_layers("encoder", "encoder", 1),
            **_layers("decoder", "model", 2),
            **{f"decoder.block.*.layer.1.EncDecAttention.{part}": f"model.layers.*.cross_attn.{part}_proj" for part in "qkvo"},
            "decoder.block.*.layer.1.layer_norm": "model.layers.*.cross_attention_layernorm",
        }),
        Rename("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", ("encoder.relative_bias.weight",)),
        Rename("decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", ("model.relative_bias.weight",)),
    )  # fmt: skip

    def config(self, spec: Transformer) -> dict[str, Any]:
        theirs = {own: name for name, own in reversed(ACTIVATIONS.items())}[spec.activation]
        kind = "gated-gelu" if (spec.gated, spec.activation) == (True, "gelu_tanh") else f"{'gated-' * spec.gated}{theirs}"
        return {"num_decoder_layers": spec.num_layers, "feed_forward_proj": kind,
                "scale_decoder_outputs": spec.logit_scale != 1}  # fmt: skip

    def settings(self, config: Mapping[str, Any]) -> dict[str, Any]:
        kind = config.get("feed_forward_proj", "relu")
        word = kind.removeprefix("gated-")
        # transformers reads "gated-gelu" as the approximation that T5 1.1 was trained with.
        theirs = "gelu_new" if kind == "gated-gelu" else word
        if theirs not in ACTIVATIONS:
            raise TelosError(f"config.json: feed_forward_proj must be one of {', '.join(ACTIVATIONS)}, by choice after 'gated-'",
                             f"{kind!r}", "this model cannot be loaded")  # fmt: skip
        scaled = config.get("scale_decoder_outputs", config.get("tie_word_embeddings") is not False)
        width = config.get("d_model")
        return {"gated": word != kind, "activation": ACTIVATIONS[theirs],
                "num_layers": config.get("num_decoder_layers") or config.get("num_layers"),
                "attention_dropout": config.get("dropout_rate", 0.1),
                "logit_scale": width**-0.5 if scaled and isinstance(width, int) else 1.0}  # fmt: skip

    def to_theirs(self, tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        found = super().to_theirs(tensors)
        if any(".DenseReluDense.wi_0." in name for name in found):
            return found
        return {name.replace(".DenseReluDense.wi_1.", ".DenseReluDense.wi."): tensor for name, tensor in found.items()}

    def to_ours(self, tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        return super().to_ours(
            {name.replace(".DenseReluDense.wi.", ".DenseReluDense.wi_1."): tensor for name, tensor in tensors.items()}
        )

    def copies(self, spec: Transformer) -> dict[str, str]:
        embeddings = {f"{stack}.embed_tokens.weight": "shared.weight" for stack in ("encoder", "decoder")}
        return embeddings | ({"lm_head.weight": "shared.weight"} if spec.tie_embeddings else {})

    def clean(self, tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
        """Without the distance biases of cross-attention that the first T5 models saved and nothing reads."""
        unread = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
        return {name: tensor for name, tensor in tensors.items() if name != unread}


T5_CONDITIONAL = T5()
