"""Shapes that transformers has and that we only have settings for: Gemma 2 and 3, BLOOM, BART, ModernBERT.  Their weights
here, the same logits."""

import numpy as np
import pytest
import torch
import transformers

from telos.models import Inputs
from telos.models.hugging_face._names import Rename, modules, to_ours
from telos.models.transformer import Transformer
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(59, "test", {END_OF_TEXT: 59})
SIZES = {"num_layers": 3, "hidden_size": 32, "num_heads": 4, "intermediate_size": 64, "context_length": 64}
THEIRS = {"vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64,
          "max_position_embeddings": 64, "pad_token_id": None, "bos_token_id": None, "eos_token_id": None}  # fmt: skip
PLAIN = {"query_key_norm": False, "gated": False, "attention_bias": True, "feed_forward_bias": True, "norm": "layer",
         "norm_eps": 1e-5, "tie_embeddings": True}  # fmt: skip
GEMMA = {**SIZES, "num_key_value_heads": 2, "head_size": 8, "norm_place": "both", "activation": "gelu_tanh",
         "attention_scale": 64**-0.5, "embedding_scale": 32**0.5, "tie_embeddings": True}  # fmt: skip
GEMMA_THEIRS = {**THEIRS, "num_key_value_heads": 2, "head_dim": 8, "query_pre_attn_scalar": 64, "sliding_window": 5}


def tokens(length: int = 30, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 60, (2, length)))


def model(name: str, settings: dict) -> transformers.PreTrainedModel:
    torch.manual_seed(0)
    kind = getattr(transformers, name)
    made = kind(kind.config_class(**settings)).eval()
    made.set_attn_implementation("eager")
    with torch.no_grad():
        for parameter in made.parameters():
            noise = torch.randn(parameter.shape)
            parameter.copy_(noise * 0.2 if parameter.ndim >= 2 else parameter + 0.3 * noise)
    return made


def filled(spec: Transformer, tensors: dict[str, torch.Tensor]):
    """Our network with these tensors, all of which it must have and no other."""
    network = spec.build(VOCABULARY).eval()
    wanted = dict(network.named_parameters())
    assert {name: tuple(t.shape) for name, t in tensors.items()} == {name: tuple(p.shape) for name, p in wanted.items()}
    with torch.no_grad():
        for name, tensor in tensors.items():
            wanted[name].copy_(tensor)
    return network


def assert_same(network, read: Inputs, wanted: torch.Tensor) -> None:
    found = network.over_logits(network.hidden(read), lambda z: z)
    assert wanted.std() > 0.1
    assert (found - wanted).abs().max() <= 1e-5 * wanted.abs().max()


def gemma_tensors(made) -> dict[str, torch.Tensor]:
    renames = modules({
        "model.layers.*.post_attention_layernorm": "model.layers.*.attention_output_layernorm",
        "model.layers.*.pre_feedforward_layernorm": "model.layers.*.post_attention_layernorm",
        "model.layers.*.post_feedforward_layernorm": "model.layers.*.mlp_output_layernorm",
    })  # fmt: skip
    found = {name: t for name, t in made.state_dict().items() if name != "lm_head.weight"}
    return {name: t + 1 if "norm" in name else t for name, t in to_ours(renames, found).items()}  # theirs scale by 1 + w


@pytest.mark.parametrize(
    ("change", "theirs"),
    [
        ({}, {}),
        ({"attention_softcap": 0.5}, {"attn_logit_softcapping": 0.5}),
        ({"logit_softcap": 2.0}, {"final_logit_softcapping": 2.0}),
        ({"windows": [3, None]}, {"sliding_window": 3}),
    ],
    ids=str,
)
@torch.no_grad()
def test_gemma_2(change, theirs):
    usual = {"attn_logit_softcapping": None, "final_logit_softcapping": None}
    made = model("Gemma2ForCausalLM", GEMMA_THEIRS | usual | theirs)
    assert made.config.layer_types == ["sliding_attention", "full_attention", "sliding_attention"]
    spec = Transformer(**GEMMA | {"windows": [5, None], "query_key_norm": False} | change)
    assert_same(filled(spec, gemma_tensors(made)), Inputs(tokens()), made(tokens()).logits)


