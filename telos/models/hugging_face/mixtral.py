"""Our `Transformer` and transformers' MixtralForCausalLM.

Jiang et al. 2024, "Mixtral of Experts" (arXiv:2401.04088).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from telos.layers.experts import Experts
from telos.models.hugging_face._architecture import Architecture
from telos.models.hugging_face._llama_like import ROPE, SIZES, rope_config, rope_settings
from telos.models.hugging_face._names import modules
from telos.models.transformer import Transformer


class Mixtral(Architecture):
    """Llama's shape with experts in every layer, and by choice a window in every layer."""

    name = "MixtralForCausalLM"
    model_type = "mixtral"
    same: ClassVar = {**SIZES, "intermediate_size": "intermediate_size"}
    defaults: ClassVar = {"num_key_value_heads": 8, "head_size": None, "tie_embeddings": False, "norm_eps": 1e-5,
                          "attention_dropout": 0.0}  # fmt: skip
    constants: ClassVar = {"query_key_norm": False}
    fixed: ClassVar = {"hidden_act": ("silu",), "router_jitter_noise": (0.0,)}
    written = ("hidden_act", "router_jitter_noise")
    without_effect = frozenset(["output_router_logits"])
    others = ROPE | {"num_local_experts", "num_experts_per_tok", "router_aux_loss_coef", "sliding_window"}
    renames = modules({
        "model.layers.*.block_sparse_moe.gate": "model.layers.*.mlp.gate",
        "model.layers.*.block_sparse_moe.experts.*.w1": "model.layers.*.mlp.experts.*.gate_proj",
        "model.layers.*.block_sparse_moe.experts.*.w2": "model.layers.*.mlp.experts.*.down_proj",
        "model.layers.*.block_sparse_moe.experts.*.w3": "model.layers.*.mlp.experts.*.up_proj",
    })  # fmt: skip

    def config(self, spec: Transformer) -> dict[str, Any]:
        experts = spec.experts or Experts()
        return {**rope_config(spec), "intermediate_size": experts.intermediate_size,
                "num_local_experts": experts.num_experts, "num_experts_per_tok": experts.experts_per_token,
                "router_aux_loss_coef": experts.balance, "sliding_window": spec.window(0)}  # fmt: skip

    def settings(self, config: Mapping[str, Any]) -> dict[str, Any]:
        window = config.get("sliding_window")
        experts = Experts(num_experts=config.get("num_local_experts", 8), experts_per_token=config.get("num_experts_per_tok", 2),
                          balance=config.get("router_aux_loss_coef", 0.001))  # fmt: skip
        return {**rope_settings(config, 1e6), "experts": experts, "windows": () if window is None else (window,)}


MIXTRAL = Mixtral()
