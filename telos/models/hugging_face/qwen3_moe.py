"""Our `Transformer` and transformers' Qwen3MoeForCausalLM.  The names of our parameters are its own.

Qwen3 Technical Report, arXiv:2505.09388.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from telos.foundation.errors import TelosError
from telos.layers.experts import Experts
from telos.models.hugging_face._architecture import Architecture
from telos.models.hugging_face._llama_like import ROPE, SIZES, rope_config, rope_settings
from telos.models.transformer import Transformer


class Qwen3Moe(Architecture):
    """Qwen3 with experts in every layer, or in some: layer n has them where ``decoder_sparse_step`` divides n + 1 and n is not
    in ``mlp_only_layers``."""

    name = "Qwen3MoeForCausalLM"
    model_type = "qwen3_moe"
    same: ClassVar = {**SIZES, "intermediate_size": "intermediate_size", "attention_bias": "attention_bias"}
    defaults: ClassVar = {"num_key_value_heads": 4, "head_size": None, "tie_embeddings": False, "norm_eps": 1e-6,
                          "attention_bias": False, "attention_dropout": 0.0}  # fmt: skip
    fixed: ClassVar = {"hidden_act": ("silu",), "use_sliding_window": (False,)}
    written = ("hidden_act", "use_sliding_window")
    without_effect = frozenset(["max_window_layers", "output_router_logits", "sliding_window"])  # the window is off
    others = ROPE | {"moe_intermediate_size", "num_experts", "num_local_experts", "num_experts_per_tok", "norm_topk_prob",
                     "router_aux_loss_coef", "decoder_sparse_step", "mlp_only_layers"}  # fmt: skip

    def config(self, spec: Transformer) -> dict[str, Any]:
        experts = spec.experts or Experts()
        dense = [layer for layer in range(spec.num_layers) if not experts.stand_in(layer)]
        return {**rope_config(spec), "decoder_sparse_step": 1, "mlp_only_layers": dense,
                "num_experts": experts.num_experts, "num_experts_per_tok": experts.experts_per_token,
                "moe_intermediate_size": experts.intermediate_size,
                "norm_topk_prob": experts.renormalize, "router_aux_loss_coef": experts.balance}  # fmt: skip

    def settings(self, config: Mapping[str, Any]) -> dict[str, Any]:
        experts = Experts(
            num_experts=config.get("num_experts", config.get("num_local_experts", 128)),
            experts_per_token=config.get("num_experts_per_tok", 8),
            intermediate_size=config.get("moe_intermediate_size", 768),
            renormalize=config.get("norm_topk_prob", False),
            balance=config.get("router_aux_loss_coef", 0.001),
            layers=_layers(config),
        )
        return {**rope_settings(config), "experts": experts}


def _layers(config: Mapping[str, Any]) -> tuple[int, ...] | None:
    """The layers that have experts; None for all."""
    layers, step, dense = config.get("num_hidden_layers"), config.get("decoder_sparse_step", 1), config.get("mlp_only_layers")
    dense = [] if dense is None else dense
    if not isinstance(step, int) or step < 1 or not isinstance(dense, list):
        raise TelosError("config.json: decoder_sparse_step must be a number above 0, and mlp_only_layers a list of layers",
                         f"{step!r} and {dense!r}", "take config.json from the model's source again")  # fmt: skip
    if not isinstance(layers, int):  # which the settings themselves refuse
        return None
    found = tuple(layer for layer in range(layers) if layer not in dense and (layer + 1) % step == 0)
    if layers > 0 and not found:
        raise TelosError("a Qwen3MoeForCausalLM must have experts in some layer", f"decoder_sparse_step {step}, mlp_only_layers "
                         f"{dense}, {layers} layers", "name it Qwen3ForCausalLM: it is that architecture")  # fmt: skip
    return None if len(found) == layers else found


QWEN3_MOE = Qwen3Moe()
