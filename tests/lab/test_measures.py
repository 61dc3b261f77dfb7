"""Which yardsticks are taken, and with which settings."""

import pytest

from telos.foundation.errors import TelosError
from telos.lab import entries, measures
from telos.lab.budget import Budget
from telos.lab.folder import Materials
from telos.recipe import Run


def entered(*cleans):
    corpus = {"kind": "files", "path": "x"}
    return entries.read([Run.parse({"corpus": corpus, "clean": clean}) for clean in cleans], [], Budget.parse("1m"))


SAME, APART = entered({}, {}), entered({}, {"width": "half"})


def test_all_for_which_there_is_material():
    chosen, notes = measures.choose(None, [], Materials(), SAME)
    kinds = {one.kind() for one in chosen}
    assert {"bits_per_byte", "cloze"} <= kinds
    assert not kinds & {"minimal_pairs", "linear_probe"}
    assert "minimal pairs is left out: yardstick 'minimal_pairs' needs --pairs FILE; found: no --pairs." in notes
    chosen, _ = measures.choose(None, [], Materials(pairs="p.jsonl"), APART)
    assert [one.kind() for one in chosen] == ["minimal_pairs"]


def test_settings_of_yardsticks():
    settings, rest = measures.split(["cloze.words=7", "model.num_layers=2"])
    assert (settings, rest) == (["cloze.words=7"], ["model.num_layers=2"])
    chosen, _ = measures.choose(["cloze"], settings, Materials(), SAME)
    assert chosen[0].words == 7


def refused(*arguments):
    with pytest.raises(TelosError) as error:
        measures.choose(*arguments)
    return error.value.must, error.value.found


def test_what_is_refused():
    assert refused(["bits_per_byte"], ["cloze.words=7"], Materials(), SAME) == (
        "a setting must be of a yardstick that is taken (bits_per_byte)", "cloze.…")  # fmt: skip
    assert refused(["cloze"], ["cloze=7"], Materials(), SAME)[0] == "settings of a yardstick are written cloze.NAME=VALUE"
    assert refused(["minimal_pairs"], [], Materials(), SAME) == ("yardstick 'minimal_pairs' needs --pairs FILE", "no --pairs")
    assert refused(["cloze", "cloze"], [], Materials(), SAME) == ("each yardstick must be given once", "cloze twice")
    assert refused(["bits_per_byte"], [], Materials(), APART) == (
        "yardstick 'bits_per_byte' needs the same held-out text for all recipes", "recipes of different corpora (clean.width)"
    )  # fmt: skip
    assert refused(None, [], Materials(), APART)[0] == "a comparison needs at least one yardstick"
    assert measures.choose(["bits_per_byte"], [], Materials(texts="held.txt"), APART)[0]