@torch.no_grad()
def test_gemma_3_has_other_positions_in_its_windows():
    made = model(
        "Gemma3ForCausalLM", GEMMA_THEIRS | {"layer_types": ["sliding_attention", "sliding_attention", "full_attention"]}
    )
    spec = Transformer(**GEMMA, windows=[5, 5, None], rope_theta=1e6, local_rope_theta=1e4)
    assert_same(filled(spec, gemma_tensors(made)), Inputs(tokens()), made(tokens()).logits)


@pytest.mark.parametrize("heads", [2, 4, 6])
@torch.no_grad()
def test_bloom(heads):
    width = 8 * heads
    made = model("BloomForCausalLM", {"vocab_size": 60, "hidden_size": width, "n_layer": 2, "n_head": heads})
    renames = modules({
        "transformer.word_embeddings": "model.embed_tokens", "transformer.word_embeddings_layernorm": "model.embed_norm",
        "transformer.ln_f": "model.norm", "transformer.h.*.input_layernorm": "model.layers.*.input_layernorm",
        "transformer.h.*.post_attention_layernorm": "model.layers.*.post_attention_layernorm",
        "transformer.h.*.self_attention.query_key_value": tuple(f"model.layers.*.self_attn.{p}_proj" for p in "qkv"),
        "transformer.h.*.self_attention.dense": "model.layers.*.self_attn.o_proj",
        "transformer.h.*.mlp.dense_h_to_4h": "model.layers.*.mlp.up_proj",
        "transformer.h.*.mlp.dense_4h_to_h": "model.layers.*.mlp.down_proj",
    })  # fmt: skip
    found = {name: t for name, t in made.state_dict().items() if name != "lm_head.weight"}
    for name, tensor in found.items():
        if "query_key_value" in name:  # theirs are by heads, then query, key and value
            found[name] = tensor.view(heads, 3, 8, -1).transpose(0, 1).reshape(tensor.shape)
    spec = Transformer(**PLAIN, num_layers=2, hidden_size=width, num_heads=heads, positions="alibi", activation="gelu_tanh",
                       embedding_norm=True)  # fmt: skip
    assert_same(filled(spec, to_ours(renames, found)), Inputs(tokens()), made(tokens()).logits)


@pytest.mark.parametrize("scaled", [False, True])
@torch.no_grad()
def test_bart(scaled):
    settings = {"vocab_size": 60, "d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 4,
                "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 64,
                "scale_embedding": scaled}  # fmt: skip
    made = model("BartForConditionalGeneration", settings)
    made.final_logits_bias.normal_()
    layers = {
        f"model.{theirs}.{part}": f"{ours}.{own}"
        for theirs, ours in (("encoder", "encoder"), ("decoder", "model"))
        for part, own in {
            "layernorm_embedding": "embed_norm", "layers.*.self_attn.q_proj": "layers.*.self_attn.q_proj",
            "layers.*.self_attn.k_proj": "layers.*.self_attn.k_proj", "layers.*.self_attn.v_proj": "layers.*.self_attn.v_proj",
            "layers.*.self_attn.out_proj": "layers.*.self_attn.o_proj",
            "layers.*.self_attn_layer_norm": "layers.*.input_layernorm",
            "layers.*.encoder_attn.q_proj": "layers.*.cross_attn.q_proj", "layers.*.fc1": "layers.*.mlp.up_proj",
            "layers.*.encoder_attn.k_proj": "layers.*.cross_attn.k_proj", "layers.*.fc2": "layers.*.mlp.down_proj",
            "layers.*.encoder_attn.v_proj": "layers.*.cross_attn.v_proj",
            "layers.*.encoder_attn.out_proj": "layers.*.cross_attn.o_proj",
            "layers.*.encoder_attn_layer_norm": "layers.*.cross_attention_layernorm",
            "layers.*.final_layer_norm": "layers.*.post_attention_layernorm", "embed_positions": "embed_positions",
        }.items()
    }  # fmt: skip
    renames = (*modules({"model.shared": "model.embed_tokens", **layers}), Rename("final_logits_bias", ("lm_bias",)))
    found = {name: t for name, t in made.state_dict().items() if "embed_tokens" not in name and name != "lm_head.weight"}
    found |= {name: t[2:] for name, t in found.items() if "embed_positions" in name}  # the first two are for padding
    found["final_logits_bias"] = found["final_logits_bias"][0]
    spec = Transformer(**PLAIN | SIZES, architecture="encoder_decoder", positions="learned", norm_place="after",
                       embedding_norm=True, activation="gelu", head_bias=True, num_encoder_layers=1,
                       embedding_scale=32**0.5 if scaled else 1.0).replace(num_layers=2)  # fmt: skip
    lengths = torch.tensor([17, 9])
    read = Inputs(tokens(), pattern="encoder_decoder", source_BS=tokens(17, seed=3), source_lengths_B=lengths)
    mask = (torch.arange(17) < lengths[:, None]).long()
    wanted = made(input_ids=tokens(17, seed=3), attention_mask=mask, decoder_input_ids=tokens()).logits
    assert_same(filled(spec, to_ours(renames, found)), read, wanted)


