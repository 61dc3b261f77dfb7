"""Our `Transformer` and transformers' GPT2LMHeadModel, whose matrices are the other way round and whose queries, keys and
values are one.

Radford et al. 2019, "Language Models are Unsupervised Multitask Learners".
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from telos.models.hugging_face._architecture import ACTIVATIONS, Architecture, activation, agreeing
from telos.models.hugging_face._names import modules
from telos.models.transformer import Transformer

if TYPE_CHECKING:
    from torch import Tensor

DROPOUTS = ("resid_pdrop", "embd_pdrop")


class GPT2(Architecture):
    """GPT-2: layer norms before, learned positions, biases everywhere."""

    name = "GPT2LMHeadModel"
    model_type = "gpt2"
    same: ClassVar = {"num_layers": "n_layer", "hidden_size": "n_embd", "num_heads": "n_head", "context_length": "n_positions",
                      "norm_eps": "layer_norm_epsilon", "attention_dropout": "attn_pdrop",
                      "tie_embeddings": "tie_word_embeddings"}  # fmt: skip
    defaults: ClassVar = {"norm_eps": 1e-5, "attention_dropout": 0.1, "tie_embeddings": True}
    constants: ClassVar = {"norm": "layer", "positions": "learned", "query_key_norm": False, "gated": False,
                           "attention_bias": True, "feed_forward_bias": True}  # fmt: skip
    fixed: ClassVar = {"scale_attn_by_inverse_layer_idx": (False,), "reorder_and_upcast_attn": (False,)}
    without_effect = frozenset(["n_ctx", "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type",
                                "summary_use_proj", "task_specific_params"])  # fmt: skip
    others = frozenset([*DROPOUTS, "activation_function", "n_inner", "scale_attn_weights"])
    renames = (
        *modules({"transformer.wte": "model.embed_tokens", "transformer.wpe": "model.embed_positions",
                  "transformer.ln_f": "model.norm", "transformer.h.*.ln_1": "model.layers.*.input_layernorm",
                  "transformer.h.*.ln_2": "model.layers.*.post_attention_layernorm"}),
        *modules({"transformer.h.*.attn.c_attn": tuple(f"model.layers.*.self_attn.{part}_proj" for part in "qkv"),
                  "transformer.h.*.attn.c_proj": "model.layers.*.self_attn.o_proj",
                  "transformer.h.*.mlp.c_fc": "model.layers.*.mlp.up_proj",
                  "transformer.h.*.mlp.c_proj": "model.layers.*.mlp.down_proj"}, transposed=True),
    )  # fmt: skip

    def config(self, spec: Transformer) -> dict[str, Any]:
        theirs = {own: name for name, own in reversed(ACTIVATIONS.items())}
        return {"activation_function": theirs[spec.activation], "n_inner": spec.resolved_intermediate_size,
                "scale_attn_weights": spec.attention_scale is None, **dict.fromkeys(DROPOUTS, spec.dropout)}  # fmt: skip

    def settings(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return {"activation": activation(config, "activation_function", "gelu_new"), "intermediate_size": config.get("n_inner"),
                "attention_scale": None if config.get("scale_attn_weights", True) else 1.0,
                "dropout": agreeing(config, DROPOUTS, 0.1)}  # fmt: skip

    def copies(self, spec: Transformer) -> dict[str, str]:
        return {"lm_head.weight": "transformer.wte.weight"} if spec.tie_embeddings else {}

    def clean(self, tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
        """OpenAI's own folder has the names without ``transformer.``, and causal masks among the weights."""
        prefix = "" if any(name.startswith("transformer.") for name in tensors) else "transformer."
        named = {name if name.startswith("lm_head.") else prefix + name: tensor for name, tensor in tensors.items()}
        return {name: tensor for name, tensor in named.items() if not _is_mask(name, tensor)}


def _is_mask(name: str, tensor: "Tensor") -> bool:
    """Whether a tensor only says that tokens do not look ahead."""
    if name.endswith(".attn.masked_bias"):
        return tensor.ndim == 0
    return name.endswith(".attn.bias") and tensor.ndim == 4 and bool((tensor[0, 0] == tensor[0, 0].tril()).all())


GPT2_LM = GPT2()
