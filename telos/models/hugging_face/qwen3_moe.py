"""Our `Transformer` and transformers' Qwen3MoeForCausalLM.  The names of our parameters are its own.

Qwen3 Technical Report, arXiv:2505.09388.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from telos.layers.experts import Experts
from telos.models.hugging_face._architecture import Architecture
from telos.models.hugging_face._llama_like import ROPE, SIZES, rope_config, rope_settings
from telos.models.transformer import Transformer


class Qwen3Moe(Architecture):
    """Qwen3 with experts in every layer."""

    name = "Qwen3MoeForCausalLM"
    model_type = "qwen3_moe"
    same: ClassVar = {**SIZES, "intermediate_size": "intermediate_size", "attention_bias": "attention_bias"}
    defaults: ClassVar = {"num_key_value_heads": 4, "head_size": None, "tie_embeddings": False, "norm_eps": 1e-6,
                          "attention_bias": False, "attention_dropout": 0.0}  # fmt: skip
    fixed: ClassVar = {"hidden_act": ("silu",), "use_sliding_window": (False,), "decoder_sparse_step": (1,),
                       "mlp_only_layers": ([], None)}  # fmt: skip
    written = ("hidden_act", "use_sliding_window", "decoder_sparse_step", "mlp_only_layers")
    without_effect = frozenset(["max_window_layers", "output_router_logits", "sliding_window"])  # the window is off
    others = ROPE | {"moe_intermediate_size", "num_experts", "num_local_experts", "num_experts_per_tok", "norm_topk_prob",
                     "router_aux_loss_coef"}  # fmt: skip

    def config(self, spec: Transformer) -> dict[str, Any]:
        experts = spec.experts or Experts()
        return {**rope_config(spec), "num_experts": experts.num_experts, "num_experts_per_tok": experts.experts_per_token,
                "moe_intermediate_size": experts.intermediate_size,
                "norm_topk_prob": experts.renormalize, "router_aux_loss_coef": experts.balance}  # fmt: skip

    def settings(self, config: Mapping[str, Any]) -> dict[str, Any]:
        experts = Experts(
            num_experts=config.get("num_experts", config.get("num_local_experts", 128)),
            experts_per_token=config.get("num_experts_per_tok", 8),
            intermediate_size=config.get("moe_intermediate_size", 768),
            renormalize=config.get("norm_topk_prob", False),
            balance=config.get("router_aux_loss_coef", 0.001),
        )
        return {**rope_settings(config), "experts": experts}


QWEN3_MOE = Qwen3Moe()
