"""The saved folder in transformers and transformers' own Qwen3 here: equal logits and equal text, both ways."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from telos.foundation.errors import TelosError
from telos.generate.engine import Engine
from telos.generate.sampling import Sampling
from telos.layers.experts import Experts
from telos.layers.rotary import RotaryScaling
from telos.models import Inputs
from telos.models.hugging_face import ARCHITECTURES, architecture_of, load_model, load_network, save_model
from telos.models.hugging_face.qwen3 import QWEN3
from telos.models.stacks.network import TransformerNetwork as Decoder
from telos.models.transformer import Transformer
from telos.tokens.tokenizers import TrainedTokenizer
from telos.tokens.tokenizers.byte import Byte

SMALL = {"num_layers": 2, "hidden_size": 32, "num_heads": 4, "intermediate_size": 64, "context_length": 64}
CHANGES = [
    {},
    {"num_key_value_heads": 2},
    {"num_key_value_heads": 1},
    {"tie_embeddings": True},
    {"head_size": 16},
    {"head_size": 4, "num_key_value_heads": 2},
    {"rope_theta": 500.0},
    {"norm_eps": 0.1},
    {"num_layers": 1},
    {"num_layers": 3},
    {"num_layers": 0},
    {"intermediate_size": 48},
    {"intermediate_size": None},
    {"context_length": 100},
]
TEXTS = ["The quick brown fox", "春眠不觉晓，处处闻啼鸟。", "", "a"]


@pytest.fixture(scope="module")
def tokenizer() -> TrainedTokenizer:
    return Byte().train(lambda: iter([]), 0)


def another(spec: Transformer, setting: str) -> Transformer:
    """The same settings with one changed to a value that has an effect."""
    changes = {
        "architecture": {"architecture": "encoder"}, "norm": {"norm": "layer"}, "norm_place": {"norm_place": "after"},
        "norm_bias": {"norm": "layer", "norm_bias": False}, "positions": {"positions": "alibi"}, "num_heads": {"num_heads": 8},
        "num_encoder_layers": {"architecture": "encoder_decoder", "num_encoder_layers": 1},
        "local_rope_theta": {"windows": [None, 8], "local_rope_theta": 5.0}, "rope_scaling": {"rope_scaling": RotaryScaling()},
        "num_buckets": {"positions": "buckets", "num_buckets": 8}, "windows": {"windows": [None, 8]},
        "max_distance": {"positions": "buckets", "max_distance": 20}, "activation": {"activation": "relu2"},
        "experts": {"experts": Experts(num_experts=3)}, "initialization": {"initialization": "normal"},
        "num_token_types": {"num_token_types": 2}, "dropout": {"dropout": 0.5}, "head_size": {"head_size": 4},
        "attention_dropout": {"attention_dropout": 0.5}, "stochastic_depth": {"stochastic_depth": 0.5},
        "num_key_value_heads": {"num_key_value_heads": 2}, "context_length": {"context_length": 100},
        "intermediate_size": {"intermediate_size": 40}, "hidden_size": {"hidden_size": 64}, "num_layers": {"num_layers": 1},
    }  # fmt: skip
    now = getattr(spec, setting)
    if setting not in changes:
        changes[setting] = {setting: not now if isinstance(now, bool) else 0.5 + (now or 0)}
    return spec.replace(**changes[setting])


def shaken(network: Decoder, seed: int = 0) -> Decoder:
    """Weights of ordinary size everywhere: a fresh network's output layers are zero, and its norms one."""
    made = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            noise = torch.randn(parameter.shape, generator=made)
            parameter.copy_(noise * 0.2 if parameter.ndim == 2 else 1 + 0.3 * noise)
    return network


def save(network: Decoder, tokenizer: TrainedTokenizer, folder: Path, **more) -> Path:
    save_model(network, tokenizer, folder, card="# 模型\n", lineage={"run": "abc"}, **more)
    return folder


def theirs(folder: Path, **more) -> transformers.PreTrainedModel:
    model, report = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True, **more
    )
    assert not any(report[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert type(model).__name__ == "Qwen3ForCausalLM"
    return model.eval()


def tokens(rows: int = 3, length: int = 40, size: int = 257) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, size, (rows, length)))


