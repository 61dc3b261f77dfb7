"""YAML 1.2 scalars, places of values, and errors that name the line."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from telos.foundation import yaml
from telos.foundation.errors import TelosError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1.5E+2", 150.0), (".5", 0.5), ("3.", 3.0), ("-7", -7), ("+7", 7), ("007", 7),
        ("0x1F", 31), ("0o17", 15),
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"), ("NO", "NO"), ("true", True), ("False", False),
        ("12:30", "12:30"), ("1_000", "1_000"), ("2024-01-01", "2024-01-01"), ("null", None), ("~", None), ("", None),
        ("3m", "3m"), ("10%", "10%"), ("5M tokens", "5M tokens"), ("中文", "中文"), ("'1e-3'", "1e-3"), (".inf", float("inf")),
        ("-.inf", float("-inf")), ("1e3", 1000.0), ("e3", "e3"), ("-", [None]), ("[1, no, 1e-3]", [1, "no", 0.001]),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text, value):
    found = yaml.load(text)
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_read():
    assert yaml.load(".nan") != yaml.load(".nan")


words = [
    "no",
    "1e-3",
    "~",
    "",
    "0x1F",
    "true",
    "12",
    "1.5",
    ".5",
    "null",
    "-",
    "a: b",
    "#",
    "中文",
    "\n",
    "tab\t",
    "%",
    "2024-01-01",
]
scalars = (
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False)
    | some.text(some.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
    | some.sampled_from(words)
)
names = some.text("ab中1n", min_size=1, max_size=4)
plain = some.recursive(
    scalars, lambda inner: some.lists(inner, max_size=4) | some.dictionaries(names, inner, max_size=4), max_leaves=12
)


@given(plain)
def test_what_is_dumped_is_read_back(data):
    assert yaml.load(yaml.dump(data)) == data


def test_a_key_given_twice_is_an_error_with_both_lines():
    with pytest.raises(TelosError) as error:
        yaml.load("a: 1\nb: 2\na: 3\n", "my.yaml")
    assert error.value.must == "my.yaml: a key may stand once"
    assert error.value.found == "'a' in line 1 and in line 3"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: [1, 2\nb: 3\n", "expected ',' or ']', but got ':', line 2, column 2"),
        ("a:\n\tb: 1\n", "found character '\\t' that cannot start any token, line 2, column 1"),
        ("a: 1\n---\nb: 2\n", "but found another document, line 2, column 1"),
        ("a: !!python/object:os.system 1", None),
        ("a: {[1]: 2}", "a name must be a word, line 1, column 5"),
        ("a: 1\nb: \x00", "the character U+0000, line 2"),
        ("诗: \ud800", "the character U+D800, line 1"),
        ("a: !!int x", "'x' is no int, line 1, column 4"),
        ("a: !!bool 是", "'是' is no bool, line 1, column 4"),
        ("a: !!map x", "'x' is no map, line 1, column 4"),
        ("a: !!set {x, y}", "the tag !!set is none of a recipe's, line 1, column 4"),
        ("a: !!timestamp 2024-01-01", "the tag !!timestamp is none of a recipe's, line 1, column 4"),
        ("a: &x [*x]", "found unconstructable recursive node, line 1, column 4"),
        ("a: " + 5000 * "7", f"'{40 * '7'}' is no int, line 1, column 4"),
        (3000 * "[", "groups within groups, too deep"),
    ],
)
def test_broken_yaml_names_the_place(text, found):
    with pytest.raises(TelosError) as error:
        yaml.load(text, "my.yaml")
    assert error.value.must == "my.yaml must be valid YAML"
    assert found is None or error.value.found == found
    assert error.value.fix in ("mend that line", "mend it")


def test_lines_of_values():
    text = "corpus:\n  kind: files\n  path: texts\ntrain: {seed: 1}\n"
    assert yaml.lines(text) == {("corpus",): 1, ("corpus", "kind"): 2, ("corpus", "path"): 3, ("train",): 4, ("train", "seed"): 4}
