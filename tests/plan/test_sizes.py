"""What a recipe's model will take: the loop's own step by torch's account, and what `telos explain` says."""

import json

import numpy as np
import pytest
import torch

from telos import recipe
from telos.foundation.random import generator
from telos.models.transformer import Transformer
from telos.objectives import Objective, collate
from telos.objectives.causal import Causal
from telos.optim.optimizers.adamw import AdamW
from telos.plan.sizes import ASSUMED_VOCABULARY, sizes
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.gradients import accumulate, clip
from telos.train.settings import Train
from telos.train.trainable import Trainable

MODEL = Transformer(num_layers=2, hidden_size=64, num_heads=2, context_length=64)
VOCABULARY = Vocabulary(299, "", {END_OF_TEXT: 299})


@pytest.mark.parametrize("micro", [512, 128])
def test_agrees_with_torchs_own_account_of_the_loops_step(micro, allocated):
    settings = Train(batch_tokens=512, micro_batch_tokens=micro, precision="bf16")
    found = sizes(MODEL, Causal(), AdamW(), settings, 300)
    rows = [Row(np.zeros(64, np.uint16), 299, np.zeros(64, np.int64), number) for number in range(8)]
    batch = collate([Causal().examples(row, generator(0, "examples"), VOCABULARY) for row in rows])

    def step():
        network = MODEL.build(VOCABULARY)
        network.compute_dtype = torch.bfloat16
        model = Trainable(network, None)
        updater = AdamW().build(model)
        accumulate(model, Causal(), batch, settings.micro_batches(8, 64), seed=0, step=0)
        clip(list(updater.parameters.values()), settings.gradient_clip)
        updater.step(1.0)

    done = allocated(step)
    batch_bytes = sum(column.numel() * column.element_size() for column in batch.columns.values())
    (estimate,) = found.estimates.values()
    assert estimate.training_bytes == pytest.approx(done + batch_bytes, rel=0.01)
    assert (found.rows, found.context_tokens) == (micro // 64, 64)


def test_a_precision_that_the_run_chooses_is_estimated_both_ways():
    found = sizes(MODEL, Causal(), AdamW(), Train(batch_tokens=512), 300)
    assert set(found.estimates) == {"float32", "bfloat16"}
    assert found.estimates["bfloat16"].training_bytes < found.estimates["float32"].training_bytes
    assert "float32, 8 rows of 64 tokens at a time" in found.render()


def explained(*overrides):
    return recipe.estimate(recipe.resolve({}, [*overrides, "model.num_layers=1", "model.hidden_size=64"])[0])


def test_the_vocabulary_is_that_of_the_settings_or_assumed():
    facts, lines = explained("tokenizer.vocab_size=1000")
    assert (facts["vocabulary_size"], facts["vocabulary_is_known"]) == (1000, True)
    assert "(vocabulary 1,000)" in lines
    assert explained("tokenizer.kind=byte")[0]["vocabulary_size"] == 257
    facts, lines = explained("tokenizer.kind=character")
    assert (facts["vocabulary_size"], facts["vocabulary_is_known"]) == (ASSUMED_VOCABULARY, False)
    assert "assumed: the text decides" in lines


def test_a_model_that_counts_is_estimated_for_a_text():
    facts, lines = recipe.estimate(recipe.resolve({}, ["model.kind=ngram", "tokenizer.kind=byte"])[0])
    assert facts["estimates"]["float32"]["flops_per_token"] is None
    assert "for 1M tokens of text: at most" in lines


def test_what_cannot_be_trained_is_said():
    made = recipe.resolve({}, ["optimizer.groups=[{match: nothing}]"])[0]
    facts, lines = recipe.estimate(made)
    assert facts is None
    assert lines == "# model: cannot be trained so; optimizer.groups.0.match must match a trainable parameter, found: " + (
        "'nothing' matches none"
    )


def test_explain_says_it(capsys, monkeypatch):
    from telos import cli

    monkeypatch.setattr("sys.argv", ["telos", "explain", "model.num_layers=1", "--json"])
    with pytest.raises(SystemExit):
        cli.main()
    told = json.loads(capsys.readouterr().out)["model"]
    estimate = told["estimates"]["float32"]
    assert estimate["parameters"] == estimate["weights_bytes"] // 4
    assert estimate["training_bytes"] > estimate["inference_bytes"] > 0


def trained(objective, **settings):
    """(bytes at the peak, operations for each token) of training so, in fp32."""
    found = sizes(MODEL.replace(dropout=0.1), Objective.parse(objective), AdamW(), Train(precision="fp32", **settings), 300)
    (estimate,) = found.estimates.values()
    assert estimate.training_bytes is not None
    return estimate.training_bytes, found.training_flops_per_token


def test_operations_of_training_are_those_of_a_step():
    from telos.models.sizing.operations import counter

    network = MODEL.build(VOCABULARY)
    row = Row(np.zeros(64, np.uint16), 299, np.zeros(64, np.int64), 0)
    batch = collate([Causal().examples(row, generator(0, "examples"), VOCABULARY)] * 8)
    with counter() as counted:
        accumulate(Trainable(network, None), Causal(), batch, [slice(None)], seed=0, step=0)
    assert trained("causal", batch_tokens=512)[1] == counted.get_total_flops() / 512
    # Three passes' worth, and what attention computes a second time.
    assert 1 <= trained("causal")[1] / (3 * network.flops_per_token(64)) < 1.35


def test_what_a_term_costs_is_in_it(tmp_path):
    """Of a second pass, of a teacher and of logits that are looked at."""
    plain_bytes, plain_flops = trained("causal")
    smooth = trained({"kind": "causal", "terms": [{"kind": "label_smoothing"}]})
    assert smooth[0] > plain_bytes
    twice = trained({"kind": "causal", "terms": [{"kind": "r_drop"}]})
    assert twice[0] > plain_bytes
    assert twice[1] == pytest.approx(2 * plain_flops, rel=0.1)
    # Twice as wide, and asked forward alone; found by its settings, whatever its tokenizer.
    spec = MODEL.replace(hidden_size=128)
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "telos_transformer", "spec": spec.dump(), "vocabulary": VOCABULARY.facts()})
    )
    taught = trained({"kind": "causal", "terms": [{"kind": "distillation", "teacher": str(tmp_path)}]})
    teacher = spec.build(VOCABULARY)
    assert taught[0] > smooth[0] + sum(p.numel() * 4 for p in teacher.parameters())
    assert taught[1] - plain_flops == pytest.approx(teacher.flops_per_token(64), rel=0.1)
