"""Specs: families found by folder, data there and back, hashes, and errors by their text."""

import sys
import textwrap
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from telos.foundation.errors import SpecError, TelosError
from telos.foundation.spec import Spec, stable_hash
from telos.foundation.units import Duration

BASE = """
from typing import Any
from pydantic import model_validator
from telos.foundation.spec import Spec

class Fruit(Spec, family="{package}", default="apple"):
    pass
"""
APPLE = """
from pydantic import Field
from {package} import Fruit

class Apple(Fruit):
    weight_grams: float = Field(150.0, gt=0)
    colours: tuple[str, ...] = ("red",)
"""
QUINCE = """
from pydantic import model_validator
from {package} import Fruit

class Quince(Fruit):
    low: int = 1
    high: int = 2
    seed_of: Fruit | None = None

    @model_validator(mode="after")
    def _ordered(self):
        if self.low > self.high:
            raise ValueError("low must not exceed high")
        return self
"""


@pytest.fixture(scope="module")
def Fruit(tmp_path_factory) -> type[Spec]:
    """A family in a package of its own, made for this test."""
    folder = tmp_path_factory.mktemp("family")
    package = folder / "orchard"
    package.mkdir()
    files = {"__init__": BASE, "apple": APPLE, "quince": QUINCE, "broken": "raise RuntimeError('imported')", "_hidden": ""}
    for name, text in files.items():
        (package / f"{name}.py").write_text(textwrap.dedent(text.format(package="orchard")))
    (package / "subfolder").mkdir()
    (package / "subfolder" / "__init__.py").write_text("")
    sys.path.insert(0, str(folder))
    try:
        yield __import__("orchard").Fruit
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == "orchard"]:
            del sys.modules[name]


@pytest.fixture(scope="module")
def Basket(Fruit) -> type[Spec]:
    class Crate(Spec):
        holds: Fruit | None = None
        place: str

    class Basket(Spec):
        best: Fruit = Fruit.parse("apple")
        rest: list[Fruit] = Field([])
        label: str = "果篮"
        fresh: Literal["auto"] | bool = "auto"
        crates: tuple[Crate, ...] = ()
        keeps: Duration = Duration.parse("2 epochs")
        handles: int | None = None

    return Basket


# -- families -------------------------------------------------------------------------------------------------------


def test_kinds_are_the_files_of_the_folder_and_only_the_named_one_is_imported(Fruit):
    assert Fruit.kinds() == ["apple", "broken", "quince"]
    assert Fruit.member("apple").kind() == "apple"
    assert "orchard.broken" not in sys.modules
    with pytest.raises(RuntimeError, match="imported"):
        Fruit.member("broken")


@pytest.mark.parametrize("given", ["apple", {"kind": "apple"}, {}, {"kind": "apple", "weight_grams": 150}])
def test_a_member_from_word_mapping_or_default(Fruit, Basket, given):
    assert Basket(best=given).best == Fruit.member("apple")()
    assert Fruit.parse(given) == Fruit.member("apple")()


def test_a_member_dumps_as_its_own_class(Fruit, Basket):
    quince = Fruit.member("quince")(high=9, seed_of={"kind": "apple", "weight_grams": 7})
    basket = Basket(best=quince, rest=["apple", quince])
    dumped = basket.dump()
    assert dumped["best"] == {"kind": "quince", "low": 1, "high": 9,
                              "seed_of": {"kind": "apple", "weight_grams": 7.0, "colours": ["red"]}}  # fmt: skip
    assert basket.model_dump()["best"] == dumped["best"]
    assert Basket.parse(dumped) == basket
    assert Basket.from_yaml(basket.to_yaml()) == basket
    assert "果篮" in basket.to_yaml()


