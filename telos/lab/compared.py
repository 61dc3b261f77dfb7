"""What a comparison gives back: facts for a program, and tables for people.  Tests: tests/lab/test_compared.py."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telos.foundation.units import counted, format_bytes, format_count, format_seconds
from telos.lab.budget import Budget

_COSTS = (("parameters", format_count), ("seconds", format_seconds), ("steps", format_count), ("tokens", format_count),
          ("FLOPs", format_count), ("peak_memory_bytes", format_bytes))  # fmt: skip
EQUAL = {"seconds": "time", "tokens": "tokens", "FLOPs": "FLOPs"}
WORDS = {"better": "better", "worse": "worse", "tie": "tie", "not judged": "not judged"}


@dataclass(frozen=True, slots=True)
class Compared:
    """``facts``: report.json of the comparison."""

    folder: Path
    facts: dict[str, Any]

    @property
    def exit_code(self) -> int:
        """1 where a recipe failed, else 0."""
        return 1 if any("failed" in row for row in self.facts["recipes"]) else 0

    def summary(self) -> dict[str, Any]:
        """The facts that one JSON line holds."""
        return self.facts

    def winners(self) -> dict[str, str | None]:
        """Yardstick, and where it has several scales the scale → the recipe that wins; None for a tie."""
        found = {}
        for one in self.facts["yardsticks"]:
            groups = [group for group in one["groups"] if group["comparisons"]]
            for group in groups:
                found[one["kind"] if len(groups) == 1 else f"{one['kind']} ({group['comparable']})"] = group["winner"]
        return found

    def describe(self) -> str:
        """The same for people: what differs, what it took, each yardstick."""
        facts = self.facts
        lines = [header(facts), *varied_lines(facts), "", *_table(*costs(facts)), *failures(facts)]
        for one in facts["yardsticks"]:
            lines += ["", f"{one['title']} ({one['better']} is better): {one['measures']}"]
            for group in one["groups"]:
                scale, columns, rows = figures(group)
                lines += [f"  {scale}", *(f"    {line}" for line in _table(columns, rows)), *shown(group), f"  {group['says']}"]
            lines += [f"  not measured: {name}: {why}" for name, why in one["left_out"].items()]
        lines += ["", *facts["notes"], correction(facts), f"report: {facts['report']}"]
        return "\n".join(lines)


def header(facts: dict[str, Any]) -> str:
    """What is equal for all."""
    seeds = facts["seeds"]
    budget = Budget.parse(facts["budget"])
    each = f"{format_count(budget.value)} tokens" if budget.unit == "tokens" else str(budget)
    said = f"{counted(len(facts['recipes']), 'recipe')} at equal {EQUAL[facts['unit']]}, {each} each, "
    return said + f"{counted(len(seeds), 'seed')} ({', '.join(map(str, seeds))}), in turn"


def varied_lines(facts: dict[str, Any]) -> list[str]:
    """What differs, setting by setting."""
    if not facts["varied"]:
        return ["the recipes differ in nothing"]
    return ["they differ in", *(f"  {path}: {', '.join(f'{name} {_said(value)}' for name, value in values.items())}"
                                for path, values in facts["varied"].items())]  # fmt: skip


def _said(value: Any) -> str:
    return "—" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def costs(facts: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """(columns, rows): what the runs of each recipe took."""
    whole = [row for row in facts["recipes"] if "failed" not in row]
    shown = [(column, form) for column, form in _COSTS if any(column in row for row in whole)]
    columns = ["recipe", *(column.removesuffix("_bytes").replace("_", " ") for column, _ in shown)]
    return columns, [[row["name"], *(form(row[column]) if column in row else "" for column, form in shown)] for row in whole]


def failures(facts: dict[str, Any]) -> list[str]:
    """A line for each recipe that failed."""
    return [f"{row['name']} failed (seed {row['failed']['seed']}): {row['failed']['must']}; found: {row['failed']['found']}"
            for row in facts["recipes"] if "failed" in row]  # fmt: skip


def figures(group: dict[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    """(scale in words, columns, rows) of the figures of one kind."""
    items = counted(group["items"], "item") + (f" of {group['of_items']:,}" if group["items"] < group["of_items"] else "")
    compared = {one["name"]: one for one in group["comparisons"]}
    rows = []
    for place, one in enumerate(group["figures"], 1):
        value = "infinite" if one["value"] is None else f"{one['value']:.3f}"
        row = [str(place), one["name"], value, _between(one["ci95"], ""), " ".join(_short(v) for v in one["by_seed"])]
        if group["comparisons"]:
            row += _compared(one["name"], compared, group)
        beside = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in one["beside"].items())
        rows.append([*row, beside, one["kind"]])
    against = [f"less {group['reference']}", "interval", ""] if group["comparisons"] else []
    return (
        f"{group['comparable']}, {items}",
        ["", "recipe", "figure", "95 %", "by seed", *against, "beside", "kind"],
        rows,
    )


def shown(group: dict[str, Any]) -> list[str]:
    """What the models were shown, a line for all that saw the same."""
    saw: dict[str, list[str]] = {}
    for one in group["figures"]:
        if one["sees"]:
            saw.setdefault(one["sees"], []).append(one["name"])
    return [f"  shown to {', '.join(names) if len(saw) > 1 else 'all'}: {sees}" for sees, names in saw.items()]


def _compared(name: str, compared: dict[str, Any], group: dict[str, Any]) -> list[str]:
    if name not in compared:
        return ["", "", "winner" if group["winner"] == name else ""]
    one = compared[name]
    difference = "" if one["difference"] is None else f"{one['difference']:+.3f}"
    return [difference, _between(one["interval"], "+"), WORDS[one["verdict"]]]


def _short(value: float | None) -> str:
    return "infinite" if value is None else f"{value:.3f}"


def _between(interval: Sequence[float] | None, sign: str) -> str:
    return "" if interval is None else f"{interval[0]:{sign}.3f} to {interval[1]:{sign}.3f}"


def correction(facts: dict[str, Any]) -> str:
    """How the intervals were made, in a sentence or two."""
    seeds = len(facts["seeds"])
    over = "over items and seeds, paired" if seeds > 1 else "over items, paired; one seed, so seed noise is not measured"
    baseline = facts.get("against")
    held = f"against {baseline} are corrected for their number" if baseline else (
        "of the best against each other are corrected for the number of pairs")  # fmt: skip
    return (f"Intervals are {over}. Differences {held} (Holm, 5 % together on each yardstick); "
            "one whose interval holds 0 is a tie.")  # fmt: skip


def _table(columns: list[str], rows: list[list[str]]) -> list[str]:
    """Columns side by side, numbers to the right; a column of nothing is left out."""
    kept = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    widths = {i: max(_width(row[i]) for row in [columns, *rows]) for i in kept}
    right = {i for i in kept if all(not row[i] or row[i][0] in "0123456789+-" for row in rows)}

    def line(row: list[str]) -> str:
        cells = [" " * (widths[i] - _width(row[i])) + row[i] if i in right else row[i] + " " * (widths[i] - _width(row[i]))
                 for i in kept]  # fmt: skip
        return "  ".join(cells).rstrip()

    return [line(row) for row in [columns, *rows]]


def _width(text: str) -> int:
    """Columns of a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
