"""Training that begins with a saved model's weights: they are the first step's, and what does not fit is refused by name."""

import shutil

import pytest
import torch
from safetensors.torch import load_file

from telos import run
from telos.foundation.errors import TelosError
from telos.models.saved import save_model
from telos.models.transformer import Transformer
from telos.objectives import Objective, _saved
from telos.objectives.masked import Masked
from telos.recipe import Run
from telos.start_from import start_from
from telos.tokens.tokenizers.byte import Byte
from telos.training import check

TEXT = "".join(f"the {word} cat sat on the {word} mat and said 你好 {i}\n" for i in range(60) for word in ("red", "old"))
MODEL = {"kind": "gru", "num_layers": 1, "hidden_size": 16, "context_length": 16}


def recipe(tmp_path, steps, *, model=None, tokenizer="byte", **train):
    path = tmp_path / "text.txt"
    if not path.exists():
        path.write_text(TEXT, encoding="utf-8")
    train |= {"budget": f"{steps} steps", "batch_tokens": 64, "watchers": ["metrics_jsonl"], "evaluate_every": "0 steps"}
    return Run.parse({"corpus": {"kind": "files", "path": str(path)}, "tokenizer": {"kind": tokenizer},
                      "model": MODEL | (model or {}),
                      "optimizer": {"kind": "sgd", "learning_rate": 0.5}, "train": train})  # fmt: skip


def lose_the_newest_checkpoint(folder):
    """As if the process had been killed before it: the model is gone too."""
    shutil.rmtree(sorted((folder / "checkpoints").glob("step-*"))[-1])
    shutil.rmtree(folder / "model")
    (folder / "report.json").unlink(missing_ok=True)


@pytest.fixture
def saved(tmp_path):
    run.train(recipe(tmp_path, 20), tmp_path / "first")
    return tmp_path / "first" / "model"


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_a_step_of_no_size_leaves_the_saved_weights(tmp_path, saved):
    made = recipe(tmp_path, 1, start_from=str(saved), seed=7)
    made = made.replace(optimizer=made.optimizer.replace(learning_rate=1e-30))
    run.train(made, tmp_path / "second")
    before, after = weights(saved), weights(tmp_path / "second" / "model")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_without_it_they_are_drawn(tmp_path, saved):
    made = recipe(tmp_path, 1, seed=7)
    made = made.replace(optimizer=made.optimizer.replace(learning_rate=1e-30))
    run.train(made, tmp_path / "second")
    before, after = weights(saved), weights(tmp_path / "second" / "model")
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_special_tokens_are_taken_by_name(tmp_path):
    """Hidden words first, then another objective with other special tokens, or none: rows follow the tokens."""
    tokenizer = Byte().train(lambda: iter(()), 0)
    spec = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=16)
    old = spec.build(tokenizer.vocabulary.with_specials(("<|mask|>", "<|other|>")), seed=1)
    save_model(old, tokenizer, tmp_path / "model", card="", lineage={})
    for names in ((), ("<|other|>",), ("<|new|>", "<|mask|>")):
        new = spec.build(tokenizer.vocabulary.with_specials(names), seed=2)
        drawn = {name: tensor.clone() for name, tensor in new.state_dict().items()}
        start_from(tmp_path / "model", new, None, Masked(), tokenizer.vocabulary.tokenizer_hash)
        for name, tensor in new.state_dict().items():
            before = old.state_dict()[name]
            if new.roles()[name] not in ("embedding", "head"):
                assert torch.equal(tensor, before)
                continue
            assert torch.equal(tensor[:256], before[:256])
            for special, place in new.vocabulary.specials.items():
                theirs = old.vocabulary.specials.get(special)
                assert torch.equal(tensor[place], drawn[name][place] if theirs is None else before[theirs])


def test_another_text_is_read_with_the_models_tokenizer(tmp_path):
    words = recipe(tmp_path, 3, tokenizer="word")
    run.train(words, tmp_path / "first")
    (tmp_path / "other.txt").write_text("the cat said 再见 to the dog\n" * 60, encoding="utf-8")
    model = tmp_path / "first" / "model"
    other = recipe(tmp_path, 2, start_from=str(model)).replace(
        corpus=words.corpus.replace(path=str(tmp_path / "other.txt")),
        tokenizer=Run.parse({"tokenizer": {"kind": "pretrained", "path": str(model)}}).tokenizer,
    )
    run.train(other, tmp_path / "second")
    assert weights(tmp_path / "second" / "model").keys() == weights(model).keys()


