"""What the facts in corpus.json say, put together for a reader: by the page, the data card and the terminal.

Test: tests/corpus/test_report.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from telos.corpus.personal_data import placeholder
from telos.corpus.steps import Step
from telos.foundation.units import format_bytes


@dataclass(frozen=True, slots=True)
class Reason:
    """Why documents went: ``share_of_stage`` of those that came to the stage, ``share_of_all`` of those that were read, 0–1."""

    stage: str
    reason: str
    documents: int
    bytes: int
    share_of_stage: float
    share_of_all: float


def totals(facts: dict[str, Any]) -> dict[str, int]:
    """``documents`` (one that is cut by position counts once), ``bytes`` and ``characters`` of all splits together."""
    sums = {name: sum(part[name] for part in facts["splits"].values()) for name in ("bytes", "characters")}
    return {"documents": facts["funnel"][-1]["documents_out"]} | sums


def reasons(facts: dict[str, Any]) -> list[Reason]:
    """In the order of the stages, those with most documents first."""
    whole = facts["funnel"][0]["documents_in"] if facts["funnel"] else 0
    return [
        Reason(
            stage=stage["stage"], reason=reason, documents=n, bytes=stage["dropped_bytes"].get(reason, 0),
            share_of_stage=n / max(1, stage["documents_in"]), share_of_all=n / max(1, whole),
        )
        for stage in facts["funnel"]
        for reason, n in sorted(stage["dropped"].items(), key=lambda item: (-item[1], item[0]))
    ]  # fmt: skip


def personal_data(facts: dict[str, Any], steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Of each stage that masks: ``stage``, ``replacement`` and ``found``: [type, occurrences, what stands in its place];
    ``absent``: types that were looked for and not found."""
    made = []
    for step in steps:
        if not step.conceals:
            continue
        counts = {name: n for name, n in facts["counts"].get(step.name, {}).items() if not name.startswith("spans_")}
        looked_for = [one["kind"] for one in step.settings.get("types", ()) if isinstance(one, dict)]
        names = sorted({*counts, *looked_for}, key=lambda name: (-counts.get(name, 0), name))
        masked = step.settings.get("replacement", "placeholder") == "placeholder"
        found = [[name, counts[name], placeholder(name) if masked else "a made-up value"] for name in names if counts.get(name)]
        made.append({"stage": step.name, "replacement": step.settings.get("replacement", "placeholder"), "found": found,
                     "absent": [name for name in names if not counts.get(name)]})  # fmt: skip
    return made


def warnings(facts: dict[str, Any]) -> list[str]:
    """What a reader must know before the figures."""
    found = [facts["split_note"]] if facts["split_note"] else []
    for stage in facts["funnel"]:
        if left_out := stage["dropped_bytes"].get("not_sampled"):
            whole = format_bytes(stage["bytes_in"])
            found.append(f"{format_bytes(left_out)} of {whole} were left out, chosen by a hash of the text.")
    unread = facts["unread"]
    if unread["files"]:
        found.append(
            f"{unread['files']:,} files ({format_bytes(unread['bytes'])}) were not read, chosen by a hash of their names."
        )
    if broken := sum(stage["dropped"].get("quarantined", 0) for stage in facts["funnel"]):
        found.append(f"{broken:,} {'input' if broken == 1 else 'inputs'} could not be read, named below.")
    return found
