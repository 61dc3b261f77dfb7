"""A comparison in words: the table lines up, nothing undefined is shown."""

from telos.lab import verdicts
from telos.lab.compared import Compared
from tests.lab.test_verdicts import Lower, runs

FACTS = {
    "budget": "3m", "unit": "seconds", "seeds": [1, 2, 3], "against": None, "notes": [], "report": "out/report.html",
    "recipes": [{"name": "甲", "parameters": 12345, "seconds": 170.0}, {"name": "long-name", "seconds": 9.0, "tokens": 5e6}],
    "varied": {"model.tie_embeddings": {"甲": True, "long-name": None}},
}  # fmt: skip


def described(results, **named):
    verdict = verdicts.judge(Lower(), results, {}, named.get("against"))
    return Compared(None, FACTS | named | {"yardsticks": [verdict.facts()]})


def test_the_table_lines_up():
    found = described({"甲": runs(2.0, number=1), "long-name": runs(1.5, number=2)})
    lines = found.describe().splitlines()
    assert "2 recipes at equal time, 3m each, 3 seeds (1, 2, 3), in turn" in lines
    assert "  model.tie_embeddings: 甲 true, long-name —" in lines
    head = next(i for i, line in enumerate(lines) if line.startswith("recipe "))
    assert lines[head : head + 3] == ["recipe     parameters  seconds  tokens",
                                      "甲              12.3k   2m 50s",
                                      "long-name                 9.0s      5M"]  # fmt: skip
    assert any("winner" in line and "long-name" in line for line in lines)
    assert any("worse" in line and "甲" in line for line in lines)
    assert found.winners() == {"test_verdicts": "long-name"}
    assert found.exit_code == 0


def test_a_scale_of_one_has_no_winner():
    bound = runs(1.0, number=2, comparable="bound", kind="bound")
    found = described({"甲": runs(2.0, number=1), "long-name": bound})
    assert found.winners() == {}
    assert "winner" not in found.describe()


def test_correction_is_stated():
    results = {"甲": runs(2.0, number=1), "long-name": runs(1.5, number=2)}
    assert (
        "Differences of the best against each other are corrected for the number of pairs (Holm, 5 %"
        in described(results).describe()
    )
    said = described(results, against="甲").describe()
    assert "Differences against 甲 are corrected" in said
    assert "long-name is better than 甲." in said


def test_budgets_in_words():
    results = {"甲": runs(2.0, number=1), "long-name": runs(1.5, number=2)}
    for budget, unit, words in (
        ("5e9 FLOPs", "FLOPs", "at equal FLOPs, 5 GFLOPs each"),
        ("20k tokens", "tokens", "20k tokens each"),
    ):
        assert words in described(results, budget=budget, unit=unit).describe()
