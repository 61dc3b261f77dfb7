"""Weights from the data: Σ w nll ÷ Σ w with every objective that carries them, refusals, from a file to the loss."""

import json

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.models.transformer import Transformer
from telos.objectives import Objective, collate
from telos.objectives.causal import Causal
from telos.objectives.classification import Classification
from telos.objectives.masked import Masked
from telos.objectives.masked_diffusion import MaskedDiffusion
from telos.objectives.prefix import Prefix
from telos.objectives.sequence_to_sequence import SequenceToSequence
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.gradients import accumulate
from telos.train.trainable import Trainable

PLAIN = Vocabulary(20, "test", {END_OF_TEXT: 20}, ("neg", "neutral", "pos"))
MODEL = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=24)
PAIRS = MODEL.replace(architecture="encoder_decoder")
CASES = [
    (Causal(), MODEL),
    (Masked(mask_fraction=0.6), MODEL),
    (Prefix(most=0.5), MODEL),
    (MaskedDiffusion(), MODEL),
    (Classification(), MODEL),
    (SequenceToSequence(max_target_tokens=20), PAIRS),
]


def rows(weights):
    draw = np.random.default_rng(5)
    return [Row(draw.integers(0, 20, 8), 20, np.full(8, i), i, label=i % 3, target=draw.integers(0, 20, 4), weights=given)
            for i, given in enumerate(weights)]  # fmt: skip


def prepared(objective, spec, weights):
    vocabulary = PLAIN.with_specials(objective.special_tokens())
    network = spec.build(vocabulary, seed=3).double()
    network.compute_dtype = torch.float64
    owned = objective.build(network, vocabulary)
    generator = torch.Generator().manual_seed(4)
    model = Trainable(network, None if owned is None else owned.double())
    with torch.no_grad():
        for _, parameter in model.named_parameters():
            parameter.normal_(0, 0.5, generator=generator)
    given = rows(weights)
    examples = [objective.examples(row, np.random.default_rng(row.number), vocabulary) for row in given]
    return model, [objective.weighted(example, row) for example, row in zip(examples, given, strict=True)]


def step(objective, model, examples, split=None):
    found = accumulate(model, objective, collate(examples), split or [slice(0, len(examples))], seed=1, step=0)
    gradients = [p.grad.clone() for _, p in model.named_parameters() if p.grad is not None]
    for _, parameter in model.named_parameters():
        parameter.grad = None
    return found.loss, gradients


def assert_same(found, expected):
    assert found[0] == pytest.approx(expected[0], rel=1e-6)
    for one, other in zip(found[1], expected[1], strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("objective", "spec"), CASES, ids=lambda value: value.kind())
def test_the_loss_is_the_weighted_mean(objective, spec):
    draw = np.random.default_rng(1)
    if objective.weighs == "documents":
        weights = [np.full(8, w, np.float32) for w in (0.5, 2.0, 0.0)]
    else:
        weights = [draw.choice([0, 0.5, 1, 3], 8).astype(np.float32) for _ in range(3)]
    model, examples = prepared(objective, spec, weights)
    found = step(objective, model, examples)
    _, plain = prepared(objective, spec, [None] * 3)
    # By a row of one place at a time: its own loss, its own weight.
    total = below = 0.0
    name = "counted" if "counted" in plain[0] else "weights"
    for example, given in zip(plain, weights, strict=True):
        for place in range(np.size(example["weights"])):
            only = np.zeros(np.shape(example["weights"]), np.float32)
            only[place if only.ndim else ()] = np.ravel(example["weights"])[place]
            weight = float(given[0] if objective.weighs == "documents" else given[place])
            count = float(np.ravel(example[name])[place])
            below += weight * count
            if only.any() and weight:
                batch = collate([example | {"weights": only}])
                total += weight * sum(
                    one.item() for one, _ in objective.loss(model, batch, np.random.default_rng(0)).terms.values()
                )
    assert found[0] == pytest.approx(total / below, rel=1e-6)
    assert_same(step(objective, model, examples, [slice(0, 1), slice(1, 3)]), found)


@pytest.mark.parametrize(("objective", "spec"), CASES, ids=lambda value: value.kind())
def test_a_weight_of_nothing_weighs_nothing(objective, spec):
    """Another target under a weight of 0 changes neither loss nor gradient; equal weights are none."""
    ones = [np.ones(8, np.float32)] * 3
    model, plain = prepared(objective, spec, [None] * 3)
    model, doubled = prepared(objective, spec, [2 * one for one in ones])
    assert_same(step(objective, model, doubled), step(objective, model, plain))
    out = [np.ones(8, np.float32), np.ones(8, np.float32), np.zeros(8, np.float32)]
    model, examples = prepared(objective, spec, out)
    assert_same(step(objective, model, examples), step(objective, model, examples[:2]))


def test_what_makes_other_tokens_carries_no_weights():
    carried = {kind for kind in Objective.kinds() if Objective.member(kind).weighs}
    assert carried >= {"causal", "masked", "masked_diffusion", "prefix", "multi_token", "classification", "sequence_to_sequence"}
    assert not carried & {"span_corruption", "mixture_of_denoisers", "infill", "permutation", "replaced_token"}


# -- from a file ------------------------------------------------------------------------------------------------------


def recipe(tmp_path, weights, objective="causal"):
    from telos.recipe import Run

    lines = [{"text": f"{i} 春眠不觉晓，处处闻啼鸟。 " + "the cat sat on the mat. " * 24, "w": weights(i)} for i in range(12)]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return Run.parse({
        "corpus": {"kind": "files", "path": str(tmp_path / "texts.jsonl"), "weight_field": "w"},
        "clean": {"dedup": []},
        "tokenizer": {"kind": "byte"},
        "model": MODEL.dump(),
        "objective": objective,
        "train": {"budget": "2 steps", "batch_tokens": 96, "precision": "fp32", "compile": False},
    })  # fmt: skip


def test_training_on_weighted_text(tmp_path):
    made = recipe(tmp_path, lambda i: [[0, 5, 0.0]] if i % 2 else 0.5)
    made.train(tmp_path / "run")
    from telos.tokens.store import TokenStore

    store = TokenStore.open(tmp_path / "run/tokens/train")
    assert set(store.weights.tolist()) == {0.0, 0.5, 1.0}
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert all(np.isfinite(line["nats_per_token"]) for line in lines if "nats_per_token" in line)


def test_weights_that_are_refused(tmp_path):
    with pytest.raises(TelosError) as error:
        recipe(tmp_path, lambda i: 0).train(tmp_path / "run")
    assert error.value.must == "weights of the training text must not all be 0"
    assert error.value.found.endswith("tokens, each of weight 0")
    with pytest.raises(TelosError) as error:
        recipe(tmp_path, lambda i: 1, "span_corruption").train(tmp_path / "other")
    assert error.value.must == "corpus.weight_field needs an objective that weighs tokens or documents as they come"
    assert error.value.found == "'span_corruption' makes others of them"
