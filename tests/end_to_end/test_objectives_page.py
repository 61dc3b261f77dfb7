"""The page of compared objectives: a row each, the best and its ties bold, marks kept."""

import importlib.util

import pytest


@pytest.fixture(scope="module")
def page(root):
    spec = importlib.util.spec_from_file_location("objectives_page", root / "benchmarks/objectives_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def figure(name, value, **beside):
    return {"name": name, "value": value, "beside": beside}


FACTS = {
    "recipes": [{"name": name, "tokens": 2.5e6} for name in ("causal", "masked", "permutation")],
    "yardsticks": [
        {"kind": "bits_per_byte", "groups": [
            {"comparable": "likelihood", "reference": "causal", "comparisons": [], "figures": [figure("causal", 1.5)]},
            {"comparable": "a bound on the likelihood", "reference": None, "comparisons": [],
             "figures": [figure("permutation", None)]}]},
        {"kind": "cloze", "groups": [
            {"comparable": "accuracy among words", "reference": "masked", "figures":
             [figure("masked", 0.5), figure("causal", 0.45, judge_bits_per_byte=2.25), figure("permutation", 0.1)],
             "comparisons": [{"name": "causal", "verdict": "tie"}, {"name": "permutation", "verdict": "worse"}]}]},
    ],
}  # fmt: skip


def test_a_row_for_each_recipe(page):
    lines = page.table(FACTS, 0).splitlines()
    assert lines[0] == "| objective | tokens | bits per byte ↓ | cloze ↑ | judge, bits per byte |"
    assert lines[2:] == [
        "| `causal` | 2.5M | 1.500 | **0.450** | 2.250 |",
        "| `masked` | 2.5M | — | **0.500** | — |",
        "| `permutation` | 2.5M | ∞ (bound) | 0.100 | — |",
    ]


def test_what_stands_around_the_marks_stays(page):
    before = "# Title\n<!-- english -->\nold\n<!-- end -->\nmiddle\n<!-- chinese -->\nold\n<!-- end -->\nend\n"
    after = page.between(before, "english", "new")
    assert after == before.replace("old", "new", 1)
