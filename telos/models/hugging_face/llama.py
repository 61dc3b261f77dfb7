"""Our `Transformer` and transformers' LlamaForCausalLM.

Touvron et al. 2023, "LLaMA" (arXiv:2302.13971) and its successors; scaled rotary positions as in Llama 3.1.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from telos.models.hugging_face._architecture import Architecture
from telos.models.hugging_face._llama_like import ROPE, SIZES, rope_config, rope_settings
from telos.models.transformer import Transformer

if TYPE_CHECKING:
    from torch import Tensor


class Llama(Architecture):
    """Llama 1 to 3, and models of its shape."""

    name = "LlamaForCausalLM"
    model_type = "llama"
    same: ClassVar = {**SIZES, "intermediate_size": "intermediate_size", "attention_bias": "attention_bias",
                      "feed_forward_bias": "mlp_bias"}  # fmt: skip
    defaults: ClassVar = {"num_key_value_heads": None, "head_size": None, "tie_embeddings": False, "norm_eps": 1e-6,
                          "attention_bias": False, "feed_forward_bias": False, "attention_dropout": 0.0}  # fmt: skip
    constants: ClassVar = {"query_key_norm": False}
    fixed: ClassVar = {"hidden_act": ("silu",), "pretraining_tp": (1, None)}
    written = ("hidden_act",)
    others = ROPE

    def config(self, spec: Transformer) -> dict[str, Any]:
        return rope_config(spec)

    def settings(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return {**rope_settings(config), "attention_dropout": config.get("attention_dropout") or 0.0}

    def clean(self, tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
        """Without the frequencies of rotary positions, which early versions saved and config.json gives."""
        return {name: tensor for name, tensor in tensors.items() if not name.endswith(".self_attn.rotary_emb.inv_freq")}


LLAMA = Llama()
