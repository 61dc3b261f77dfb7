"""Small random models of transformers', their folders, and what they answer."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from telos.models import Inputs
from telos.models.hugging_face import load_network
from telos.models.stacks.network import TransformerNetwork
from telos.tokens.tokenizers.byte import Byte

TOKENIZER = Byte().train(lambda: iter([]), 0)
LLAMA = {"vocab_size": 257, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "max_position_embeddings": 64, "initializer_range": 0.3}  # fmt: skip
LLAMA3 = {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_theta": 100.0,
          "original_max_position_embeddings": 16}  # fmt: skip
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "rope_theta": 100.0}


@dataclass(frozen=True)
class Case:
    """An architecture: its class of transformers', small settings, and each setting moved off its default."""

    name: str
    settings: dict[str, Any]
    changes: tuple[dict[str, Any], ...] = ()
    bidirectional: bool = False
    seq2seq: bool = False
    config: type = field(init=False, default=type(None))

    def model(self, change: dict[str, Any], seed: int = 0) -> transformers.PreTrainedModel:
        """A model of ordinary size everywhere: norms and biases off their first values too."""
        torch.manual_seed(seed)
        model_class = getattr(transformers, self.name)
        settings = {"pad_token_id": None, "bos_token_id": None, "eos_token_id": None} | self.settings | change
        model = model_class(model_class.config_class(**settings))
        with torch.no_grad():
            for parameter in model.parameters():
                noise = torch.randn(parameter.shape)
                parameter.copy_(noise * 0.2 if parameter.ndim >= 2 else parameter + 0.3 * noise)
        model.set_attn_implementation("eager")
        return model.eval()


CASES = [
    Case("LlamaForCausalLM", LLAMA, (
        {"num_key_value_heads": 1}, {"num_key_value_heads": None}, {"head_dim": 16}, {"attention_bias": True}, {"mlp_bias": True},
        {"tie_word_embeddings": True}, {"rms_norm_eps": 0.05}, {"num_hidden_layers": 1}, {"intermediate_size": 40},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 77.0}},
        {"rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 100.0}},
        {"rope_parameters": LLAMA3}, {"rope_parameters": LLAMA3 | {"low_freq_factor": 0.5, "high_freq_factor": 3.0}},
        {"rope_parameters": YARN}, {"rope_parameters": YARN | {"beta_fast": 4.0, "beta_slow": 0.5}},
        {"rope_parameters": YARN | {"attention_factor": 0.7}}, {"rope_parameters": YARN | {"truncate": False}},
    )),
    Case("GPT2LMHeadModel", {"vocab_size": 257, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}, (
        {"n_inner": 40}, {"activation_function": "relu"}, {"activation_function": "gelu"}, {"layer_norm_epsilon": 0.05},
        {"tie_word_embeddings": False}, {"scale_attn_weights": False}, {"n_layer": 3}, {"n_head": 2}, {"n_positions": 50},
    )),
    Case("Qwen3ForCausalLM", LLAMA | {"head_dim": 8}, (
        {"attention_bias": True}, {"rope_parameters": YARN}, {"tie_word_embeddings": True},
    )),
    Case("MixtralForCausalLM", LLAMA | {"num_local_experts": 4, "head_dim": 8}, (
        {"num_experts_per_tok": 1}, {"num_experts_per_tok": 3}, {"num_local_experts": 6}, {"sliding_window": 7},
        {"tie_word_embeddings": True}, {"rope_parameters": {"rope_type": "default", "rope_theta": 77.0}}, {"head_dim": 16},
        {"rms_norm_eps": 0.05},
    )),
    Case("Qwen3MoeForCausalLM", LLAMA | {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24,
                                         "head_dim": 8}, (
        {"num_experts_per_tok": 3}, {"num_experts": 6}, {"moe_intermediate_size": 40}, {"norm_topk_prob": True},
        {"attention_bias": True}, {"tie_word_embeddings": True}, {"num_key_value_heads": 4}, {"head_dim": 16},
        {"decoder_sparse_step": 2}, {"mlp_only_layers": [0]},
        {"num_hidden_layers": 5, "decoder_sparse_step": 2, "mlp_only_layers": [3]},
    )),
    Case("BertForMaskedLM", {"vocab_size": 257, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
                             "intermediate_size": 64, "max_position_embeddings": 64}, (
        {"hidden_act": "relu"}, {"hidden_act": "gelu_new"}, {"type_vocab_size": 3}, {"layer_norm_eps": 0.05},
        {"intermediate_size": 40}, {"num_attention_heads": 2}, {"num_hidden_layers": 1}, {"max_position_embeddings": 50},
    ), bidirectional=True),
    Case("T5ForConditionalGeneration", {"vocab_size": 257, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4,
                                        "decoder_start_token_id": 256}, (
        {"d_kv": 12}, {"d_ff": 40}, {"num_layers": 3, "num_decoder_layers": 1}, {"num_heads": 2},
        {"feed_forward_proj": "gated-gelu"}, {"feed_forward_proj": "gelu"},
        {"feed_forward_proj": "gated-silu"}, {"relative_attention_num_buckets": 16}, {"relative_attention_max_distance": 20},
        {"layer_norm_epsilon": 0.05}, {"tie_word_embeddings": False},
    ), seq2seq=True),
]  # fmt: skip
WITH_CHANGES = [(case, change) for case in CASES for change in ({}, *case.changes)]


def name(value: Any) -> str:
    return value.name if isinstance(value, Case) else str(value)


def imported(model: transformers.PreTrainedModel, folder: Path) -> TransformerNetwork:
    """The model as a folder of transformers', read by us."""
    model.save_pretrained(folder)
    return load_network(folder, TOKENIZER.vocabulary)


def tokens(rows: int = 3, length: int = 40, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 257, (rows, length)))


def inputs(case: Case, tokens_BT: torch.Tensor) -> Inputs:
    if case.bidirectional:
        return Inputs(tokens_BT, pattern="bidirectional")
    if case.seq2seq:
        return Inputs(tokens_BT, pattern="encoder_decoder", source_BS=tokens(len(tokens_BT), 21, seed=1))
    return Inputs(tokens_BT)


def answer(case: Case, model: transformers.PreTrainedModel, tokens_BT: torch.Tensor, **more: Any) -> Any:
    """Theirs to the same inputs."""
    if case.seq2seq:
        more = {"input_ids": tokens(len(tokens_BT), 21, seed=1), "decoder_input_ids": tokens_BT} | more
    else:
        more = {"input_ids": tokens_BT} | more
    return model(**more, output_hidden_states=True)


def logits(network: TransformerNetwork, read: Inputs, state: Any = None) -> torch.Tensor:
    return network.over_logits(network.hidden(read, state), lambda z: z)


def config_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text())