def test_a_resumed_run_goes_on_from_its_checkpoint_and_not_from_the_start(tmp_path, saved):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    made = recipe(tmp_path, 6, start_from=str(saved), checkpoint_every="4 steps")
    run.train(made, whole)
    run.train(made, parts)
    lose_the_newest_checkpoint(parts)
    run.train(made, parts)
    first, second = weights(whole / "model"), weights(parts / "model")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_checkpoint_of_other_first_weights_is_refused(tmp_path, saved):
    made = recipe(tmp_path, 6, start_from=str(saved), checkpoint_every="4 steps")
    run.train(made, tmp_path / "second")
    lose_the_newest_checkpoint(tmp_path / "second")
    run.train(recipe(tmp_path, 3, seed=9), tmp_path / "third")
    shutil.rmtree(saved)
    shutil.copytree(tmp_path / "third" / "model", saved)
    with pytest.raises(TelosError, match="start_from"):
        run.train(made, tmp_path / "second")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"model": {"hidden_size": 20}}, "16"),
        ({"model": {"num_layers": 2}}, "none in"),
        ({"tokenizer": "character"}, "tokenizer"),
    ],
)
def test_another_model_is_refused_by_name(tmp_path, saved, change, named):
    with pytest.raises(TelosError, match="start_from must") as error:
        run.train(recipe(tmp_path, 2, start_from=str(saved), **change), tmp_path / "other")
    assert named in str(error.value)


def test_no_folder_and_no_weights_are_refused_before_anything_is_read(tmp_path):
    with pytest.raises(TelosError, match=r"no model\.safetensors"):
        check(recipe(tmp_path, 2, start_from=str(tmp_path / "nowhere")))
    counts = recipe(tmp_path, 2, start_from=str(tmp_path)).replace(model=Run.parse({"model": {"kind": "ngram"}}).model)
    with pytest.raises(TelosError, match="'ngram' counts"):
        check(counts)


# -- another objective ------------------------------------------------------------------------------------------------

TOKENIZER = Byte().train(lambda: iter(()), 0)
SMALL = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=16, query_key_norm=False)


def fresh(kind, labels=(), spec=SMALL, seed=1):
    """(objective, network, what it owns), weights drawn."""
    objective = Objective.parse(kind).fitted(spec)
    vocabulary = TOKENIZER.vocabulary.with_specials(objective.special_tokens()).with_labels(labels)
    network = spec.build(vocabulary, seed)
    return objective, network, objective.build(network, vocabulary)


@pytest.fixture
def written(tmp_path):
    """A function from an objective to a folder with a model of it; and the network."""

    def write(kind, labels=(), spec=SMALL):
        objective, network, owned = fresh(kind, labels, spec)
        with torch.no_grad():
            for parameter in [] if owned is None else owned.parameters():
                parameter.normal_(generator=torch.Generator().manual_seed(5))
        save_model(network, TOKENIZER, tmp_path / "written", card="", lineage={},
                   also=lambda to: _saved.save(to, objective, owned, labels))  # fmt: skip
        return tmp_path / "written", network, owned

    return write


def begun(folder, kind, labels=(), spec=SMALL):
    objective, network, owned = fresh(kind, labels, spec, seed=2)
    start_from(folder, network, owned, objective, TOKENIZER.vocabulary.tokenizer_hash)
    return network, owned


@pytest.mark.parametrize(("first", "then", "kept"), [
    ("masked", "classification", 257), ("causal", "infill", 257), ("masked", "masked_diffusion", 258),
    ("permutation", "masked_diffusion", 257), ("sentence_order", "masked", 257), ("masked", "masked", 258),
])  # fmt: skip
def test_special_tokens_go_by_their_names(written, first, then, kept):
    """Those of both objectives are taken over, others are as they were drawn, also where there are as many."""
    folder, saved, _ = written(first)
    network, _ = begun(folder, then, ("a", "b") if then == "classification" else ())
    drawn = fresh(then, ("a", "b") if then == "classification" else (), seed=2)[1]
    for of in (lambda one: one.model.embed_tokens.weight, lambda one: one.lm_head.weight):
        assert torch.equal(of(network)[:kept], of(saved)[:kept])
        assert torch.equal(of(network)[kept:], of(drawn)[kept:])
    rest = {name: p for name, p in network.named_parameters() if len(p) != network.vocabulary.size}
    assert all(torch.equal(p, dict(saved.named_parameters())[name]) for name, p in rest.items())


def test_a_head_is_taken_over_for_the_same_classes_alone(written):
    folder, _, owned = written("classification", ("a", "b"))
    assert torch.equal(begun(folder, "classification", ("a", "b"))[1].linear.weight, owned.linear.weight)
    for others in (("b", "c"), ("a", "b", "c")):
        assert not begun(folder, "classification", others)[1].linear.weight.any()


def test_settings_that_no_shape_tells_are_refused_by_name(written):
    folder, _, _ = written("causal")
    for change, found in (({"num_heads": 4}, "model.num_heads: 2 in"), ({"norm": "layer"}, "in the recipe"),
                          ({"activation": "relu", "gated": True}, "model.activation: silu in")):  # fmt: skip
        with pytest.raises(TelosError, match=r"train\.start_from must") as error:
            begun(folder, "causal", spec=SMALL.replace(**change))
        assert found in error.value.found
    begun(folder, "causal", spec=SMALL.replace(context_length=32, dropout=0.1))