@pytest.mark.parametrize(
    ("given", "must", "found", "fix"),
    [
        ({"best": "aple"}, "best.kind: must be one of apple, broken, quince", "'aple'", "write 'apple'"),
        ({"best": {"kind": "zzz"}}, "best.kind: must be one of apple, broken, quince", "'zzz'", "choose one of the names above"),
        ({"best": 3}, "best: must be a mapping with a 'kind' (apple, broken, quince)", "3", "write {kind: apple}"),
        ({"best": {"wieght_grams": 3}}, "best.wieght_grams: valid names here are colours, weight_grams",
         "unknown name 'wieght_grams'", "write 'weight_grams'"),
        ({"best": {"weight_grams": "heavy"}},
         "best.weight_grams: must be a valid number, unable to parse string as a number", "'heavy' (str)",
         "change it to such a value"),
        ({"best": {"weight_grams": float("nan")}}, "best.weight_grams: must be a finite number", "nan (float)",
         "change it to such a value"),
        ({"best": {"kind": "quince", "low": 5}}, "best: low must not exceed high", "{'low': 5}", "change one of them"),
        ({"best": {"kind": "quince", "seed_of": {"weight_grams": -1}}}, "best.seed_of.weight_grams: must be greater than 0",
         "-1 (int)", "change it to such a value"),
        ({"lable": "x"}, "lable: valid names here are best, crates, fresh, handles, keeps, label, rest",
         "unknown name 'lable'", "write 'label'"),
        ({"handles": 2**63}, "handles: must be a whole number of 64 bits", "9223372036854775808", "change it"),
        ({"handles": -(2**63) - 1}, "handles: must be a whole number of 64 bits", "-9223372036854775809", "change it"),
        ({"rest": ["apple", "aple"]}, "rest.1.kind: must be one of apple, broken, quince", "'aple'", "write 'apple'"),
        ({"rest": [{"colour": []}]}, "rest.0.colour: valid names here are colours, weight_grams", "unknown name 'colour'",
         "write 'colours'"),
        ({"crates": [{"place": "左", "holds": {"kind": "quince", "seed_of": 3}}]},
         "crates.0.holds.seed_of: must be a mapping with a 'kind' (apple, broken, quince)", "3", "write {kind: apple}"),
        ({"crates": [{"plaec": "左"}]}, "crates.0.plaec: valid names here are holds, place", "unknown name 'plaec'",
         "write 'place'"),
        ({"fresh": "perhaps"}, "fresh: must be 'auto', or must be a valid boolean, unable to interpret input", "'perhaps' (str)",
         "change it to such a value"),
        ({"best": {"colours": "red"}}, "best.colours: must be a valid tuple", "'red' (str)", "put it in brackets: [red]"),
        ({"zzz": 1}, "zzz: valid names here are best, crates, fresh, handles, keeps, label, rest", "unknown name 'zzz'",
         "remove 'zzz'"),
        ({"keeps": "3 bananas"}, "keeps: must be a duration such as 3m, 90s, 2000 steps, 5M tokens, 2 epochs or 10%",
         "'3 bananas'", "change it"),
        ([1], "recipe: must be a mapping of settings", "[1]", "write 'name: value' lines"),
        ({1: 2}, "recipe: names of settings must be words", "1", "rename or remove it"),
    ],
)  # fmt: skip
def test_errors_name_the_place_what_was_found_and_the_remedy(Basket, given, must, found, fix):
    with pytest.raises(SpecError) as error:
        Basket.parse(given)
    assert (error.value.must, error.value.found, error.value.fix) == (must, found, fix)


def test_a_missing_setting_is_named():
    class Needy(Spec):
        path: str

    with pytest.raises(SpecError) as error:
        Needy()
    assert (error.value.must, error.value.found, error.value.fix) == ("path: must be given", "nothing", "add 'path: …'")


def test_an_error_is_three_lines_and_stands_under_its_place():
    error = SpecError(("rate",), "must be positive", "-1", "raise it").under("optimizer")
    assert str(error) == "optimizer.rate: must be positive\n  found: -1\n  to do: raise it"
    assert isinstance(error, TelosError)
    assert error.exit_code == 2


# -- values ---------------------------------------------------------------------------------------------------------


def test_a_spec_cannot_be_changed_but_replaced(Basket):
    basket = Basket()
    with pytest.raises(Exception, match="frozen"):
        basket.label = "x"
    assert basket.replace(label="x").label == "x"
    assert basket.label == "果篮"
    with pytest.raises(SpecError):
        basket.replace(handles="two")


def test_different_settings_have_different_hashes(Fruit, Basket):
    variants = [Basket(), Basket(best="quince"), Basket(best={"weight_grams": 151}), Basket(rest=["apple"]), Basket(label=""),
                Basket(keeps="2 steps"), Basket(handles=0), Basket(handles=1), Basket(rest=["apple", "apple"])]  # fmt: skip
    hashes = [one.hash() for one in variants]
    assert len(set(hashes)) == len(variants)
    assert all(len(one) == 16 for one in hashes)


def test_equal_settings_have_equal_hashes_however_they_were_written(Basket):
    assert Basket(best={"colours": ["red"], "kind": "apple"}, keeps="2epochs").hash() == Basket().hash()
    assert stable_hash({"a": 1, "b": [1.5, None]}) == stable_hash({"b": [1.5, None], "a": 1})


def test_the_hash_is_the_same_in_every_process_and_version():
    """Run folders are keyed by it: were this text to change, every stored stage would be done again."""
    assert stable_hash({"kind": "x", "n": 1}) == "ed456762f603d086"


def test_kind_is_the_files_stem(Fruit):
    assert Path(sys.modules[Fruit.member("quince").__module__].__file__).stem == Fruit.member("quince").kind() == "quince"


def test_a_field_may_have_another_name_in_recipes():
    """Where the word is taken: `Run.train` is what it does, ``train:`` are its settings."""

    class Walk(Spec):
        pace: int = Field(5, alias="walk")

        def walk(self) -> int:
            return self.pace

    walk = Walk(walk=6)
    assert walk.dump() == {"walk": 6}
    assert Walk.parse(walk.dump()) == walk
    assert walk.replace(walk=7).walk() == 7
    with pytest.raises(SpecError) as error:
        Walk(pace=6)
    assert error.value.must == "pace: valid names here are walk"
