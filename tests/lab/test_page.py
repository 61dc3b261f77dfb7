"""The page: everything escaped, nothing fetched, a plot for each yardstick."""

import math
import re

import numpy as np
import pytest

from telos.evaluate.yardsticks import Measured
from telos.lab import page, verdicts
from telos.lab.curves import Curve
from tests.lab.test_verdicts import Lower, runs


@pytest.fixture
def facts():
    return {
        "budget": "3m", "unit": "seconds", "seeds": [1, 2, 3], "against": None, "notes": ["A note."],
        "recipes": [{"name": "<b>"}, {"name": "乙", "parameters": 1000},
                    {"name": "c", "failed": {"must": "m", "found": "f", "seed": 2}}],
        "varied": {"model.order": {"<b>": 1, "乙": None, "c": 3}}, "machine": {"cores": 2, "memory_bytes": 1e9},
    }  # fmt: skip


def rendered(facts, results, curves=None):
    verdict = verdicts.judge(Lower(), results, {"c": "it <cannot>"})
    return page.html(facts | {"yardsticks": [verdict.facts()]}, [verdict], curves or {}, "seconds")


def test_all_that_there_is(facts):
    drawn = {"bits_per_byte": [Curve(name, seed, [1.0, 2.0], [4.0, 3.0]) for name in ("<b>", "乙") for seed in (1, 2, 3)]}
    text = rendered(facts, {"<b>": runs(2.0, number=1), "乙": runs(1.0, number=2)}, drawn)
    assert "<b>" not in text.replace("<body>", "")
    assert "&lt;b&gt;" in text
    assert "it &lt;cannot&gt;" in text
    assert "乙 wins" in text
    assert "c failed (seed 2): m; found: f" in text
    assert "A note." in text
    assert text.count('aria-label="figures-test-verdicts"') == 1
    assert text.count('aria-label="learning-bits-per-byte"') == 1
    assert not re.search(r'(src|href)="[^#]|url\([^#]', text)


def test_kinds_have_tables_of_their_own(facts):
    bound = runs(1.0, number=2, comparable="bound", kind="bound")
    text = rendered(facts, {"<b>": runs(2.0, number=1), "乙": bound})
    assert "likelihood, 60 items" in text
    assert "bound, 60 items" in text
    assert "wins" not in text


def test_what_is_infinite_is_told_and_not_drawn(facts):
    worst = [Measured([str(i) for i in range(60)], np.full(60, math.inf), np.ones(60), "exact", "likelihood")] * 3
    text = rendered(facts, {"<b>": worst, "乙": runs(1.0, number=2)})
    assert "infinite" in text