@torch.no_grad()
def our_logits(network: Decoder, tokens_BT: torch.Tensor, state=None) -> torch.Tensor:
    return network.over_logits(network.hidden(Inputs(tokens_BT), state), lambda logits: logits)


def assert_equal_logits(network: Decoder, model: transformers.PreTrainedModel, tokens_BT: torch.Tensor) -> None:
    with torch.no_grad():
        wanted = model(tokens_BT).logits
    assert wanted.std() > 0.1
    assert (our_logits(network, tokens_BT) - wanted).abs().max() <= 1e-4


# -- both ways, over settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_saved_folder_has_the_same_logits_in_transformers(change, tokenizer, tmp_path):
    network = shaken(Transformer(**SMALL | change).build(tokenizer.vocabulary))
    folder = save(network, tokenizer, tmp_path / "model")
    assert_equal_logits(network, theirs(folder), tokens())
    loaded, loaded_tokenizer = load_model(folder)
    assert torch.equal(our_logits(loaded, tokens()), our_logits(network, tokens()))
    assert loaded.spec.resolved_head_size == network.spec.resolved_head_size
    assert loaded_tokenizer.vocabulary == tokenizer.vocabulary == loaded.vocabulary


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"num_key_value_heads": 1},
        {"tie_word_embeddings": True},
        {"head_dim": 24},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 77.0}},
        {"rms_norm_eps": 0.05},
        {"num_hidden_layers": 3},
        {"intermediate_size": 40},
        {"max_position_embeddings": 50},
        {"vocab_size": 300},
    ],
    ids=str,
)
def test_transformers_own_folder_has_the_same_logits_here(change, tokenizer, tmp_path):
    torch.manual_seed(0)
    settings = {"vocab_size": 257, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
                "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64, "initializer_range": 0.3}  # fmt: skip
    model = transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**settings | change)).eval()
    model.save_pretrained(tmp_path)
    tokenizer.save(tmp_path)
    network, _ = load_model(tmp_path)
    assert_equal_logits(network, model, tokens())
    assert network.vocabulary.size == settings["vocab_size"] + (43 if "vocab_size" in change else 0)
    assert network.vocabulary.end_of_text == 256


def test_a_folder_in_parts_is_read(tokenizer, tmp_path):
    config = transformers.Qwen3Config(
        vocab_size=257,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
    )
    model = transformers.Qwen3ForCausalLM(config)
    model.save_pretrained(tmp_path, max_shard_size="40KB")
    tokenizer.save(tmp_path)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert not (tmp_path / "model.safetensors").exists()
    assert_equal_logits(load_model(tmp_path)[0], model.eval(), tokens())


@pytest.mark.parametrize("change", [{}, {"num_key_value_heads": 2, "tie_embeddings": True}], ids=str)
def test_greedy_text_and_prompts_equal_transformers(change, tokenizer, tmp_path):
    network = shaken(Transformer(**SMALL | change).build(tokenizer.vocabulary), seed=3)
    folder = save(network, tokenizer, tmp_path / "model")
    model, their_tokenizer = theirs(folder), transformers.AutoTokenizer.from_pretrained(folder)
    met: set[int] = set()
    for penalty in (1.0, 1.3):
        sampling = Sampling(temperature=0, max_tokens=20, repetition_penalty=penalty)
        ours = Engine(*load_model(folder)).generate(TEXTS, sampling)
        for text, found in zip(TEXTS, ours, strict=True):
            prompt = their_tokenizer(text, return_tensors="pt")
            wanted = model.generate(**prompt, max_new_tokens=20, do_sample=False, repetition_penalty=penalty)
            new = wanted[0, prompt["input_ids"].shape[1] :].tolist()
            assert list(found.tokens) == [token for token in new if token != 256]
            written = their_tokenizer.decode(new, skip_special_tokens=True)
            assert found.text == written.replace("\ufffd", ""), "only broken characters are not shown"
            met |= set(found.tokens)
    assert len(met) > 20, "texts of few tokens show little"


def test_bfloat16_halves_the_file_and_rounds_the_weights(tokenizer, tmp_path):
    network = shaken(Transformer(**SMALL).build(tokenizer.vocabulary))
    whole = save(network, tokenizer, tmp_path / "whole") / "model.safetensors"
    half = save(network, tokenizer, tmp_path / "half", dtype="bfloat16") / "model.safetensors"
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    assert transformers.AutoConfig.from_pretrained(half.parent).dtype == torch.bfloat16
    loaded, _ = load_model(half.parent)
    assert all(torch.equal(p, q.bfloat16().float()) for p, q in zip(loaded.parameters(), network.parameters(), strict=True))
    assert_equal_logits(loaded, theirs(half.parent), tokens())