@torch.no_grad()
def test_modernbert_sees_both_ways_in_its_windows():
    settings = {**THEIRS, "local_attention": 6, "cls_token_id": None, "sep_token_id": None, "global_attn_every_n_layers": 3,
                "tie_word_embeddings": True, "decoder_bias": True}  # fmt: skip
    made = model("ModernBertForMaskedLM", settings)
    made.model.layers[0].attn_norm = torch.nn.LayerNorm(32, bias=False)  # they leave the first norm out
    renames = modules({
        "model.embeddings.tok_embeddings": "model.embed_tokens", "model.embeddings.norm": "model.embed_norm",
        "model.final_norm": "model.norm", "model.layers.*.attn_norm": "model.layers.*.input_layernorm",
        "model.layers.*.mlp_norm": "model.layers.*.post_attention_layernorm",
        "model.layers.*.attn.Wqkv": tuple(f"model.layers.*.self_attn.{p}_proj" for p in "qkv"),
        "model.layers.*.attn.Wo": "model.layers.*.self_attn.o_proj",
        "model.layers.*.mlp.Wi": ("model.layers.*.mlp.gate_proj", "model.layers.*.mlp.up_proj"),
        "model.layers.*.mlp.Wo": "model.layers.*.mlp.down_proj", "head.dense": "head.transform",
        "head.norm": "head.transform_norm",
    })  # fmt: skip
    found = to_ours((*renames, Rename("decoder.bias", ("lm_bias",))),
                    {name: t for name, t in made.state_dict().items() if name != "decoder.weight"})  # fmt: skip
    found["head.transform.bias"] = torch.zeros(32)
    spec = Transformer(**SIZES, architecture="encoder", norm="layer", norm_bias=False, norm_eps=1e-5, embedding_norm=True,
                       query_key_norm=False, activation="gelu", windows=[None, 6, 6], rope_theta=160_000.0,
                       local_rope_theta=10_000.0, tie_embeddings=True, head_bias=True, head_transform=True)  # fmt: skip
    assert made.config.layer_types == ["full_attention", "sliding_attention", "sliding_attention"]
    network = filled(spec, found)
    assert_same(network, Inputs(tokens(), pattern="bidirectional"), made(tokens()).logits)
    wider = filled(spec.replace(windows=[None, 8, 8]), found)
    hidden = [n.hidden(Inputs(tokens(), pattern="bidirectional")).values_BTD for n in (network, wider)]
    assert (hidden[0] - hidden[1]).abs().max() > 0.01
