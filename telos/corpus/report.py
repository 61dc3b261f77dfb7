"""The corpus report: corpus.html, one self-contained page from the facts in corpus.json.

A pure function of these facts and, where they are told, of what the build took (`telos.corpus.timing`).  Each part is left out
where there are no facts for it.  However much was dropped, the page stays below some 2 MB: examples share
`EXAMPLE_BYTES`, and lists of inputs end after `NAMED`.  Test: tests/corpus/test_report.py.
"""

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from telos.corpus import figures
from telos.corpus.corpus import PAGE
from telos.corpus.facts import Reason, personal_data, reasons, totals, warnings
from telos.corpus.marking import differences
from telos.corpus.splits import SPLITS
from telos.corpus.steps import steps_of
from telos.foundation import yaml
from telos.foundation.files import write_file
from telos.foundation.page import templates
from telos.foundation.units import format_bytes, format_count

EXAMPLE_BYTES = 1_000_000
NAMED = 50
_BARS = 15
_NAME_CHARACTERS = 160
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
"""Control characters, those without width, and those that turn the direction of what follows them."""
_KANA, _HAN = re.compile(r"[\u3040-\u30ff]"), re.compile(r"[\u3400-\u9fff]")
_STAGES = {
    "read": "Inputs are read to documents.",
    "clean": "Encoding, Unicode form, line ends and control characters are mended; texts without characters are dropped.",
    "sampled": "Training text is chosen by a hash to fit its size, or repeated as a mixture wants it.",
}


def write_page(folder: Path, facts: dict[str, Any], timings: dict[str, Any] | None = None) -> None:
    """Write corpus.html into a folder."""
    write_file(Path(folder) / PAGE, page(facts, timings))


def page(facts: dict[str, Any], timings: dict[str, Any] | None = None) -> str:
    """The page of the corpus whose corpus.json holds these facts.  ``timings``: what timings.json holds; without, the page has no
    seconds."""
    steps = steps_of(facts["settings"])
    shown = templates("telos.corpus", html=True)
    shown.filters |= {"visible": visible, "name": short, "language": language, "percent": percent, "words": words}
    groups = [*_dropped(facts), *_changed(facts), *_pairs(facts), {"samples": facts["kept"]}]
    _share_out(groups, EXAMPLE_BYTES)
    return shown.get_template("corpus.html.jinja").render(
        facts=facts, splits=SPLITS, total=totals(facts), notes=warnings(facts),
        title=facts["settings"]["about"]["title"] or "A corpus",
        summaries=_STAGES | {step.name: step.summary for step in steps}, plots=_plots(facts), reasons=reasons(facts),
        dropped=[g for g in groups if "reason" in g], changed=[g for g in groups if "stage" in g and "reason" not in g],
        pairs=[g for g in groups if "rule" in g], kept=groups[-1]["shown"], personal=personal_data(facts, steps), named=NAMED,
        counted={name: counts for name, counts in facts["counts"].items()
                 if counts and not any(step.conceals and step.name == name for step in steps)},
        yaml=yaml.dump(facts["settings"]), timings=timings, work=timings["work_seconds"] if timings else {},
    )  # fmt: skip


# -- examples -----------------------------------------------------------------------------------------------------------


def _dropped(facts: dict[str, Any]) -> list[dict[str, Any]]:
    found = {(entry["stage"], entry["reason"]): entry["samples"] for entry in facts["dropped"]}
    return [{"stage": r.stage, "reason": r.reason, "documents": r.documents, "samples": found[r.stage, r.reason]}
            for r in reasons(facts) if found.get((r.stage, r.reason))]  # fmt: skip


def _changed(facts: dict[str, Any]) -> list[dict[str, Any]]:
    made = []
    for entry in facts["changed"]:
        samples = []
        for sample in entry["samples"]:
            before, after = differences(sample["before"], sample["after"])
            samples.append({"source": sample["source"], "left": before, "right": after})
        made.append({"stage": entry["stage"], "samples": samples})
    return made


def _pairs(facts: dict[str, Any]) -> list[dict[str, Any]]:
    made = []
    for entry in facts["pairs"]:
        samples = []
        for pair in entry["pairs"]:
            left, right = differences(pair["text"], pair["kept_text"])
            named = {name: pair[name] for name in ("source", "keeper", "similarity", "from_character")}
            samples.append(named | {"left": left, "right": right})
        made.append({"rule": entry["rule"], "samples": samples})
    return made