# -- cache and batches ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", CHANGES[:5], ids=str)
def test_cached_decoding_equals_the_full_forward(change, tokenizer):
    network = shaken(Transformer(**SMALL | change).build(tokenizer.vocabulary))
    wanted = our_logits(network, tokens())
    for steps in ([1] * 40, [17, 1, 1, 20, 1], [40]):
        state = network.new_state(3, 40)
        parts = [our_logits(network, part, state) for part in tokens().split(steps, dim=1)]
        assert (torch.cat(parts, 1) - wanted).abs().max() <= 1e-5


@pytest.mark.parametrize("sampling", [Sampling(temperature=0, max_tokens=30), Sampling(top_p=0.95, max_tokens=99, seed=2)])
def test_batched_equals_single_with_the_real_network(sampling, tokenizer):
    network = shaken(Transformer(**SMALL, num_key_value_heads=2).build(tokenizer.vocabulary), seed=1)
    engine = Engine(network, tokenizer)
    together = engine.generate(TEXTS, sampling)
    alone = [engine.generate([text], sampling)[0] for text in TEXTS]
    assert [one.tokens for one in together] == [one.tokens for one in alone]
    assert ["".join(engine.stream(text, sampling)) for text in TEXTS] == [one.text for one in together]
    assert len({len(one.tokens) for one in together}) > 1 or sampling.greedy


# -- the folder -------------------------------------------------------------------------------------------------------


def test_what_the_folder_holds(tokenizer, tmp_path):
    network = Transformer(**SMALL).build(tokenizer.vocabulary)
    folder = save(network, tokenizer, tmp_path / "model", generation={"temperature": 0.7, "do_sample": True})
    found = {path.name for path in folder.iterdir()}
    assert found >= {"model.safetensors", "config.json", "generation_config.json", "README.md", "lineage.json", "manifest.json",
                     "tokenizer.json", "tokenizer_config.json"}  # fmt: skip
    assert (folder / "README.md").read_text() == "# 模型\n"
    assert json.loads((folder / "lineage.json").read_text()) == {"run": "abc"}
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["Qwen3ForCausalLM"]
    generation = transformers.GenerationConfig.from_pretrained(folder)
    assert (generation.temperature, generation.eos_token_id, generation.bos_token_id) == (0.7, 256, 256)
    (folder / "README.md").write_text("# the user's own words\n")
    load_model(folder)


def test_tokens_of_an_objective_keep_their_names_and_ids(tokenizer, tmp_path):
    vocabulary = tokenizer.vocabulary.with_specials(("<|mask|>", "<|fill|>"))
    network = shaken(Transformer(**SMALL).build(vocabulary))
    loaded, own = load_model(save(network, tokenizer, tmp_path / "model"))
    assert loaded.vocabulary == vocabulary
    assert own.vocabulary == tokenizer.vocabulary
    assert_equal_logits(network, theirs(tmp_path / "model"), tokens(size=259))


def test_saving_again_replaces_the_folder(tokenizer, tmp_path):
    network = Transformer(**SMALL).build(tokenizer.vocabulary)
    folder = save(network, tokenizer, tmp_path / "model")
    (folder / "left over").write_text("x")
    save(shaken(network), tokenizer, folder)
    assert not (folder / "left over").exists()
    assert torch.equal(our_logits(load_model(folder)[0], tokens()), our_logits(network, tokens()))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("left_out", ["num_key_value_heads", "head_dim", "tie_word_embeddings", "rms_norm_eps", "rope_theta"])
