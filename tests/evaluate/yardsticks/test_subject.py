"""What a model was trained for, read from its folder; how each can be asked."""

import json

import pytest
import torch

from telos.evaluate.yardsticks import Subject, Yardstick
from telos.evaluate.yardsticks._subject import asked_of, way_of
from telos.models.saved import save_model
from telos.objectives import Objective, _saved

WAYS = {"causal": "left_to_right", "gru": "left_to_right", "prefix": "left_to_right", "multi_token": "left_to_right",
        "infill": "infill", "masked": "masked", "masked_diffusion": "masked", "permutation": "permuted", "spans_causal": "spans",
        "spans_prefix": "spans", "spans_both": "spans", "replaced_token": "detection"}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_each_has_its_way(subject, name):
    assert subject(name).way == WAYS[name]


def test_what_is_trained_for_classes_or_pairs_has_none(subject):
    one = subject("causal")
    assert way_of(one.model, Objective.parse("classification")) is None
    assert way_of(one.model, Objective.parse("sequence_to_sequence")) is None
    assert way_of(one.model, None) == "left_to_right"
    assert way_of(subject("masked").model, None) is None, "nobody says how an encoder from elsewhere was trained"


@pytest.mark.parametrize("name", ["causal", "infill", "permutation", "spans_both", "replaced_token"])
def test_there_and_back(subject, tmp_path, name):
    """Of what scores text the recipe in the lineage says the objective, of others objective.json."""
    one = subject(name)
    texts = one.objective.scores_text
    lineage = {"settings": {"objective": one.objective.dump()}} if texts else {}
    save_model(one.model, one.tokenizer, tmp_path / "model", card="", lineage=lineage,
               also=None if texts else lambda to: _saved.save(to, one.objective, one.owned, ()))  # fmt: skip
    found = Subject.load(tmp_path / "model")
    assert found.objective == one.objective
    assert found.way == one.way
    assert (found.owned is None) == (one.owned is None)
    if one.owned is not None:
        assert all(torch.equal(a, b) for a, b in zip(found.owned.parameters(), one.owned.parameters(), strict=True))


def test_a_model_without_lineage_reads_from_left_to_right(subject, ngram, tmp_path):
    for name, one in {"a": subject("causal"), "b": ngram(["a cat"])}.items():
        save_model(one.model, one.tokenizer, tmp_path / name, card="", lineage={})
        assert json.loads((tmp_path / name / "lineage.json").read_text()) == {}
        found = Subject.load(tmp_path / name)
        assert found.objective is None
        assert found.way == "left_to_right"


def test_of_several_objectives_one_says_how_it_is_asked(subject):
    one = subject("causal")
    classes, masked, causal, spans, detection = map(
        Objective.parse, ("classification", "masked", "causal", "span_corruption", "replaced_token")
    )
    assert asked_of(one.model, [classes, masked, causal]) == causal
    assert asked_of(one.model, [detection, spans, masked]) == spans
    assert asked_of(one.model, [classes, detection]) is None


def test_dropout_is_off_meanwhile_and_threads_are_as_before(subject):
    one, threads = subject("causal"), torch.get_num_threads()
    one.model.train()
    with one.still(1):
        assert not one.model.training
        assert torch.get_num_threads() == 1
    assert one.model.training
    assert torch.get_num_threads() == threads
    one.model.eval()


@pytest.mark.parametrize("kind", Yardstick.kinds())
@pytest.mark.parametrize("name", [*WAYS, "ngram", "classes"])
def test_every_yardstick_applies_or_says_why_not(subject, ngram, kind, name):
    yardstick = Yardstick.parse(kind)
    if name == "classes":
        one = Subject(subject("causal").model, subject("causal").tokenizer, Objective.parse("classification"))
    else:
        one = ngram(["a cat"]) if name == "ngram" else subject(name)
    reason = yardstick.applies(one)
    assert reason is None or reason.startswith(f"'{one.model.spec.kind()}'")
    for said in (yardstick.title, yardstick.unit, yardstick.measures, yardstick.comparable):
        assert said
    assert yardstick.better in ("lower", "higher")


def test_a_model_of_numbers_is_read_with_its_head(subject, tmp_path):
    """Mean and deviation of the numbers come with the head; a yardstick that does not ask for them needs none."""
    one = subject("causal")
    objective = Objective.parse("regression")
    owned = objective.build(one.model, one.model.vocabulary.with_value_scale((3.0, 2.0)))
    save_model(one.model, one.tokenizer, tmp_path / "model", card="", lineage={},
               also=lambda to: _saved.save(to, objective, owned, ()))  # fmt: skip
    found = Subject.load(tmp_path / "model")
    assert (float(found.owned.mean), float(found.owned.scale)) == (3, 2)
    assert Yardstick.parse("linear_probe").applies(found) is None
