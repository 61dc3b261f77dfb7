"""The report of a comparison: report.html, self-contained, and report.json, the same facts.  Tests: tests/lab/test_page.py."""

from collections.abc import Mapping, Sequence
from typing import Any

from telos.foundation import files
from telos.foundation.page import templates
from telos.lab import compared, plots
from telos.lab.budget import Unit
from telos.lab.curves import Curve
from telos.lab.folder import PAGE, REPORT, Folder
from telos.lab.verdicts import Verdict


def write(
    folder: Folder, facts: dict[str, Any], verdicts: Sequence[Verdict], curves: Mapping[str, Sequence[Curve]], unit: Unit
) -> None:  # fmt: skip
    """Both files, each replaced whole."""
    files.write_file(folder.path / PAGE, html(facts, verdicts, curves, unit))
    files.write_json(folder.path / REPORT, facts)


def html(facts: dict[str, Any], verdicts: Sequence[Verdict], curves: Mapping[str, Sequence[Curve]], unit: Unit) -> str:
    """The page: one file without any reference to another."""
    names = [row["name"] for row in facts["recipes"]]
    shown = []
    for told, verdict in zip(facts["yardsticks"], verdicts, strict=True):
        drawn = plots.figures(verdict, names) if verdict.groups else None
        tables = [(*compared.figures(group), group["says"], compared.shown(group)) for group in told["groups"]]
        shown.append((told, drawn, tables))
    learning = [(figure, plots.learning(figure, drawn, unit, names)) for figure, drawn in curves.items()]
    page = templates("telos.lab", html=True).get_template("comparison.html.jinja")
    return page.render(facts=facts, header=compared.header(facts), costs=compared.costs(facts), failures=compared.failures(facts),
                       yardsticks=shown, learning=learning, names=names, correction=compared.correction(facts))  # fmt: skip