def test_what_a_config_leaves_out_means_what_it_means_to_transformers(left_out):
    theirs = transformers.Qwen3Config()
    given = QWEN3.to_config(
        Transformer(num_layers=1, hidden_size=64, num_heads=64, head_size=2, tie_embeddings=True, norm_eps=0.1), 300
    )
    del given["rope_parameters"]
    spec, _ = QWEN3.from_config({name: value for name, value in given.items() if name != left_out})
    found = QWEN3.to_config(spec, 300)[left_out]
    assert found == (theirs.rope_parameters["rope_theta"] if left_out == "rope_theta" else getattr(theirs, left_out))
    assert found != given[left_out] or left_out == "rope_theta"
    assert QWEN3.from_config(given | {"num_key_value_heads": None})[0].resolved_key_value_heads == 64


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tokenizer, tmp_path) -> Path:
    """A good folder that a test may spoil; without manifest, as one from elsewhere."""
    made = save(Transformer(**SMALL, num_key_value_heads=2).build(tokenizer.vocabulary), tokenizer, tmp_path / "model")
    (made / "manifest.json").unlink()
    return made


def spoil(folder: Path, **changes) -> None:
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({name: value for name, value in config.items() if value is not ...}))


@pytest.mark.parametrize(
    ("changes", "must", "found"),
    [
        ({"logit_softcap": 30.0}, "every setting in config.json must be known", "'logit_softcap' = 30.0"),
        ({"architectures": ["FalconForCausalLM"]},
         "a model folder must be a Qwen3ForCausalLM, LlamaForCausalLM, GPT2LMHeadModel, Qwen3MoeForCausalLM, "
         "MixtralForCausalLM, BertForMaskedLM, T5ForConditionalGeneration", "config.json says FalconForCausalLM"),
        ({"hidden_act": "gelu"}, "config.json: hidden_act must be 'silu'", "'gelu'"),
        ({"attention_bias": True}, "model.safetensors must hold exactly the tensors of config.json's model",
         "'model.layers.0.self_attn.k_proj.bias' of shape (16,) is missing"),
        ({"use_sliding_window": True}, "config.json: use_sliding_window must be False", "True"),
        ({"rope_scaling": {"type": "yarn", "factor": 2.0}, "rope_parameters": ...},
         "config.json: rope_parameters of type yarn must give factor, original_max_position_embeddings",
         "no 'original_max_position_embeddings'"),
        ({"rope_parameters": {"rope_type": "linear", "factor": 4.0, "speed": 1}}, "every setting in config.json must be known",
         "rope_parameters: 'speed' = 1"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "config.json: rope_scaling and rope_parameters must agree",
         "{'factor': 2.0, 'rope_type': 'linear'} and {'rope_type': 'default'}"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "config.json: layer_types must all be 'full_attention'",
         "'sliding_attention'"),
        ({"rope_parameters": {"rope_type": "longrope", "factor": 4.0}},
         "config.json: rope_parameters must be of type default, linear, llama3, yarn",
         "{'rope_type': 'longrope', 'factor': 4.0}"),
        ({"telos_training": {"hidden_size": 5}}, "config.json: telos_training must hold dropout, attention_dropout, "
         "stochastic_depth, initialization alone", "{'hidden_size': 5}"),
        ({"rope_theta": 5.0}, "config.json: rope_theta and rope_parameters must agree", "5.0 and 10000.0"),
        ({"hidden_size": ...}, "config.json must give every size of the model", "no 'hidden_size'"),
        ({"vocab_size": ...}, "config.json must give every size of the model", "no 'vocab_size'"),
        ({"vocab_size": 200}, "a model must have a row for every token of its tokenizer", "200 rows, 257 tokens"),
        ({"num_attention_heads": 3}, "config.json: num_key_value_heads (2) must divide num_heads (3)", None),
        ({"rms_norm_eps": 0}, "config.json: rms_norm_eps: must be greater than 0", "0 (int)"),
        ({"num_hidden_layers": 3}, "model.safetensors must hold exactly the tensors of config.json's model",
         "'model.layers.2.input_layernorm.weight' of shape (32,) is missing"),
        ({"num_hidden_layers": 1}, "model.safetensors must hold exactly the tensors of config.json's model",
         "'model.layers.1.input_layernorm.weight' of shape (32,) is not one of them"),
        ({"intermediate_size": 65}, "model.safetensors must hold exactly the tensors of config.json's model",
         "'model.layers.0.mlp.down_proj.weight' of shape (32, 64) is wanted with shape (32, 65)"),
        ({"tie_word_embeddings": True}, "a model with tied embeddings must have no other lm_head.weight",
         "one that differs from the embedding"),
    ],
)  # fmt: skip
def test_what_our_model_cannot_express_is_refused_by_name(folder, changes, must, found):
    spoil(folder, **changes)
    with pytest.raises(TelosError) as error:
        load_model(folder)
    assert error.value.must == must
    assert found is None or error.value.found == found


