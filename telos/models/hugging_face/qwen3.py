"""Our `Transformer` and transformers' Qwen3ForCausalLM.  The names of our parameters are its own.

Qwen3 Technical Report, arXiv:2505.09388.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from telos.foundation.errors import TelosError
from telos.models.hugging_face._architecture import Architecture
from telos.models.hugging_face._llama_like import ROPE, SIZES, rope_config, rope_settings
from telos.models.transformer import Transformer


class Qwen3(Architecture):
    """Dense Qwen3."""

    name = "Qwen3ForCausalLM"
    model_type = "qwen3"
    same: ClassVar = {**SIZES, "intermediate_size": "intermediate_size", "attention_bias": "attention_bias"}
    # ``num_key_value_heads: null`` means something else than leaving it out: as many as heads.
    defaults: ClassVar = {"num_key_value_heads": 32, "head_size": 128, "tie_embeddings": False, "norm_eps": 1e-6,
                          "attention_bias": False, "attention_dropout": 0.0}  # fmt: skip
    fixed: ClassVar = {"hidden_act": ("silu",), "use_sliding_window": (False,)}
    written = ("hidden_act", "use_sliding_window")
    without_effect = frozenset(["max_window_layers", "sliding_window"])  # the window is off
    others = ROPE | {"layer_types"}

    def config(self, spec: Transformer) -> dict[str, Any]:
        return rope_config(spec)

    def settings(self, config: Mapping[str, Any]) -> dict[str, Any]:
        if others := set(config.get("layer_types") or ()) - {"full_attention"}:
            raise TelosError(
                "config.json: layer_types must all be 'full_attention'", f"'{min(others)}'", "this model cannot be loaded"
            )
        return {**rope_settings(config), "attention_dropout": config.get("attention_dropout") or 0.0}


QWEN3 = Qwen3()