def _share_out(groups: list[dict[str, Any]], room: int) -> None:
    """Give each group as ``shown`` its first samples, one at least, so that all take about ``room`` bytes of HTML: what small
    groups leave is the large ones'."""
    sizes = [[_size_of(sample) for sample in group["samples"]] for group in groups]
    order = sorted(range(len(groups)), key=lambda place: (sum(sizes[place]), place))
    for done, place in enumerate(order):
        share, taken = room // (len(order) - done), 0
        while taken < len(sizes[place]) and (not taken or sum(sizes[place][: taken + 1]) <= share):
            taken += 1
        groups[place]["shown"] = groups[place]["samples"][:taken]
        room = max(0, room - sum(sizes[place][:taken]))


def _size_of(sample: dict[str, Any]) -> int:
    return 600 + sum(_size(short(value) if name in ("source", "keeper", "detail") and value else value)
                     for name, value in sample.items())  # fmt: skip


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(escape(visible(value)).encode())
    return sum(30 + _size(text) for text, _ in value) if isinstance(value, list) else 0


# -- figures ------------------------------------------------------------------------------------------------------------


def _plots(facts: dict[str, Any]) -> dict[str, str]:
    """Name → SVG of each figure that has its data."""
    described = facts["described"]
    found = {"funnel": _funnel(facts["funnel"])}
    lengths = described["characters"]
    if any(lengths):
        last = max(i for i, n in enumerate(lengths) if n) + 1
        first = next(i for i, n in enumerate(lengths) if n)
        ticks = [((i - first) / (last - first), format_count(2**i)) for i in range(first, last + 1, 1 + (last - first) // 6)]
        found["lengths"] = figures.histogram("Documents by length", lengths[first:last], ticks, "characters (each bar doubles)")
    for name, unit in (("language_confidence", "confidence in the language"), ("score", "score of relevance")):
        if any(described[name]):
            ticks = [(x / 4, f"{x / 4:g}") for x in range(5)]
            found[name] = figures.histogram(f"Documents by {unit}", described[name], ticks, unit)
    if described["languages"]:
        found["languages"] = _counts("Documents by language", described["languages"])
    if described["scripts"]:
        names = {"han": "Chinese characters or kana", "spaced": "other scripts"}
        found["scripts"] = _counts("Documents by script", {names[s]: n for s, n in described["scripts"].items()})
    if len(described["origins"]) > 1:
        rows = [(short(origin or "."), f"{format_bytes(size)} in {n:,}", [(size, figures.KEPT)])
                for origin, (n, size) in list(described["origins"].items())[:_BARS]]  # fmt: skip
        found["origins"] = figures.bars("Text by source", rows)
    return found


def _funnel(funnel: Sequence[dict[str, Any]]) -> str:
    """Documents of each stage: those that stay and, behind them, those that go."""
    rows = []
    for stage in funnel:
        into, out = stage["documents_in"], stage["documents_out"]
        value = f"{out:,}" if out == into else f"{into:,} → {out:,}"
        rows.append((words(stage["stage"]), value, [(out, figures.KEPT), (into - out, figures.LOST)]))
    return figures.bars("Documents after each stage", rows)


def _counts(name: str, counts: dict[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    total, rest = sum(counts.values()), sum(n for _, n in ordered[_BARS:])
    rows = ordered[:_BARS] + ([(f"{len(ordered) - _BARS} others", rest)] if rest else [])
    return figures.bars(name, [(label, f"{n:,} · {percent(n / total)}", [(n, figures.KEPT)]) for label, n in rows])


# -- words --------------------------------------------------------------------------------------------------------------


def visible(text: str) -> str:
    """The text with signs in place of characters that a reader cannot see or that would upset the page."""
    return _HIDDEN.sub(lambda match: f"[U+{ord(match.group()):04X}]", text)


def short(name: str) -> str:
    """A long path without its middle."""
    half = _NAME_CHARACTERS // 2
    return visible(name if len(name) <= _NAME_CHARACTERS else f"{name[:half]}…{name[-half:]}")


def language(text: str) -> str | None:
    """For the reader's fonts: "ja" where there is kana, "zh" where there are Chinese characters, else None."""
    return "ja" if _KANA.search(text) else "zh" if _HAN.search(text) else None


def percent(share: float) -> str:
    return f"{100 * share:.{2 if share < 0.1 else 3}g} %"


def words(name: str) -> str:
    return name.replace("_", " ")


__all__ = ["Reason", "page", "write_page"]
