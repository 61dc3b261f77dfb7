"""Our `Transformer` and transformers' BertForMaskedLM.

Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding".
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from telos.foundation.progress import say
from telos.models.hugging_face._architecture import ACTIVATIONS, Architecture, activation
from telos.models.hugging_face._names import Rename, modules
from telos.models.transformer import Transformer

if TYPE_CHECKING:
    from torch import Tensor

NEXT_SENTENCE = ("bert.pooler.", "cls.seq_relationship.")
"""Google's folders hold both heads of pre-training."""
_LAYER, _OURS = "bert.encoder.layer.*.", "model.layers.*."


class Bert(Architecture):
    """An encoder with layer norms after, learned positions, kinds of tokens, and a transform before its tied head."""

    name = "BertForMaskedLM"
    model_type = "bert"
    same: ClassVar = {"num_layers": "num_hidden_layers", "hidden_size": "hidden_size", "num_heads": "num_attention_heads",
                      "intermediate_size": "intermediate_size", "context_length": "max_position_embeddings",
                      "norm_eps": "layer_norm_eps", "num_token_types": "type_vocab_size", "dropout": "hidden_dropout_prob",
                      "attention_dropout": "attention_probs_dropout_prob"}  # fmt: skip
    defaults: ClassVar = {"norm_eps": 1e-12, "num_token_types": 2, "dropout": 0.1, "attention_dropout": 0.1}
    constants: ClassVar = {"architecture": "encoder", "norm": "layer", "norm_place": "after", "embedding_norm": True,
                           "positions": "learned", "query_key_norm": False, "gated": False, "attention_bias": True,
                           "feed_forward_bias": True, "tie_embeddings": True, "head_bias": True,
                           "head_transform": True}  # fmt: skip
    fixed: ClassVar = {"position_embedding_type": ("absolute",), "tie_word_embeddings": (True,)}
    written = ("tie_word_embeddings",)
    without_effect = frozenset(["classifier_dropout", "gradient_checkpointing"])
    others = frozenset(["hidden_act"])
    renames = (
        *modules({
            "bert.embeddings.word_embeddings": "model.embed_tokens",
            "bert.embeddings.position_embeddings": "model.embed_positions",
            "bert.embeddings.token_type_embeddings": "model.embed_types",
            "bert.embeddings.LayerNorm": "model.embed_norm",
            _LAYER + "attention.self.query": _OURS + "self_attn.q_proj",
            _LAYER + "attention.self.key": _OURS + "self_attn.k_proj",
            _LAYER + "attention.self.value": _OURS + "self_attn.v_proj",
            _LAYER + "attention.output.dense": _OURS + "self_attn.o_proj",
            _LAYER + "attention.output.LayerNorm": _OURS + "input_layernorm",
            _LAYER + "intermediate.dense": _OURS + "mlp.up_proj",
            _LAYER + "output.dense": _OURS + "mlp.down_proj",
            _LAYER + "output.LayerNorm": _OURS + "post_attention_layernorm",
            "cls.predictions.transform.dense": "head.transform",
            "cls.predictions.transform.LayerNorm": "head.transform_norm",
        }),
        Rename("cls.predictions.bias", ("lm_bias",)),
    )  # fmt: skip

    def config(self, spec: Transformer) -> dict[str, Any]:
        return {"hidden_act": {own: name for name, own in reversed(ACTIVATIONS.items())}[spec.activation]}

    def settings(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return {"activation": activation(config, "hidden_act", "gelu")}

    def copies(self, spec: Transformer) -> dict[str, str]:
        return {"cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
                "cls.predictions.decoder.bias": "cls.predictions.bias"}  # fmt: skip

    def clean(self, tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
        """Norms were once called gamma and beta, the places 0, 1, 2 … saved, and the head of another task beside this one's."""
        named = {_modern(name): tensor for name, tensor in tensors.items()}
        named.pop("bert.embeddings.position_ids", None)
        if left := sorted(name for name in named if name.startswith(NEXT_SENTENCE)):
            say(f"left out, since they predict whether a sentence follows and no masked token: {', '.join(left)}")
        return {name: tensor for name, tensor in named.items() if name not in left}


def _modern(name: str) -> str:
    for old, new in (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias")):
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


BERT = Bert()