def test_harmless_settings_of_transformers_are_passed_over(folder):
    spoil(folder, use_cache=False, initializer_range=0.5, transformers_version="4.51.0", torch_dtype="bfloat16",
          sliding_window=None, max_window_layers=1, layer_types=["full_attention"] * 2,
          rope_scaling=None, rope_parameters=...)  # fmt: skip
    assert load_model(folder)[0].spec.rope_theta == 10_000


def test_a_left_over_tensor_is_refused_and_an_equal_tied_head_is_not(folder):
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    save_file(tensors | {"model.layers.0.self_attn.q_proj.bias": torch.zeros(32)}, weights)
    with pytest.raises(TelosError) as error:
        load_model(folder)
    assert error.value.found == "'model.layers.0.self_attn.q_proj.bias' of shape (32,) is not one of them"
    save_file(tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"].clone()}, weights)
    spoil(folder, tie_word_embeddings=True)
    assert load_model(folder)[0].lm_head is None


def test_damage_and_absence_are_named(folder, tokenizer, tmp_path):
    with pytest.raises(TelosError) as error:
        load_model(tmp_path)
    assert error.value.must == "a model must be a folder with config.json and model.safetensors"
    (folder / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(TelosError) as error:
        load_model(folder)
    assert error.value.must == f"{folder / 'model.safetensors'} must be readable"
    (folder / "model.safetensors").unlink()
    with pytest.raises(TelosError) as error:
        load_model(folder)
    assert error.value.must == "a model folder must have model.safetensors"
    (folder / "config.json").write_text("{")
    with pytest.raises(TelosError) as error:
        load_network(folder, tokenizer.vocabulary)
    assert error.value.must == "config.json must be valid JSON"


def test_a_flipped_bit_in_a_saved_folder_is_named(tokenizer, tmp_path):
    folder = save(Transformer(**SMALL).build(tokenizer.vocabulary), tokenizer, tmp_path / "model")
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-5] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    with pytest.raises(TelosError) as error:
        load_model(folder)
    assert error.value.must == f"{folder / 'model.safetensors'} must be as it was written"


def test_saving_with_another_tokenizer_is_refused(tokenizer, tmp_path):
    from telos.tokens.tokenizers.character import Character

    other = Character().train(lambda: iter(["春眠不觉晓"]), 15)
    with pytest.raises(TelosError) as error:
        save(Transformer(**SMALL).build(tokenizer.vocabulary), other, tmp_path / "model")
    assert error.value.must == "a model must be saved with the tokenizer that it was trained with"
    assert not (tmp_path / "model").exists()


def test_every_setting_goes_there_and_back():
    spec = Transformer(num_layers=3, hidden_size=48, num_heads=12, num_key_value_heads=3, head_size=10, intermediate_size=99,
                       context_length=77, tie_embeddings=True, rope_theta=123.0, norm_eps=3e-5, attention_bias=True,
                       attention_dropout=0.25, rope_scaling=RotaryScaling(method="yarn", factor=3.0, beta_slow=2.0))  # fmt: skip
    assert QWEN3.from_config(json.loads(json.dumps(QWEN3.to_config(spec, 500)))) == (spec, 500)


@pytest.mark.parametrize("setting", sorted(Transformer.model_fields))
def test_a_setting_that_no_architecture_has_is_refused_and_none_is_lost(setting, tokenizer, tmp_path):
    """Each setting in turn: the folder has it, or saving says which it is."""
    spec = another(Transformer(**SMALL), setting)
    network = shaken(spec.build(tokenizer.vocabulary))
    if architecture_of(spec) is None:
        with pytest.raises(TelosError) as error:
            save(network, tokenizer, tmp_path / "model")
        assert error.value.must == f"a model for transformers must be a {', '.join(ARCHITECTURES)}"
        assert f"{setting}=" in error.value.found
        return
    loaded, _ = load_model(save(network, tokenizer, tmp_path / "model"))
    assert loaded.spec.resolved() == spec.resolved()
    assert torch.equal(our_logits(loaded, tokens()), our_logits(network.eval(), tokens()))
