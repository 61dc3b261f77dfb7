"""Models of transformers, made into folders of ours: equal logits, equal ids, bit-identical tensors, and what is refused."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from telos.evaluate.pairs import score_pairs
from telos.evaluate.score import network_nll
from telos.foundation.errors import TelosError
from telos.generate.engine import Engine
from telos.generate.sampling import Sampling
from telos.models import Inputs
from telos.models.importing import describe, import_model
from telos.models.saved import load_model

KINDS = ["gpt2", "llama", "qwen3", "mixtral", "bert", "t5"]
TEXTS = ["The quick brown fox", "春眠不觉晓，处处闻啼鸟。", "</s> <s> <|endoftext|>"]


@torch.no_grad()
def logits(network, tokens_BT: torch.Tensor) -> torch.Tensor:
    inputs = Inputs(tokens_BT)
    if "causal" not in network.spec.patterns:
        inputs.pattern = sorted(network.spec.patterns)[0]
    if inputs.pattern == "encoder_decoder":
        inputs.source_BS = tokens_BT.flip(1)
    return network.over_logits(network.hidden(inputs), lambda z: z)


@torch.no_grad()
def their_logits(model, tokens_BT: torch.Tensor) -> torch.Tensor:
    if model.config.is_encoder_decoder:
        return model(input_ids=tokens_BT.flip(1), decoder_input_ids=tokens_BT).logits
    return model(tokens_BT).logits


@pytest.mark.parametrize("kind", KINDS)
def test_logits_and_ids_are_theirs_and_the_folder_is_read_by_transformers(kind, theirs, tmp_path):
    import transformers

    folder, model, their_tokenizer = theirs(kind)
    facts = import_model(folder, tmp_path / "ours")
    assert facts["architecture"] == type(model).__name__
    assert facts["dtype"] == "float32"
    network, tokenizer = load_model(tmp_path / "ours")
    tokens = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 20)))
    wanted = their_logits(model, tokens)
    assert (logits(network, tokens) - wanted).abs().max() <= 1e-5 * wanted.abs().max()
    assert wanted.std() > 0.1
    for text in TEXTS:
        assert (
            tokenizer.encode(text).tolist()
            == their_tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        )
    again, report = type(model).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(report[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert torch.equal(their_logits(again.eval(), tokens), wanted)
    assert (
        transformers.AutoTokenizer.from_pretrained(tmp_path / "ours")(TEXTS[0])["input_ids"]
        == their_tokenizer(TEXTS[0])["input_ids"]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_export_import_export_is_bit_identical(kind, theirs, tmp_path):
    folder, _, _ = theirs(kind)
    first, second = tmp_path / "first", tmp_path / "second"
    import_model(folder, first)
    import_model(first, second)
    for name in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    kept, original = load_file(first / "model.safetensors"), load_file(folder / "model.safetensors")
    assert original.keys() >= kept.keys() or kept.keys() >= original.keys()
    assert all(torch.equal(kept[name], original[name]) for name in kept.keys() & original.keys())
    assert len(kept.keys() & original.keys()) > 10


@pytest.mark.parametrize(("dtype", "name"), [(torch.bfloat16, "bfloat16"), (torch.float16, "float32")])
def test_no_digit_is_lost(dtype, name, theirs, tmp_path):
    folder, _, _ = theirs("llama", dtype=dtype)
    assert import_model(folder, tmp_path / "ours")["dtype"] == name
    kept, original = load_file(tmp_path / "ours/model.safetensors"), load_file(folder / "model.safetensors")
    assert {str(t.dtype) for t in kept.values()} == {f"torch.{name}"}
    assert all(torch.equal(kept[key].float(), original[key].float()) for key in kept)


def test_parts_are_joined(theirs, tmp_path):
    folder, model, _ = theirs("llama", max_shard_size="20KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    import_model(folder, tmp_path / "ours")
    tokens = torch.arange(12)[None]
    assert (logits(load_model(tmp_path / "ours")[0], tokens) - their_logits(model, tokens)).abs().max() < 1e-4
    lineage = json.loads((tmp_path / "ours/lineage.json").read_text())
    assert "model.safetensors.index.json" in lineage["files"]


@pytest.mark.parametrize(("kind", "begin", "end"), [("gpt2", 256, 256), ("llama", 1, 2), ("qwen3", 256, 256), ("t5", 0, 2)])
def test_a_document_begins_and_ends_as_theirs_do(kind, begin, end, theirs, tmp_path):
    import_model(theirs(kind)[0], tmp_path / "ours")
    vocabulary = load_model(tmp_path / "ours")[1].vocabulary
    assert (vocabulary.begin_of_text, vocabulary.end_of_text) == (begin, end)
    config = json.loads((tmp_path / "ours/config.json").read_text())
    assert (config["bos_token_id"], config["eos_token_id"]) == (begin, end)
    if kind == "t5":
        assert config["decoder_start_token_id"] == 0


@torch.no_grad()
def test_scores_and_greedy_text_are_theirs_with_their_begin_of_text(theirs, tmp_path):
    folder, model, their_tokenizer = theirs("llama")
    import_model(folder, tmp_path / "ours")
    network, tokenizer = load_model(tmp_path / "ours")
    texts = ["今天 a", "The quick"]
    stream = np.concatenate([np.append(tokenizer.encode(text), 2) for text in texts]).astype(np.int64)
    found = network_nll(network, stream, context_length=40)
    wanted = []
    for text in texts:
        ids = torch.tensor([[1, *their_tokenizer(text, add_special_tokens=False)["input_ids"], 2]])
        wanted += torch.nn.functional.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:], reduction="none").tolist()
    assert np.abs(found - wanted).max() < 1e-4
    prompt = their_tokenizer("今天", return_tensors="pt")
    assert prompt["input_ids"][0, 0] == 1
    made = model.generate(**prompt, max_new_tokens=15, do_sample=False, eos_token_id=2, pad_token_id=0)
    new = made[0, prompt["input_ids"].shape[1] :].tolist()
    ours = Engine(network, tokenizer).generate(["今天"], Sampling(temperature=0, max_tokens=15))[0]
    assert list(ours.tokens) == [token for token in new if token != 2]


@torch.no_grad()
def test_answers_are_theirs_with_the_token_that_their_decoder_starts_with(theirs, tmp_path):
    folder, model, their_tokenizer = theirs("t5")
    for parameter in model.parameters():
        parameter.mul_(3)  # so that what the decoder begins with changes what it says
    model.save_pretrained(folder)
    import_model(folder, tmp_path / "ours")
    network, tokenizer = load_model(tmp_path / "ours")
    engine = Engine(network, tokenizer)
    for text in ("今天 a", "The quick"):
        source = their_tokenizer(text, return_tensors="pt")["input_ids"]
        made = model.generate(input_ids=source, max_new_tokens=15, do_sample=False, pad_token_id=0)[0].tolist()
        ours = engine.generate([text], Sampling(temperature=0, max_tokens=15))[0]
        assert made[0] == 0
        assert list(ours.tokens) == [token for token in made[1:] if token != 2]
        target = their_tokenizer("a b", return_tensors="pt")["input_ids"]
        wanted = model(input_ids=source, labels=target).loss.item() * target.shape[1]
        assert score_pairs(engine, [(text, "a b")], answers=False).likelihood.nats.sum() == pytest.approx(wanted, abs=1e-4)


def test_what_else_the_folder_keeps(theirs, tmp_path):
    folder, _, _ = theirs("gpt2")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# 小模型\n")
    (folder / "LICENSE").write_text("MIT")
    (folder / "generation_config.json").write_text(json.dumps({"do_sample": True, "temperature": 0.6, "max_length": 20}))
    settings = json.loads((folder / "tokenizer_config.json").read_text()) | {"chat_template": "{{ messages }}"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    facts = import_model(folder, tmp_path / "ours")
    ours = tmp_path / "ours"
    assert (ours / "README.md").read_text().startswith("---\nlicense: mit")
    assert (ours / "LICENSE").read_text() == "MIT"
    assert (ours / "chat_template.jinja").read_text() == "{{ messages }}"
    generation = json.loads((ours / "generation_config.json").read_text())
    assert (generation["temperature"], generation["do_sample"]) == (0.6, True)
    assert "max_length" not in generation
    lineage = json.loads((ours / "lineage.json").read_text())
    assert lineage["imported_from"] == str(folder)
    assert list(lineage["files"]) == ["model.safetensors"]
    assert describe(facts).endswith(f"try:    telos generate {ours} --prompt …")
    encoder = import_model(theirs("bert")[0], tmp_path / "encoder")
    assert describe(encoder).endswith(f'try:    in Python: network, tokenizer = telos.load("{tmp_path / "encoder"}")')
    assert import_model(folder, ours)["model"] == str(ours), "an earlier model there is replaced"


# -- refusals -----------------------------------------------------------------------------------------------------------


def refused(*arguments, **named) -> tuple[str, str, str]:
    with pytest.raises(TelosError) as error:
        import_model(*arguments, **named)
    return error.value.must, error.value.found, error.value.fix


def test_sources_that_are_none(tmp_path):
    out = tmp_path / "out"
    assert refused(tmp_path, out)[:2] == ("a model to import must be a folder with config.json, weights and tokenizer.json",
                                          f"no config.json in {tmp_path}")  # fmt: skip
    for source in ("./nothing/here", "a/b/c", "with space"):
        assert refused(source, out)[:2] == ("a model to import must be a folder, or a name on the hub (OWNER/NAME)",
                                            f"no folder {source}")  # fmt: skip
    assert not out.exists()


def test_places_that_are_somebodys(theirs, tmp_path):
    folder, _, _ = theirs("gpt2")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("x")
    assert refused(folder, tmp_path / "mine")[0] == f"{tmp_path / 'mine'} must be a new folder, an empty one, or a model's"
    import_model(folder, tmp_path / "ours")
    assert refused(tmp_path / "ours", tmp_path / "ours")[0] == "a model must be imported to another folder than its own"
    assert refused(folder, tmp_path / "new", revision="main")[0] == "--revision goes with a name on the hub"


def test_what_is_not_understood_is_refused_by_name(theirs, tmp_path):
    folder, _, _ = theirs("llama")
    out = tmp_path / "ours"
    config = json.loads((folder / "config.json").read_text())

    def with_config(**changes) -> tuple[str, str, str]:
        (folder / "config.json").write_text(json.dumps(config | changes))
        return refused(folder, out)

    assert with_config(architectures=["MambaForCausalLM"])[1] == "config.json says MambaForCausalLM"
    assert with_config(new_trick=3)[:2] == ("every setting in config.json must be known", "'new_trick' = 3")
    assert with_config(quantization_config={"bits": 4})[0] == "config.json: quantization_config must be None"
    assert "is missing" in with_config(num_hidden_layers=3)[1]
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {"model.extra": torch.zeros(2)}, folder / "model.safetensors")
    assert refused(folder, out)[1] == "'model.extra' of shape (2,) is not one of them"
    save_file(weights | {"model.norm.weight": torch.full((32,), 3e38)}, folder / "model.safetensors")
    assert refused(folder, out)[:2] == ("a model's weights must be ordinary numbers",
                                        "'model.norm.weight' holds NaN, infinity or more than 1e+30")  # fmt: skip
    save_file({k: t.to(torch.int8) if k == "lm_head.weight" else t for k, t in weights.items()}, folder / "model.safetensors")
    assert refused(folder, out)[:2] == ("model.safetensors must hold plain numbers", "'lm_head.weight' is int8")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-4])
    assert refused(folder, out)[0] == f"{folder / 'model.safetensors'} must be readable"
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    assert refused(folder, out)[1] == f"a pickle: pytorch_model.bin in {folder}"
    (folder / "tokenizer.json").unlink()
    assert refused(folder, out)[0].startswith("a tokenizer must be a tokenizer.json")
    assert not out.exists()
