"""`name.name=value` laid over a recipe."""

import pytest

from telos.foundation import overrides
from telos.foundation.errors import TelosError

DATA = {"objective": "causal", "optimizer": {"kind": "muon", "learning_rate": 0.02}, "train": {"seed": 1}}


@pytest.mark.parametrize(
    ("given", "path", "value"),
    [
        ("train.seed=2", ("train", "seed"), 2),
        ("optimizer.learning_rate=1e-3", ("optimizer", "learning_rate"), 0.001),
        ("corpus.language=no", ("corpus", "language"), "no"),
        ("corpus.path=a=b", ("corpus", "path"), "a=b"),
        ("corpus.path=中文 文件", ("corpus", "path"), "中文 文件"),
        ("train.budget=3m", ("train", "budget"), "3m"),
        ("model.stop=[1, 2]", ("model", "stop"), [1, 2]),
        ("train.note=", ("train", "note"), None),
        ("objective.mask_documents=false", ("objective", "mask_documents"), False),
    ],
)
def test_a_value_is_read_as_yaml(given, path, value):
    assert overrides.is_override(given)
    found = overrides.apply(DATA, [given])
    assert found[path[0]][path[1]] == value
    assert DATA["train"] == {"seed": 1}, "the data given stays as it was"


def test_a_group_can_be_set_whole_and_the_last_word_counts():
    assert overrides.apply(DATA, ["train={seed: 3, budget: 1m}", "train.seed=4"])["train"] == {"seed": 4, "budget": "1m"}


def test_a_short_form_is_opened():
    assert overrides.apply(DATA, ["objective.mask_documents=true"])["objective"] == {"kind": "causal", "mask_documents": True}


def test_changing_the_kind_drops_the_old_kinds_settings():
    assert overrides.apply(DATA, ["optimizer.kind=adamw"])["optimizer"] == {"kind": "adamw"}
    assert overrides.apply(DATA, ["optimizer.kind=muon"])["optimizer"] == DATA["optimizer"]
    both = overrides.apply(DATA, ["optimizer.kind=adamw", "optimizer.learning_rate=0.1"])
    assert both["optimizer"] == {"kind": "adamw", "learning_rate": 0.1}


def test_settings_beside_a_new_kind_stand_wherever_they_are_given():
    both = overrides.apply(DATA, ["optimizer.learning_rate=0.1", "optimizer.kind=adamw"])
    assert both["optimizer"] == {"kind": "adamw", "learning_rate": 0.1}
    kinds = {"tokenizer": "bpe"}
    for words in (["tokenizer.vocab_size=400", "tokenizer.kind=bpe"], ["tokenizer.kind=bpe", "tokenizer.vocab_size=400"]):
        assert overrides.apply({}, words, kinds)["tokenizer"] == {"kind": "bpe", "vocab_size": 400}
        assert overrides.apply({}, words)["tokenizer"] == {"kind": "bpe", "vocab_size": 400}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["objective.mask_fraction=0.4", "objective=masked"], {"kind": "masked", "mask_fraction": 0.4}),
        (["objective.kind=masked", "objective.mask_fraction=0.4", "objective=causal"], {"kind": "causal", "mask_fraction": 0.4}),
        (["objective.terms=[z_loss]", "objective={kind: mix, by: sum}"], {"kind": "mix", "by": "sum", "terms": ["z_loss"]}),
        (["objective.by=row", "objective={kind: mix, by: sum}"], {"kind": "mix", "by": "sum"}),
        (["objective=masked", "objective=prefix"], "prefix"),
        (["objective.terms.0.amount=0.2", "objective=prefix"], {"kind": "prefix", "terms": [{"amount": 0.2}]}),
    ],
)
def test_a_short_form_or_a_whole_group_loses_no_setting_that_was_given_before(words, found):
    data = {"objective": {"kind": "infill", "rate": 0.5, "terms": [{"amount": 0.1}]}}
    assert overrides.apply(data, words)["objective"] == found


def test_a_group_without_a_kind_is_of_the_default_kind():
    data, kinds = {"model": {"num_layers": 6}}, {"model": "transformer"}
    assert overrides.apply(data, ["model.kind=transformer"], kinds)["model"] == {"kind": "transformer", "num_layers": 6}
    assert overrides.apply(data, ["model.kind=ngram"], kinds)["model"] == {"kind": "ngram"}
    assert overrides.apply(data, ["model.kind=ngram", "model.order=3"], kinds)["model"] == {"kind": "ngram", "order": 3}


def test_an_entry_of_a_list_is_named_by_its_number():
    data = {"optimizer": {"groups": [{"match": "a"}, {"match": "b"}], "betas": [0.9, 0.95]}}
    found = overrides.apply(data, ["optimizer.groups.1.match=层", "optimizer.betas.0=0.8"])["optimizer"]
    assert found == {"groups": [{"match": "a"}, {"match": "层"}], "betas": [0.8, 0.95]}
    assert data["optimizer"]["betas"] == [0.9, 0.95]


@pytest.mark.parametrize(
    ("given", "must", "found", "fix"),
    [
        ("groups.2.match=x", "groups.2.match: '2' must be the number of an entry of groups, from 0", "2 entries",
         "set groups itself"),
        ("groups.match=x", "groups.match: 'match' must be the number of an entry of groups, from 0", "2 entries",
         "set groups itself"),
        ("other.0=x", "other.0: 'other' must be a list, whose entries have numbers", "no 'other'", "set other itself"),
        ("word.0=x", "word.0: 'word' must be a list, whose entries have numbers", "'word' is {'kind': 'x'}", "set word itself"),
    ],
)  # fmt: skip
def test_an_entry_that_is_not_there(given, must, found, fix):
    assert overrides.split_arguments([given]) == ([], [given]), "an override, never a path"
    with pytest.raises(TelosError) as error:
        overrides.apply({"groups": [{"match": "a"}, {"match": "b"}], "word": "x"}, [given])
    assert (error.value.must, error.value.found, error.value.fix) == (must, found, fix)


@pytest.mark.parametrize("argument", ["my_texts/", "a/b=c", "=x", "1a=2", "a..b=1", "recipe.yaml", "./a=1", "a.=1"])
def test_what_is_no_override_is_a_path(argument):
    assert not overrides.is_override(argument)


def test_arguments_are_parted_in_their_order():
    assert overrides.split_arguments(["x", "b=2", "y/", "a=1"]) == (["x", "y/"], ["b=2", "a=1"])


def test_errors():
    with pytest.raises(TelosError) as error:
        overrides.apply(DATA, ["train.seed.deep=1"])
    assert error.value.must == "train.seed.deep: every part before the last must be a group of settings"
    assert (error.value.found, error.value.fix) == ("'seed' is 1", "set seed itself")
    with pytest.raises(TelosError) as error:
        overrides.apply(DATA, ["seed"])
    assert error.value.must == "an override must have the form name.name=value"
    with pytest.raises(TelosError) as error:
        overrides.apply(DATA, ["train.seed=[1"])
    assert error.value.must == "the value of train.seed must be valid YAML"


def test_a_pattern_is_a_word_and_not_an_alias():
    assert overrides.apply({}, ["corpus.include=*.md", "a.b=&x", "c=!d"]) == {
        "corpus": {"include": "*.md"},
        "a": {"b": "&x"},
        "c": "!d",
    }
