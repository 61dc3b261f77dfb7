"""Folders of transformers' as they are found: older spellings, and what must be refused by name."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from telos.foundation.errors import TelosError
from telos.models.hugging_face import load_network
from tests.models.hugging_face.reference import CASES, TOKENIZER, config_of, imported, inputs, logits, tokens

BY_NAME = {case.name: case for case in CASES}


def folder(tmp_path, name):
    """A good folder, its network and its tensors."""
    network = imported(BY_NAME[name].model({}), tmp_path)
    return network, load_file(tmp_path / "model.safetensors")


def read(path):
    return load_network(path, TOKENIZER.vocabulary)


def spoil(path, **changes):
    config = config_of(path) | changes
    (path / "config.json").write_text(json.dumps({name: value for name, value in config.items() if value is not ...}))


@torch.no_grad()
def assert_same(path, name, network):
    case = BY_NAME[name]
    assert torch.equal(logits(read(path), inputs(case, tokens())), logits(network, inputs(case, tokens())))


# -- older spellings ----------------------------------------------------------------------------------------------------


def test_openais_names_of_gpt2_and_its_masks(tmp_path):
    network, tensors = folder(tmp_path, "GPT2LMHeadModel")
    old = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    masks = {f"h.{i}.attn.bias": torch.ones(1, 1, 64, 64).tril() for i in range(2)}
    save_file(old | masks | {"h.0.attn.masked_bias": torch.tensor(-1e4)}, tmp_path / "model.safetensors")
    assert_same(tmp_path, "GPT2LMHeadModel", network)
    save_file(old | {"h.0.attn.bias": torch.ones(1, 1, 64, 64)}, tmp_path / "model.safetensors")
    with pytest.raises(TelosError) as error:
        read(tmp_path)
    assert error.value.found == "'transformer.h.0.attn.bias' of shape (1, 1, 64, 64) is not one of them"


def test_googles_names_of_bert_and_its_other_task(tmp_path, capfd):
    network, tensors = folder(tmp_path, "BertForMaskedLM")
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in tensors.items()
    }
    other = {"bert.pooler.dense.weight": torch.ones(32, 32), "cls.seq_relationship.bias": torch.ones(2)}
    copies = {"bert.embeddings.position_ids": torch.arange(64)[None],
              "cls.predictions.decoder.weight": old["bert.embeddings.word_embeddings.weight"].clone(),
              "cls.predictions.decoder.bias": old["cls.predictions.bias"].clone()}  # fmt: skip
    save_file(old | other | copies, tmp_path / "model.safetensors")
    assert_same(tmp_path, "BertForMaskedLM", network)
    said = capfd.readouterr()
    assert "no masked token: bert.pooler.dense.weight, cls.seq_relationship.bias\n" in said.out + said.err


def test_frequencies_that_early_llamas_saved(tmp_path):
    network, tensors = folder(tmp_path, "LlamaForCausalLM")
    save_file(tensors | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)}, tmp_path / "model.safetensors")
    assert_same(tmp_path, "LlamaForCausalLM", network)


def test_copies_of_t5s_embedding(tmp_path):
    network, tensors = folder(tmp_path, "T5ForConditionalGeneration")
    shared = tensors["shared.weight"]
    copies = {name: shared.clone() for name in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")}
    unread = {"decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight": torch.ones(32, 4)}
    save_file(tensors | copies | unread, tmp_path / "model.safetensors")
    assert_same(tmp_path, "T5ForConditionalGeneration", network)
    save_file(tensors | {"encoder.embed_tokens.weight": shared + 1}, tmp_path / "model.safetensors")
    with pytest.raises(TelosError) as error:
        read(tmp_path)
    assert error.value.must == "a model with tied embeddings must have no other encoder.embed_tokens.weight"


def test_version_1_1_of_t5_has_a_head_of_its_own(tmp_path):
    """Its folders say so by ``tie_word_embeddings``, which transformers 5 no longer writes."""
    network, tensors = folder(tmp_path, "T5ForConditionalGeneration")
    spoil(tmp_path, tie_word_embeddings=False, scale_decoder_outputs=..., feed_forward_proj="gated-gelu")
    gated = {name.replace(".wi.", ".wi_0."): tensor for name, tensor in tensors.items()}
    gated |= {name.replace(".wi.", ".wi_1."): tensor.clone() for name, tensor in tensors.items() if ".wi." in name}
    save_file(gated | {"lm_head.weight": torch.ones(257, 32)}, tmp_path / "model.safetensors")
    found = read(tmp_path).spec
    assert (found.tie_embeddings, found.logit_scale, found.gated, found.activation) == (False, 1.0, True, "gelu_tanh")
    assert network.spec.logit_scale == 32**-0.5


def test_old_places_of_rotary_settings(tmp_path):
    network = imported(BY_NAME["LlamaForCausalLM"].model({"rope_parameters": {"rope_type": "linear", "factor": 3.0,
                                                                              "rope_theta": 77.0}}), tmp_path)  # fmt: skip
    spoil(tmp_path, rope_parameters=..., rope_theta=77.0, rope_scaling={"type": "linear", "factor": 3.0})
    assert_same(tmp_path, "LlamaForCausalLM", network)


# -- refusals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "changes", "must", "found"),
    [
        ("LlamaForCausalLM", {"hidden_act": "gelu"}, "config.json: hidden_act must be 'silu'", "'gelu'"),
        ("LlamaForCausalLM", {"pretraining_tp": 2}, "config.json: pretraining_tp must be 1", "2"),
        ("LlamaForCausalLM", {"model_type": "mistral"}, "config.json: model_type must be 'llama'", "'mistral'"),
        ("GPT2LMHeadModel", {"activation_function": "tanh"},
         "config.json: activation_function must be one of gelu, gelu_new, gelu_pytorch_tanh, silu, swish, relu, relu2", "'tanh'"),
        ("GPT2LMHeadModel", {"scale_attn_by_inverse_layer_idx": True},
         "config.json: scale_attn_by_inverse_layer_idx must be False", "True"),
        ("GPT2LMHeadModel", {"embd_pdrop": 0.5}, "config.json: resid_pdrop and embd_pdrop must agree",
         "0.1 and 0.5 (embd_pdrop)"),
        ("GPT2LMHeadModel", {"add_cross_attention": True}, "config.json: add_cross_attention must be False", "True"),
        ("MixtralForCausalLM", {"router_jitter_noise": 0.5}, "config.json: router_jitter_noise must be 0.0", "0.5"),
        ("MixtralForCausalLM", {"num_experts_per_tok": 9}, "config.json: experts_per_token (9) must be at most num_experts (4)",
         None),
        ("Qwen3MoeForCausalLM", {"mlp_only_layers": [0, 1]}, "a Qwen3MoeForCausalLM must have experts in some layer",
         "decoder_sparse_step 1, mlp_only_layers [0, 1], 2 layers"),
        ("Qwen3MoeForCausalLM", {"decoder_sparse_step": 0},
         "config.json: decoder_sparse_step must be a number above 0, and mlp_only_layers a list of layers", "0 and []"),
        ("BertForMaskedLM", {"position_embedding_type": "relative_key"},
         "config.json: position_embedding_type must be 'absolute'", "'relative_key'"),
        ("BertForMaskedLM", {"is_decoder": True}, "config.json: is_decoder must be False", "True"),
        ("BertForMaskedLM", {"max_position_embeddings": ...}, "config.json must give every size of the model",
         "no 'max_position_embeddings'"),
        ("T5ForConditionalGeneration", {"feed_forward_proj": "gated-tanh"},
         "config.json: feed_forward_proj must be one of gelu, gelu_new, gelu_pytorch_tanh, silu, swish, relu, relu2, "
         "by choice after 'gated-'", "'gated-tanh'"),
        ("T5ForConditionalGeneration", {"num_layers": ...}, "config.json must give every size of the model", "no 'num_layers'"),
        ("T5ForConditionalGeneration", {"speed": 3}, "every setting in config.json must be known", "'speed' = 3"),
        *[(case.name, {"quantization_config": {"bits": 4}}, "config.json: quantization_config must be None", "{'bits': 4}")
          for case in CASES],
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_expressed_is_refused_by_name(tmp_path, name, changes, must, found):
    folder(tmp_path, name)
    spoil(tmp_path, **changes)
    with pytest.raises(TelosError) as error:
        read(tmp_path)
    assert error.value.must == must
    assert found is None or error.value.found == found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_missing_and_left_over_tensors_are_named_as_they_are_there(tmp_path, case):
    _, tensors = folder(tmp_path, case.name)
    missing = sorted(tensors)[-1]
    save_file({name: tensor for name, tensor in tensors.items() if name != missing}, tmp_path / "model.safetensors")
    with pytest.raises(TelosError) as error:
        read(tmp_path)
    assert error.value.found == f"'{missing}' of shape {tuple(tensors[missing].shape)} is missing"
    save_file(tensors | {missing + ".more": torch.ones(3)}, tmp_path / "model.safetensors")
    with pytest.raises(TelosError) as error:
        read(tmp_path)
    assert error.value.found == f"'{missing}.more' of shape (3,) is not one of them"
    save_file(tensors | {missing: torch.ones(3, 5, 7)}, tmp_path / "model.safetensors")
    with pytest.raises(TelosError) as error:
        read(tmp_path)
    assert error.value.found.startswith(f"'{missing}' of shape (3, 5, 7) is wanted with shape")
